from dataclasses import replace
from datetime import UTC, datetime

import previews
import pytest

from infra.spend.capacity import ImageState
from infra.spend.preview import words
from infra.spend.preview.decision import ERROR, EXCEEDED, FAIL_ON, FINE, Decision, Found, Thresholds, decide
from infra.spend.preview.document import document
from scripts.berth import preview as command

pytestmark = pytest.mark.usefixtures("known_prices")
GONE = Found(images=(ImageState(id="ami-1", there=False),))
NOWHERE = Found(zones=(previews.zone("us-east-1a", "none"), previews.zone("us-east-1b", "none")))
SHORT = Found(quota=(previews.quota(needed=48, free=8),))


def judged(name: str, found: Found | None = None, **thresholds: object) -> Decision:
    asked = Thresholds(**thresholds)  # type: ignore[arg-type]
    return decide("aws-vm", previews.recorded(name), now=previews.NOW, found=found, thresholds=asked)


@pytest.mark.parametrize(
    ("name", "found", "threshold"),
    [
        ("policy", None, "policy"),
        ("bigger-machine", SHORT, "quota"),
        ("create", GONE, "capacity"),
        ("create", NOWHERE, "capacity"),
        ("data-replaced", None, "replace-data"),
        ("data-deleted", None, "replace-data"),
        ("bigger-machine", None, "unknown-price"),
    ],
)
def test_a_threshold_that_is_exceeded_is_status_3(name: str, found: Found | None, threshold: str) -> None:
    decision = judged(name, found, fail_on=frozenset({threshold}))
    assert [one.threshold for one in decision.exceeded] == [f"fail-on {threshold}"]
    assert decision.status == EXCEEDED
    others = frozenset(FAIL_ON) - {threshold, "replace-data", "unknown-price"}
    assert not judged(name, found, fail_on=others).exceeded


def test_scratch_space_of_machines_is_no_lasting_data() -> None:
    assert judged("network", fail_on=frozenset({"replace-data"})).status == FINE


@pytest.mark.parametrize(
    ("most", "status"), [({"max_hourly": 0.2}, 3), ({"max_hourly": 0.3}, 0),
                         ({"max_monthly_delta": 100}, 3), ({"max_monthly_delta": 1000}, 0)],
)  # fmt: skip
def test_money_is_a_threshold(most: dict[str, float], status: int) -> None:
    assert judged("create", **most).status == status


def test_a_cheaper_environment_is_under_every_difference() -> None:
    assert judged("no-bastion", max_monthly_delta=0).status == FINE


def test_a_finding_that_stops_up_fails_without_any_threshold() -> None:
    assert judged("policy").status == ERROR


def test_a_failed_program_has_no_cost_and_is_status_1() -> None:
    decision = judged("lifetime-ended", max_hourly=0, fail_on=frozenset(FAIL_ON))
    assert decision.cost is None
    assert decision.lifetime.ended
    assert decision.status == ERROR


def test_the_lifetime_is_the_values_and_the_deployed_one_the_tags() -> None:
    lifetime = judged("nothing").lifetime
    assert lifetime.ends is not None
    assert lifetime.before == lifetime.ends
    assert lifetime.ends.isoformat() == previews.recorded("nothing").config["berth:expires_at"].replace(
        "Z", "+00:00"
    )
    assert lifetime.hours_left == (lifetime.ends - previews.NOW).total_seconds() / 3600
    extended = replace(previews.recorded("nothing"), config={"berth:expires_at": "2026-11-24T18:00:00Z"})
    later = decide("aws-vm", extended, now=previews.NOW).lifetime
    assert later.ends == datetime(2026, 11, 24, 18, tzinfo=UTC)
    assert later.before == lifetime.ends


def test_a_quota_that_is_not_known_does_not_fail() -> None:
    unknown = Found(quota=(previews.quota(needed=48, free=None, limit=None),))
    assert judged("bigger-machine", unknown, fail_on=frozenset({"quota"})).status == FINE


def test_the_document_has_a_key_for_each_section() -> None:
    found = document(judged("data-replaced", SHORT, fail_on=frozenset({"quota"})))
    assert {"changes", "cost", "quota", "capacity", "policy", "lifetime", "thresholds"} <= found.keys()
    assert found["status"] == EXCEEDED
    assert found["thresholds"]["exceeded"][0]["threshold"] == "fail-on quota"
    volume = next(one for one in found["changes"]["resources"] if one["name"] == "data")
    assert volume["forced_by"] == ["availabilityZone"]
    assert volume["loses"]["kind"] == "lasting"
    assert found["quota"]["lines"][0]["state"] == "short"
    assert document(judged("bigger-machine"))["cost"]["monthly_delta_usd"] is None


def test_the_command_line_knows_every_threshold() -> None:
    assert command.FAIL_ON == FAIL_ON


@pytest.mark.parametrize(
    ("until", "level"), [("2026-11-24T18:00:00Z", "fine"), ("2026-12-20T18:00:00Z", "warn")]
)
def test_a_budget_warns_of_what_a_lifetime_lets_through(until: str, level: str) -> None:
    extended = replace(previews.recorded("nothing"), config={"berth:expires_at": until})
    lines = words.summary(decide("aws-vm", extended, now=previews.NOW))
    (cost,) = [line for line in lines if line.heading == "Cost"]
    assert cost.level == level
    assert "a whole month is over the budget of $50.00" in cost.text
