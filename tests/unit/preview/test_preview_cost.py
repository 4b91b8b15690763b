import previews
import pytest
from steps import recording, step

from infra.spend import estimate
from infra.spend.preview import cost, wanting

T4 = {"instanceType": "g4dn.xlarge"}


def test_a_first_preview_costs_nothing_before_it() -> None:
    found = cost.of(previews.recorded("create"))
    assert found.before.hourly_usd == 0
    assert found.after.hourly_usd > 0.05, "a GPU machine, a NAT gateway, disks"
    assert found.budget_usd == 50
    assert all(line.source for row in found.rows if (line := row.after) and line.hourly_usd)


def test_a_preview_without_a_change_costs_the_same_before_and_after() -> None:
    found = cost.of(previews.recorded("nothing"))
    assert found.before == found.after
    assert not found.uneven
    assert not any(row.changes for row in found.rows)
    foreseen = cost.of(previews.recorded("create")).after
    assert found.after.hourly_usd == pytest.approx(foreseen.hourly_usd), "what was foreseen is what was made"


def test_what_goes_costs_nothing_afterwards() -> None:
    found = cost.of(previews.recorded("no-bastion"))
    gone = {row.resource for row in found.rows if row.after is None}
    assert gone == {"access-machine", "access-address"}
    assert found.hourly_delta < 0
    assert found.monthly_delta == pytest.approx(found.hourly_delta * 730)


def test_a_replaced_resource_is_counted_once_on_each_side() -> None:
    steps = [step(op, "aws:ebs/volume:Volume", inputs={"size": 100}, after={"size": 200})
             for op in ("create-replacement", "replace", "delete-replaced")]  # fmt: skip
    before, after = cost.before(recording(*steps)), cost.after(recording(*steps))
    assert [one.props["size"] for one in before] == [100]
    assert [one.props["size"] for one in after] == [200]


def test_a_price_that_is_not_known_is_no_zero(known_prices: None) -> None:
    found = cost.of(previews.recorded("bigger-machine"))
    assert found.after.unknown == ("group-group",)
    assert found.uneven, "so that no difference can be had"
    assert found.rows[0].resource == "group-group", "and it stands on top"
    same = cost.of(previews.recorded("nothing"))
    assert not same.uneven


def test_outputs_of_before_do_not_outlive_a_replacement() -> None:
    one = step("replace", "aws:ebs/volume:Volume", inputs={"size": 1}, after={"size": 2})
    assert one.old is not None
    one.old.outputs["id"] = "vol-old"  # type: ignore[index]
    assert "id" not in cost.after(recording(one))[0].props


def test_lines_are_paired_by_what_they_pay_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def lines(resources: list[estimate.Priced]) -> list[estimate.Line]:
        kinds = next(iter(resources)).props["kinds"]
        return [estimate.Line(what=what, resource="it", hourly_usd=usd) for what, usd in kinds]

    monkeypatch.setattr(estimate, "lines", lines)
    before, after = [["disk", 1.0], ["small machine", 2.0]], [["large machine", 5.0], ["disk", 1.0]]
    one = step("update", "aws:ec2/instance:Instance", inputs={"kinds": before}, after={"kinds": after})
    rows = cost.of(recording(one)).rows
    pairs = [(row.before and row.before.what, row.after and row.after.what) for row in rows]
    assert pairs == [("small machine", "large machine"), ("disk", "disk")]


def test_the_machines_that_are_wanted_are_those_to_ask_for() -> None:
    (found,) = wanting.machines(cost.after(previews.recorded("create")))
    assert found.region == "us-east-1"
    assert "g4dn.xlarge" in found.wanted.instance_types
    assert found.wanted.zones == ("us-east-1a", "us-east-1b")
    assert found.wanted.spot
    assert found.wanted.most_usd == 0.5
    assert found.images[0].startswith("ami-")


def test_a_group_without_machines_wants_none() -> None:
    group = {"desiredCapacity": 0, "mixedInstancesPolicy": {"launchTemplate": {"overrides": [T4]}}}
    assert not wanting.machines(
        cost.after(recording(step("create", "aws:autoscaling/group:Group", after=group)))
    )
