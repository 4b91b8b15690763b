"""The order of a destroy, and the data that goes, from a state alone."""

import random
from typing import Any

import pytest
from scripted_engine import resource, urn

from scripts.berth.teardown import order, state

VPC, SUBNET, BUCKET = "aws:ec2/vpc:Vpc", "aws:ec2/subnet:Subnet", "aws:s3/bucket:Bucket"
VOLUME, GROUP = "aws:ebs/volume:Volume", "aws:autoscaling/group:Group"


def exported(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"deployment": {"resources": list(resources)}}


def test_what_is_needed_goes_after_what_needs_it() -> None:
    found = order.steps(
        exported(
            resource(VPC, "net"),
            resource(SUBNET, "a", needs=[urn(VPC, "net")]),
            resource(SUBNET, "b", needs=[urn(VPC, "net")]),
            resource(GROUP, "machines", needs=[urn(SUBNET, "a"), urn(SUBNET, "b")]),
        )
    )
    assert [str(step) for step in found] == ["machines: Group", "a: Subnet; b: Subnet", "net: Vpc"]


def test_steps_name_the_outermost_component_and_count_kinds() -> None:
    outer, inner = urn("berth:network:AwsNetwork", "network"), urn("berth:network:Endpoints", "endpoints")
    found = order.steps(
        exported(
            resource("berth:network:AwsNetwork", "network"),
            resource("berth:network:Endpoints", "endpoints", parent=outer),
            resource(SUBNET, "a", parent=inner),
            resource(SUBNET, "b", parent=outer),
        )
    )
    assert [str(step) for step in found] == ["network: 2 Subnet"]


@pytest.mark.parametrize("seed", range(20))
def test_any_graph_is_deleted_from_its_leaves(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
    names = [f"r{number}" for number in range(40)]
    made = [
        resource(VPC, name, needs=[urn(VPC, other) for other in chance.sample(names[:at], min(at, 2))])
        for at, name in enumerate(names)
    ]
    at = {name: step.number for step in order.steps(exported(*made)) for name in step.parts}
    assert sorted(at) == sorted(names)
    for one in made:
        for needed in one["dependencies"]:
            assert at[one["urn"].rpartition("::")[2]] < at[needed.rpartition("::")[2]], "before what it needs"


def test_a_property_a_parent_and_a_provider_count_as_needed() -> None:
    provider = resource("pulumi:providers:aws", "aws", id="p")
    found = state.resources(
        exported(
            provider,
            resource(VPC, "net", provider=f"{provider['urn']}::p"),
            resource(SUBNET, "a", propertyDependencies={"vpcId": [urn(VPC, "net")]}, parent=urn(VPC, "net")),
        )
    )
    assert found[2].needs == {urn(VPC, "net")}
    assert found[1].needs == {provider["urn"]}
    assert [one.name for one in found if one.real] == ["net", "a"], "a provider is nothing outside the state"


@pytest.mark.parametrize(
    ("one", "fate", "what"),
    [
        (resource(BUCKET, "b", inputs={"forceDestroy": True}), "deleted", "every object"),
        (resource(BUCKET, "b"), "deleted", "forceDestroy is off"),
        (resource(BUCKET, "b", protect=True), "kept", "object"),
        (resource(BUCKET, "b", inputs={"tags": {"berth:keep": "true"}}), "kept", "object"),
        (resource(VOLUME, "v", inputs={"size": 100}), "deleted", "100 GiB"),
        (resource(VOLUME, "v", protect=True), "snapshot", "the disk"),
        (resource(VOLUME, "v", inputs={"tags": {"berth:keep": "yes"}}), "snapshot", "the disk"),
        (resource(VOLUME, "v", inputs={"tags": {"berth:keep": "false"}}), "deleted", "the disk"),
        (resource(GROUP, "g", inputs={"maxSize": 1}), "deleted", "machines"),
        (resource(VPC, "net", protect=True), "kept", "protected"),
    ],
)
def test_data_has_a_fate(one: dict[str, Any], fate: str, what: str) -> None:
    (loss,) = order.losses(exported(one))
    assert loss.fate == fate
    assert what in loss.what


def test_what_holds_no_data_is_no_loss() -> None:
    assert order.losses(exported(resource(VPC, "net"), resource(VOLUME, "v", retainOnDelete=True))) == []


@pytest.mark.parametrize(
    ("kind", "holds"),
    [
        (VOLUME, True),
        (BUCKET, True),
        ("aws:ebs/snapshot:Snapshot", True),
        ("aws:ec2/instance:Instance", False),
        ("aws:ec2/networkInterface:NetworkInterface", False),
        ("aws:lb/loadBalancer:LoadBalancer", False),
    ],
)
def test_lasting_data_is_told_from_what_can_be_cleared_away(kind: str, *, holds: bool) -> None:
    assert order.holds_data(kind) is holds


def test_all_disks_may_be_saved() -> None:
    made = exported(resource(VOLUME, "v"), resource(BUCKET, "b"))
    assert [loss.fate for loss in order.losses(made, all_disks=True)] == ["snapshot", "deleted"]
