from typing import Any

from interrupted import deployment, resource

from scripts.berth.pending import state

VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"


def names(after: dict[str, Any]) -> list[str]:
    return [one["urn"].rpartition("::")[2] for one in state.resources(after)]


def test_what_exists_joins_the_stack_and_what_does_not_is_forgotten() -> None:
    there, missing = resource(VPC, "there", {"cidrBlock": "10.0.0.0/16"}), resource(VPC, "missing", {})
    before = deployment(creating=[there, missing])
    after = state.resolved(before, {there["urn"]: "vpc-1"})
    assert names(after) == ["aws", "there"]
    joined = state.resources(after)[1]
    assert (joined["id"], joined["outputs"]) == ("vpc-1", {"cidrBlock": "10.0.0.0/16"})
    assert state.operations(after) == []
    assert len(state.operations(before)) == 2, "the caller's deployment stays as it was"
    assert state.to_look_at(before, after) == [there["urn"]]


def test_what_joined_is_looked_at_also_by_a_command_after_one_that_was_killed_again() -> None:
    there = resource(VPC, "there", {})
    after = state.resolved(deployment(creating=[there]), {there["urn"]: "vpc-1"})
    assert state.to_look_at(after, after) == [there["urn"]]


def test_what_is_in_the_state_already_does_not_join_twice() -> None:
    known = resource(VPC, "net", {}, id="vpc-1")
    before = deployment(known, creating=[resource(VPC, "net", {})])
    assert state.resolved(before, {known["urn"]: "vpc-1"})["deployment"]["resources"][1:] == [known]


def test_what_was_to_be_replaced_is_left_to_be_deleted_and_comes_behind_its_successor() -> None:
    old = resource(VPC, "net", {}, id="vpc-old")
    subnet = resource(SUBNET, "in-it", {}, id="subnet-1", dependencies=[old["urn"]])
    before = deployment(old, subnet, creating=[resource(VPC, "net", {})])
    after = state.resources(state.resolved(before, {old["urn"]: "vpc-new"}))[1:]
    assert [(one["id"], one.get("delete", False)) for one in after] == [
        ("vpc-new", False),
        ("vpc-old", True),
        ("subnet-1", False),
    ]


def test_what_was_deleted_first_gives_its_place_to_its_successor_of_the_same_id() -> None:
    old = resource(VPC, "net", {"cidrBlock": "a"}, id="vpc", pendingReplacement=True)
    subnet = resource(SUBNET, "in-it", {}, id="subnet-1", dependencies=[old["urn"]])
    before = deployment(old, subnet, creating=[resource(VPC, "net", {"cidrBlock": "b"})])
    after = state.resources(state.resolved(before, {old["urn"]: "vpc"}))[1:]
    assert [(one["id"], one["inputs"]) for one in after] == [("vpc", {"cidrBlock": "b"}), ("subnet-1", {})]
    assert not after[0].get("pendingReplacement")


def test_each_comes_behind_what_it_needs() -> None:
    late = resource(VPC, "late", {}, id="1")
    early = resource(SUBNET, "early", {}, id="2", propertyDependencies={"vpcId": [late["urn"]]})
    other = resource(VPC, "other", {}, id="3")
    assert [one["id"] for one in state.ordered([early, other, late])] == ["1", "2", "3"]
    assert [one["id"] for one in state.ordered([late, other, early])] == ["1", "3", "2"]


def test_what_was_changed_or_deleted_stays_and_is_looked_at() -> None:
    changed, deleted, quiet = (resource(VPC, name, {}, id=name) for name in ("changed", "deleted", "quiet"))
    before = deployment(changed, deleted, quiet, updating=[changed], deleting=[deleted])
    after = state.resolved(before, {})
    assert names(after) == ["aws", "changed", "deleted", "quiet"]
    assert state.to_look_at(before, after) == [changed["urn"], deleted["urn"]]
    assert state.to_look_at(before, after, again={VPC}) == [deleted["urn"]]


def test_components_and_providers_are_made_anew() -> None:
    component = {"urn": "u", "type": "berth:network:AwsNetwork", "custom": False}
    provider = {"urn": "p", "type": "pulumi:providers:aws", "custom": True}
    assert state.creating(deployment(creating=[component, provider])) == []


def test_a_kubernetes_object_is_not_read_but_its_next_update_waits_for_it() -> None:
    job = resource("kubernetes:batch/v1:Job", "train", {"metadata": {"name": "t", "namespace": "n"}})
    before = deployment(creating=[job])
    after = state.resolved(before, {job["urn"]: "n/t"})
    assert state.resources(after)[1]["initErrors"]
    assert state.to_look_at(before, after) == []
