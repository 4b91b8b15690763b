import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from leaky_account import OURS, Leaky

from infra.spend.leaks import LEAKED, UNCERTAIN, Finding
from rehearsal.errors import BerthError
from scripts.berth.leaks import deletion, removal


def finding(id_: str, type_: str = "aws:ebs/volume:Volume", **fields: Any) -> Finding:
    known: dict[str, Any] = {
        "region": "us-east-1",
        "name": "",
        "environment": "aws-vm",
        "owner": "me",
        "created": None,
    }
    known |= {"cls": LEAKED, "reason": "not in the state"}
    return Finding(id=id_, type=type_, **(known | fields))


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": f"said {code}"}}, "Delete")


@pytest.mark.parametrize(
    "code", ["DependencyViolation", "VolumeInUse", "Throttling", "InvalidIPAddress.InUse"]
)
def test_what_clears_with_time_is_tried_again(
    leaky: Leaky, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    left = [refused(code), refused(code)]
    said: list[str] = []

    def remove(*_: object) -> None:
        if left:
            raise left.pop()

    monkeypatch.setitem(removal._REMOVE, "aws:ebs/volume:Volume", remove)  # type: ignore[arg-type]
    done = deletion.delete(leaky.place, [finding("vol-1")], leaky.log, said.append)
    assert [one.done for one in done] == [True]
    assert sum("not yet" in one for one in said) == 1, "the same refusal is said once"


def test_what_never_clears_is_given_up_and_the_rest_is_done(
    leaky: Leaky, monkeypatch: pytest.MonkeyPatch
) -> None:
    def remove(_: object, id_: str) -> None:
        if id_ == "vol-stuck":
            raise refused("DependencyViolation")

    monkeypatch.setitem(removal._REMOVE, "aws:ebs/volume:Volume", remove)  # type: ignore[arg-type]
    found = [finding("vol-stuck"), finding("vol-1")]
    done = deletion.delete(leaky.place, found, leaky.log, lambda _: None, minutes=0)
    assert {one.finding.id: one.done for one in done} == {"vol-stuck": False, "vol-1": True}
    assert [row["outcome"] for row in leaky.logged() if row["id"] == "vol-stuck"] == ["asked", "refused"]


def test_a_refusal_for_good_is_not_repeated(leaky: Leaky, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def remove(_: object, id_: str) -> None:
        asked.append(id_)
        raise refused("UnauthorizedOperation")

    monkeypatch.setitem(removal._REMOVE, "aws:ebs/volume:Volume", remove)  # type: ignore[arg-type]
    (done,) = deletion.delete(leaky.place, [finding("vol-1")], leaky.log, lambda _: None)
    assert asked == ["vol-1"]
    assert "does not let you" in done.said


def test_what_is_gone_already_is_done(leaky: Leaky) -> None:
    (done,) = deletion.delete(leaky.place, [finding("vol-0123456789abcdef0")], leaky.log, lambda _: None)
    assert done.done


def test_only_the_leaked_are_deleted_whatever_is_handed_over(leaky: Leaky) -> None:
    volume = leaky.volume(OURS)
    assert deletion.delete(leaky.place, [finding(volume, cls=UNCERTAIN)], leaky.log, lambda _: None) == []
    assert len(leaky.ec2.describe_volumes()["Volumes"]) == 1
    assert leaky.logged() == []


def test_the_order_is_what_holds_before_what_is_held() -> None:
    order = [
        "kubernetes:core/v1:Service",
        "kubernetes:core/v1:Namespace",
        "aws:autoscaling/group:Group",
        "aws:ec2/instance:Instance",
        "aws:lb/loadBalancer:LoadBalancer",
        "aws:ec2/natGateway:NatGateway",
        "aws:ec2/networkInterface:NetworkInterface",
        "aws:ec2/eip:Eip",
        "aws:ebs/volume:Volume",
        "aws:ec2/ami:Ami",
        "aws:ebs/snapshot:Snapshot",
        "aws:ec2/securityGroup:SecurityGroup",
        "aws:ec2/subnet:Subnet",
        "aws:ec2/vpc:Vpc",
        "aws:iam/instanceProfile:InstanceProfile",
        "aws:iam/role:Role",
        "aws:unheard/of:Thing",
    ]
    assert sorted(order, key=removal.rank) == order


def test_an_unknown_type_is_said_to_be_unknown(leaky: Leaky) -> None:
    with pytest.raises(BerthError, match="does not know how to delete aws:unheard/of:Thing"):
        removal.remove(leaky.place, finding("x", "aws:unheard/of:Thing"))


def test_a_role_goes_with_its_policies_and_out_of_its_profile(leaky: Leaky) -> None:
    iam = leaky.client("iam")
    tags = [{"Key": key, "Value": value} for key, value in OURS.items()]
    iam.create_role(RoleName="machine-1", AssumeRolePolicyDocument="{}", Tags=tags)
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    iam.put_role_policy(RoleName="machine-1", PolicyName="p", PolicyDocument=json.dumps(policy))
    iam.create_instance_profile(InstanceProfileName="machine-2")
    iam.add_role_to_instance_profile(InstanceProfileName="machine-2", RoleName="machine-1")
    leaky.knows(destroyed=True)
    found = leaky.find()
    assert {one.kind: one.cls for one in found.values()} == {"Role": LEAKED, "InstanceProfile": LEAKED}
    assert all(one.done for one in leaky.delete(found).values())
    assert leaky.find() == {}


def test_each_line_of_the_log_says_who_deleted_what_and_why(leaky: Leaky) -> None:
    volume = leaky.volume(OURS)
    leaky.knows(destroyed=True)
    leaky.delete(leaky.find())
    asked, deleted = leaky.logged()
    assert (asked["outcome"], deleted["outcome"]) == ("asked", "deleted")
    assert {asked["id"], deleted["id"]} == {volume}
    assert asked["why"] == "the environment has been destroyed"
    assert asked["owner"] == "ml-team"
    assert asked["daily_usd"] > 0
    assert asked["by"]


def test_an_interface_that_a_service_made_is_left_to_the_service(leaky: Leaky) -> None:
    class Ec2:
        def describe_network_interfaces(self, **_: Any) -> Any:
            return {"NetworkInterfaces": [{"RequesterManaged": True}]}

    leaky.place.clients["ec2", "us-east-1", ""] = Ec2()
    with pytest.raises(removal.NotYet, match="the service that made it removes it"):
        removal.remove(leaky.place, finding("eni-1", "aws:ec2/networkInterface:NetworkInterface"))
