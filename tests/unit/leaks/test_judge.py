from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.spend import leaks
from infra.spend.leaks import IN_USE, LEAKED, PROTECTED, UNCERTAIN, Live, Stack

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
OURS = {"berth:environment": "trial", "berth:owner": "me", "berth:managed-by": "berth"}
DESTROYED = Stack(environment="trial", destroyed=True, owners=frozenset({"me"}))


def live(id_: str, **fields: Any) -> Live:
    return Live(**{"id": id_, "type": "aws:ebs/volume:Volume", "tags": OURS, **fields})


def classes(*lives: Live, stack: Stack = DESTROYED) -> dict[str, str]:
    return {one.id: one.cls for one in leaks.judge(lives, stack, NOW)}


def test_a_thing_shares_the_fate_of_the_holder_that_is_least_to_be_deleted() -> None:
    kept = live("i-aaaaaaaa", tags={**OURS, "berth:keep": "yes"})
    gone = live("i-bbbbbbbb")
    both = live("vol-cccccccc", holders=("i-bbbbbbbb", "i-aaaaaaaa"))
    assert classes(kept, gone, both) == {
        "i-aaaaaaaa": PROTECTED,
        "i-bbbbbbbb": LEAKED,
        "vol-cccccccc": PROTECTED,
    }


def test_things_that_hold_each_other_are_uncertain() -> None:
    one = live("eni-aaaaaaaa", holders=("eni-bbbbbbbb",))
    other = live("eni-bbbbbbbb", holders=("eni-aaaaaaaa",))
    assert set(classes(one, other).values()) == {UNCERTAIN}


def test_what_is_used_by_something_elsewhere_in_the_account_is_uncertain() -> None:
    assert classes(live("vol-aaaaaaaa", holders=("i-bbbbbbbb",))) == {"vol-aaaaaaaa": UNCERTAIN}


def test_what_the_cloud_ends_with_a_leaked_holder_is_leaked_without_tags() -> None:
    nat = live("nat-aaaaaaaa", inside="vpc-aaaaaaaa")
    interface = live("eni-aaaaaaaa", tags={}, holders=("nat-aaaaaaaa",), goes=True)
    hung_on = live("eni-bbbbbbbb", tags={}, holders=("nat-aaaaaaaa",))
    assert classes(nat, interface, hung_on) == {
        "nat-aaaaaaaa": LEAKED,
        "eni-aaaaaaaa": LEAKED,
        "eni-bbbbbbbb": UNCERTAIN,
    }


def test_a_stacks_own_things_are_known_by_arn_by_specific_id_or_by_type_and_name() -> None:
    stack = Stack(
        environment="trial",
        there=True,
        owners=frozenset({"me"}),
        ids=frozenset({("aws:iam/role:Role", "machine"), ("aws:ec2/defaultRouteTable:X", "rtb-aaaaaaaa")}),
        arns=frozenset({"arn:aws:sns:::topic"}),
    )
    known = [
        live("machine", type="aws:iam/role:Role"),
        live("rtb-aaaaaaaa", type="aws:ec2/routeTable:RouteTable"),
        live("topic", arn="arn:aws:sns:::topic"),
    ]
    assert classes(*known, stack=stack) == {}
    same_name = live("machine", type="aws:cloudwatch/logGroup:LogGroup")
    assert classes(same_name, stack=stack) == {"machine": LEAKED}, "a name is a name of one type only"


def test_the_group_must_be_in_the_state_and_alive() -> None:
    stack = Stack(
        environment="trial",
        there=True,
        owners=frozenset({"me"}),
        ids=frozenset({("aws:autoscaling/group:Group", "machine")}),
    )
    machine = live("i-aaaaaaaa", type="aws:ec2/instance:Instance", holders=("machine",))
    group = live("machine", type="aws:autoscaling/group:Group")
    assert classes(machine, group, stack=stack) == {"i-aaaaaaaa": IN_USE}
    assert classes(machine, stack=stack) == {"i-aaaaaaaa": LEAKED}


@pytest.mark.parametrize("tags", [{"berth:keep": "true"}, {"berth:source": "i-1"}])
def test_protection_needs_no_stack(tags: dict[str, str]) -> None:
    nobody = Stack(environment="trial")
    assert classes(live("vol-aaaaaaaa", tags=OURS | tags), stack=nobody) == {"vol-aaaaaaaa": PROTECTED}


def test_age_is_counted_to_the_minute_of_grace() -> None:
    stack = Stack(environment="trial", there=True, owners=frozenset({"me"}))
    old, young = NOW - leaks.GRACE, NOW - leaks.GRACE + timedelta(seconds=1)
    assert classes(live("vol-aaaaaaaa", created=old), stack=stack) == {"vol-aaaaaaaa": LEAKED}
    assert classes(live("vol-aaaaaaaa", created=young), stack=stack) == {"vol-aaaaaaaa": leaks.TOO_YOUNG}


def test_whose_cluster_it_is() -> None:
    assert leaks.cluster_of({"kubernetes.io/cluster/a": "owned"}) == "a"
    assert leaks.cluster_of({"kubernetes.io/cluster/a": "shared"}) == ""
    assert leaks.cluster_of({"elbv2.k8s.aws/cluster": "b"}) == "b"
    assert leaks.cluster_of({"ebs.csi.aws.com/cluster": "true"}) == "", (
        "that it is some cluster's is all it says"
    )


def test_a_stack_is_read_from_its_export() -> None:
    volume = {"type": "aws:ebs/volume:Volume", "id": "vol-1", "custom": True}
    outputs = {"arn": "arn:1", "tagsAll": {"berth:owner": "me"}}
    provider = {"type": "pulumi:providers:aws", "id": "p", "custom": True}
    cluster = {"type": "aws:eks/cluster:Cluster", "id": "train", "custom": True}
    manifest = {"time": "2026-11-01T00:00:00Z"}
    found = leaks.stack_of(
        "trial",
        {
            "deployment": {
                "manifest": manifest,
                "resources": [{**volume, "outputs": outputs}, provider, cluster],
            }
        },
    )
    assert (found.there, found.destroyed) == (True, False)
    assert found.owners == {"me"}
    assert found.arns == {"arn:1"}
    assert found.clusters == {"train"}
    assert ("pulumi:providers:aws", "p") not in found.ids
    empty = leaks.stack_of("trial", {"deployment": {"manifest": manifest}})
    assert (empty.there, empty.destroyed) == (False, True)
    assert not leaks.stack_of("trial", None).destroyed


def test_what_is_ending_is_nothing_to_tell_nor_what_ends_with_it() -> None:
    machine = live("i-aaaaaaaa", ending=True)
    root = live("vol-aaaaaaaa", holders=("i-aaaaaaaa",), goes=True)
    data = live("vol-bbbbbbbb", holders=("i-aaaaaaaa",))
    address = live("eipalloc-aaaaaaaa")
    gateway = live("nat-aaaaaaaa", ending=True, parts=("eipalloc-aaaaaaaa",))
    assert classes(machine, root, data, address, gateway) == {
        "vol-bbbbbbbb": LEAKED,
        "eipalloc-aaaaaaaa": LEAKED,
    }
    group = live("sg-aaaaaaaa")
    keeper = live("eni-aaaaaaaa", holders=("i-aaaaaaaa",), goes=True, blocks=("sg-aaaaaaaa",), tags={})
    (found,) = leaks.judge([group, keeper, machine], DESTROYED, NOW)
    assert found.blocked_by == (), "what is about to be gone holds nothing for long"


def test_two_things_of_one_name_are_two() -> None:
    role = live("machine", type="aws:iam/role:Role")
    profile = live(
        "machine", type="aws:iam/instanceProfile:InstanceProfile", tags={**OURS, "berth:keep": "yes"}
    )
    found = {one.type: one.cls for one in leaks.judge([role, profile], DESTROYED, NOW)}
    assert found == {role.type: LEAKED, profile.type: PROTECTED}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"tags": OURS | {"berth:owner": "they"}}, "belongs to they, not to me"),
        ({"tags": {"berth:environment": "trial"}}, "not berth:managed-by"),
        ({"tags": OURS | {"berth:managed-by": "terraform"}}, "not berth:managed-by"),
        ({"doubt": "objects would be lost"}, "objects would be lost"),
    ],
)
def test_a_doubt_makes_it_uncertain_and_is_said(fields: dict[str, Any], said: str) -> None:
    (found,) = leaks.judge([live("vol-aaaaaaaa", **fields)], DESTROYED, NOW)
    assert found.cls == UNCERTAIN
    assert said in found.reason
