"""What the ways in declare: who is let in, from where, and what the machine at the door may do."""

import json
from typing import Any

import pytest
from components import declare
from recorder import Recording

from infra.access.bastion import MOST_ADDRESSES, Bastion, BastionArgs
from infra.access.instance_connect import InstanceConnect, InstanceConnectArgs
from infra.access.ssm import SessionManager, SessionManagerArgs


def bastion(*allowed: str) -> Recording:
    args = BastionArgs(
        environment="trial",
        vpc_id="vpc-1",
        subnet_id="subnet-1",
        machine_security_group_id="sg-machine",
        allowed=allowed or ("203.0.113.7/32",),
        image_id="ami-1",
        user_data="#cloud-config\n",
        bucket_arn="arn:aws:s3:::data",
    )

    def make() -> dict[str, Any]:
        made = Bastion("bastion", args)
        return {"address": made.public_address, "instance": made.instance_id, "list": made.prefix_list_id}

    return declare(make)


def changed(before: Recording, after: Recording) -> set[str]:
    """The resources, by name, that differ. They are declared in no order of their own."""
    old, new = ({(one.type, one.name): one for one in run.resources} for run in (before, after))
    assert old.keys() == new.keys()
    return {key[1] for key in old if old[key] != new[key]}


def test_a_changed_address_changes_the_prefix_list_and_nothing_else() -> None:
    before, after = bastion("203.0.113.7/32"), bastion("203.0.113.8/32", "198.51.100.0/24")
    assert changed(before, after) == {"bastion-allowed"}


def test_the_order_of_the_addresses_makes_no_difference() -> None:
    one, other = ("203.0.113.7/32", "198.51.100.0/24"), ("198.51.100.0/24", "203.0.113.7/32")
    assert changed(bastion(*one), bastion(*other)) == set()


def test_ssh_comes_in_from_the_list_alone() -> None:
    recording = bastion()
    rules = {one.name: one.inputs for one in recording.of("SecurityGroupIngressRule")}
    door = rules.pop("bastion-ssh")
    assert (door["prefixListId"], door["fromPort"], door["toPort"]) == ("bastion-allowed-id", 22, 22)
    assert not {"cidrIpv4", "cidrIpv6"} & door.keys()
    (machines,) = rules.values()
    assert machines["securityGroupId"] == "sg-machine"
    assert machines["referencedSecurityGroupId"] == "bastion-group-id"
    assert recording.one("ManagedPrefixList").inputs["maxEntries"] == MOST_ADDRESSES


def test_the_bastion_keeps_its_address_when_it_is_replaced() -> None:
    recording = bastion()
    assert recording.one("EipAssociation").inputs["instanceId"] == "bastion-machine-id"
    assert "instance" not in recording.one("Eip").inputs
    assert recording.outputs == {
        "address": "198.51.100.7",
        "instance": "bastion-machine-id",
        "list": "bastion-allowed-id",
    }


def test_the_bastions_credentials_and_disk_are_guarded() -> None:
    machine = bastion().one("Instance").inputs
    assert machine["metadataOptions"] == {
        "httpEndpoint": "enabled",
        "httpTokens": "required",
        "httpPutResponseHopLimit": 1,
    }
    assert machine["rootBlockDevice"]["encrypted"] is True
    assert machine["userDataReplaceOnChange"] is True
    assert machine["tags"]["berth:role"] == "bastion"


def test_the_bastion_may_report_and_no_more() -> None:
    recording = bastion()
    write, read = json.loads(recording.one("RolePolicy").inputs["policy"])["Statement"]
    assert (write["Action"], write["Resource"]) == ("s3:PutObject", "arn:aws:s3:::data/machines/i-*")
    assert read["Action"] == "s3:GetObject"
    assert set(read["Resource"]) == {
        "arn:aws:s3:::data/machines/bringup/*",
        "arn:aws:s3:::data/machines/expires-at",
        "arn:aws:s3:::data/machines/i-*/probe",
    }
    assert recording.of("RolePolicyAttachment") == []


def test_the_instance_connect_endpoint_reaches_the_machines_ssh_port_alone() -> None:
    args = InstanceConnectArgs(
        environment="trial", vpc_id="vpc-1", subnet_id="subnet-1", machine_security_group_id="sg-machine"
    )
    recording = declare(lambda: {"endpoint": InstanceConnect("door", args).endpoint_id})
    assert recording.outputs == {"endpoint": "door-endpoint-id"}
    assert recording.one("InstanceConnectEndpoint").inputs["securityGroupIds"] == ["door-group-id"]
    inwards = recording.one("SecurityGroupIngressRule").inputs
    outwards = recording.one("SecurityGroupEgressRule").inputs
    for rule in (inwards, outwards):
        assert (rule["ipProtocol"], rule["fromPort"], rule["toPort"]) == ("tcp", 22, 22)
        assert not {"cidrIpv4", "prefixListId"} & rule.keys()
    assert (inwards["securityGroupId"], inwards["referencedSecurityGroupId"]) == (
        "sg-machine",
        "door-group-id",
    )
    assert (outwards["securityGroupId"], outwards["referencedSecurityGroupId"]) == (
        "door-group-id",
        "sg-machine",
    )


def test_sessions_open_no_port() -> None:
    recording = declare(lambda: SessionManager("sessions", SessionManagerArgs(role="machine")) and None)
    assert {one.type for one in recording.resources if one.custom} == {"aws:iam/rolePolicy:RolePolicy"}
    (allowed,) = json.loads(recording.one("RolePolicy").inputs["policy"])["Statement"]
    assert "ssm:UpdateInstanceInformation" in allowed["Action"]
    assert not [action for action in allowed["Action"] if "*" in action or "Parameter" in action]


@pytest.mark.parametrize("kind", ["Bastion", "InstanceConnect", "SessionManager"])
def test_the_type_tokens_are_permanent(kind: str) -> None:
    makes = {
        "Bastion": bastion,
        "InstanceConnect": lambda: declare(
            lambda: (
                InstanceConnect(
                    "door",
                    InstanceConnectArgs(
                        environment="trial", vpc_id="v", subnet_id="s", machine_security_group_id="g"
                    ),
                )
                and None
            )
        ),
        "SessionManager": lambda: declare(
            lambda: SessionManager("sessions", SessionManagerArgs(role="machine")) and None
        ),
    }
    assert f"berth:access:{kind}" in {one.type for one in makes[kind]().resources}
