"""What is needed of quotas, and whether it fits."""

from typing import Any

import pytest
from cost_samples import committed, group

from infra.spend.estimate import Priced
from infra.spend.quota import Granted, Need, QuotaLine, judge, needs
from infra.spend.quotas.aws import family, vcpus

SPOT, ON_DEMAND = "L-3819A6DF", "L-DB2E81BA"
HERE = ("us-east-1", SPOT)


def amounts(resources: list[Priced]) -> dict[str, float]:
    return {one.code: one.amount for one in needs(resources)}


def test_a_committed_environment_needs_vcpus_of_the_right_family_and_market() -> None:
    assert amounts(committed("aws-vm")) == {
        SPOT: 4,
        "L-1216C47A": 2,  # the bastion
        "L-0263D0A3": 2,
        "L-A4707A72": 1,
        "L-F678F1CE": 1,
    }


def test_a_fallback_s_quota_is_needed_before_the_night_it_is_used_in() -> None:
    assert amounts(committed("aws-vm-instance-connect-nat-per-zone"))[ON_DEMAND] == 4


def test_a_group_needs_its_smallest_type_and_says_what_the_largest_would() -> None:
    (need,) = needs([group(["g4dn.4xlarge", "g4dn.xlarge"])])
    assert (need.code, need.amount, need.unit) == (SPOT, 4, "vCPUs")
    assert need.note == "g4dn.xlarge; 16 as g4dn.4xlarge"


def test_needs_of_a_quota_are_added_up_by_region() -> None:
    def other(region: str) -> Priced:
        known = group(["g4dn.xlarge"], desiredCapacity=3, maxSize=3)
        return Priced(type=known.type, name=region, props=known.props, region=region)

    found = {
        one.region: one.amount for one in needs([other("us-east-1"), other("us-east-1"), other("eu-west-1")])
    }
    assert found == {"us-east-1": 24, "eu-west-1": 12}


@pytest.mark.parametrize(
    ("name", "spot", "code"),
    [
        ("g4dn.xlarge", True, SPOT),
        ("gr6.4xlarge", False, ON_DEMAND),
        ("p4d.24xlarge", True, "L-7212CCBC"),
        ("p5.48xlarge", True, "L-C4BD4855"),
        ("p6-b200.48xlarge", True, "L-C4BD4855"),
        ("p5.48xlarge", False, "L-417A185B"),
        ("t3.nano", False, "L-1216C47A"),
        ("im4gn.large", True, "L-34B43A08"),
        ("trn1.2xlarge", False, None),
        ("x2gd.metal", False, None),
    ],
)
def test_a_machine_counts_against_the_quota_of_its_family(name: str, spot: bool, code: str | None) -> None:
    found = family(name, spot=spot)
    assert (found.code if found else None) == code


@pytest.mark.parametrize(
    ("name", "count"),
    [("t3.nano", 2), ("m7i.large", 2), ("g6.xlarge", 4), ("p5.48xlarge", 192), ("m7i.metal-24xl", None)],
)
def test_a_machine_s_vcpus_are_those_of_its_size(name: str, count: int | None) -> None:
    assert vcpus(name) == count


def judged(after: float, granted: Granted | None, before: float = 0) -> QuotaLine:
    def need(amount: float) -> list[Need]:
        return [Need(code=SPOT, name="G", amount=amount, unit="vCPUs", region="us-east-1")]

    (line,) = judge(need(before), need(after), {HERE: granted} if granted else {})
    return line


@pytest.mark.parametrize(
    ("after", "before", "granted", "state", "free"),
    [
        (4, 0, Granted(limit=8, used=4), "fits", 4),
        (8, 0, Granted(limit=8, used=4), "short", 4),
        (4, 0, Granted(limit=0, used=0), "short", 0),
        # What this environment uses already is not counted twice.
        (8, 4, Granted(limit=8, used=4), "fits", 8),
        (8, 4, Granted(limit=8, used=8), "short", 4),
        (4, 4, Granted(limit=0, used=4), "fits", 0),
        # Machines that were to be there but are not free nothing.
        (8, 8, Granted(limit=16, used=4), "fits", 16),
        # Nobody knows, unless the limit alone does not do.
        (4, 0, None, "unknown", None),
        (4, 0, Granted(limit=8), "unknown", None),
        (16, 0, Granted(limit=8), "short", None),
    ],
)
def test_an_amount_fits_is_short_or_unknown(
    after: float, before: float, granted: Granted | None, state: str, free: float | None
) -> None:
    line = judged(after, granted, before)
    assert (line.state, line.free, line.needed) == (state, free, after)


def test_cards_of_google_cloud_are_counted_by_model_and_market_and_in_all() -> None:
    def pool(**config: Any) -> Priced:
        cards = [{"type": "nvidia-l4", "count": 2}]
        props = {
            "location": "us-central1-a",
            "nodeCount": 3,
            "nodeConfig": {"guestAccelerators": cards, **config},
        }
        return Priced(type="gcp:container/nodePool:NodePool", name="it", props=props)

    assert amounts([pool(spot=True)]) == {"PREEMPTIBLE_NVIDIA_L4_GPUS": 6, "GPUS_ALL_REGIONS": 6}
    assert amounts([pool()]) == {"NVIDIA_L4_GPUS": 6, "GPUS_ALL_REGIONS": 6}


def test_an_openstack_project_s_quotas_are_counted() -> None:
    found = [
        Priced(type="openstack:compute/instance:Instance", name="a", props={"flavorName": "gpu.1.1gpu"}),
        Priced(type="openstack:blockstorage/volume:Volume", name="b", props={"size": 200}),
        Priced(type="openstack:networking/floatingIp:FloatingIp", name="c", props={}),
    ]
    assert amounts(found) == {"instances": 1, "volumes": 1, "gigabytes": 200, "floatingip": 1}
