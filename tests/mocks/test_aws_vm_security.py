"""Who reaches what in `aws-vm`, what may do what, and whose everything is."""

import json
from typing import Any

import pytest
from aws_vm_views import aws, contents, machine_tags, statements, str_of, template, user_data

from infra.network.plan import INTERFACE_SERVICES

ZONES = ["us-east-1a", "us-east-1b"]
PREBUILT = {"image": {"distribution": "ubuntu-24.04", "profile": "nvidia"}}
NETWORKS = {
    "none": {"network": {"zones": ZONES, "nat": "none"}, "machine": PREBUILT},
    "one": {"network": {"zones": ZONES, "nat": "one"}},
    "per-zone": {"network": {"zones": ZONES, "nat": "per-zone"}},
}
ACCESSES = ["ssm", "bastion", "instance-connect"]


@pytest.mark.parametrize("access", ACCESSES)
@pytest.mark.parametrize("nat", sorted(NETWORKS))
def test_nothing_on_the_internet_reaches_a_machine(run_aws_vm: Any, nat: str, access: str) -> None:
    recording = run_aws_vm(**NETWORKS[nat], access={"kind": access})
    for rule in recording.of("SecurityGroupIngressRule"):
        assert rule.inputs.get("cidrIpv4") != "0.0.0.0/0", rule.name
        assert "cidrIpv6" not in rule.inputs, rule.name
    for group in recording.of("SecurityGroup"):
        assert not group.inputs.get("ingress"), f"{group.name}: rules are resources of their own"
    default = recording.one("DefaultSecurityGroup").inputs
    assert not default.get("ingress")
    assert not default.get("egress")
    (interface,) = template(recording)["networkInterfaces"]
    assert interface["associatePublicIpAddress"] == "false"
    assert interface["securityGroups"] == ["guard-group-id"]
    private = {one.name for one in recording.of("Subnet") if "private" in one.name}
    assert set(recording.one("Group", "group-").inputs["vpcZoneIdentifiers"]) == {f"{n}-id" for n in private}


@pytest.mark.parametrize("access", ACCESSES)
def test_the_way_in_is_the_one_that_the_values_choose(run_aws_vm: Any, access: str) -> None:
    recording = run_aws_vm(access={"kind": access})
    bastion, endpoints = recording.of("Instance"), recording.of("InstanceConnectEndpoint")
    assert len(bastion) == (access == "bastion")
    assert len(endpoints) == (access == "instance-connect")
    to_machine = [
        one
        for one in recording.of("SecurityGroupIngressRule")
        if one.inputs["securityGroupId"] == "guard-group-id"
    ]
    assert len(to_machine) == (access != "ssm"), "with Session Manager nothing comes in at all"
    for rule in to_machine:
        assert (rule.inputs["fromPort"], rule.inputs["toPort"]) == (22, 22)
        assert rule.inputs["referencedSecurityGroupId"], "from the way in, not from addresses"
    sessions = [one for one in recording.of("RolePolicy") if "ssmmessages" in str(one.inputs["policy"])]
    assert [one.name for one in sessions] == (["access-sessions"] if access == "ssm" else [])
    assert ("amazon-ssm-agent" in contents(recording)) is (access == "ssm")
    assert recording.outputs["access"] == access
    assert (recording.outputs["bastion_address"] is not None) is (access == "bastion")


@pytest.mark.parametrize(
    ("nat", "gateways", "services"), [("none", 0, True), ("one", 1, False), ("per-zone", 2, False)]
)
def test_private_machines_reach_what_they_need(
    run_aws_vm: Any, nat: str, gateways: int, *, services: bool
) -> None:
    recording = run_aws_vm(**NETWORKS[nat], access={"kind": "ssm"})
    assert len(recording.of("NatGateway")) == gateways
    endpoints = [one.inputs["serviceName"].rpartition("us-east-1.")[2] for one in recording.of("VpcEndpoint")]
    assert sorted(endpoints) == sorted(["s3", *(INTERFACE_SERVICES if services else ())])


def test_a_changed_own_address_changes_one_resource(run_aws_vm: Any) -> None:
    before, after = run_aws_vm(), run_aws_vm(allowed_addresses=["198.51.100.9/32"])
    changed = [
        one.name
        for one, other in zip(
            sorted(before.resources, key=str_of), sorted(after.resources, key=str_of), strict=True
        )
        if one != other
    ]
    assert changed == ["access-allowed"]


def test_the_metadata_service_wants_a_token_and_reaches_containers(run_aws_vm: Any) -> None:
    recording = run_aws_vm()
    machine = template(recording)["metadataOptions"]
    assert (machine["httpTokens"], machine["httpPutResponseHopLimit"]) == ("required", 2)
    assert recording.one("Instance").inputs["metadataOptions"]["httpTokens"] == "required"


def test_every_volume_is_encrypted_gp3_and_goes_with_its_machine(run_aws_vm: Any) -> None:
    recording = run_aws_vm()
    volumes = template(recording)["blockDeviceMappings"]
    assert [(one["deviceName"], one["ebs"]["volumeSize"]) for one in volumes] == [
        ("/dev/xvda", 20),
        ("/dev/sdf", 60),
    ]
    for one in volumes:
        ebs = one["ebs"]
        assert (ebs["encrypted"], ebs["volumeType"], ebs["deleteOnTermination"]) == ("true", "gp3", "true")
    assert recording.one("Instance").inputs["rootBlockDevice"]["encrypted"] is True


def test_the_root_volume_is_the_one_that_the_distribution_boots_from(run_aws_vm: Any) -> None:
    volumes = template(run_aws_vm(machine=PREBUILT))["blockDeviceMappings"]
    assert volumes[0]["deviceName"] == "/dev/sda1", "another name would be a second, empty volume"
    assert volumes[0]["ebs"]["volumeSize"] == 100, "its image needs more than a plain one"


def test_the_machine_s_role_is_the_least_that_it_needs(run_aws_vm: Any) -> None:
    recording = run_aws_vm()
    allowed = statements(recording, "role-rights")
    for one in allowed:
        actions = [one["Action"]] if isinstance(one["Action"], str) else one["Action"]
        assert not any("*" in action for action in actions), one["Sid"]
        if one["Resource"] == "*":
            assert actions == ["ecr:GetAuthorizationToken"], "the one that cannot be limited"
    bucket = "arn:aws:bucket:123456789012:bucket-bucket"
    writing = [one["Resource"] for one in allowed if one["Sid"] in {"Report", "OldCheckpoints"}]
    changing = ("Put", "Delete")
    assert len([one for one in allowed if any(word in str(one["Action"]) for word in changing)]) == 2
    assert writing == [[f"{bucket}/machines/i-*", f"{bucket}/runs/*"], [f"{bucket}/runs/*"]], (
        "not machines/expires-at: a machine may not lengthen its own life"
    )
    assert recording.one("InstanceProfile", "role").inputs["role"] == "role-role-1a2b3c4"


def test_everything_carries_whose_it_is_and_until_when(run_aws_vm: Any) -> None:
    recording = run_aws_vm()
    provider = next(one for one in recording.resources if one.type == "pulumi:providers:aws")
    expected = {
        "berth:environment": "aws-vm",
        "berth:owner": "ml-team",
        "berth:managed-by": "berth",
        "berth:expires-at": "2026-11-22T20:00:00Z",
    }
    assert json.loads(provider.inputs["defaultTags"])["tags"] == expected
    assert provider.inputs["region"] == "us-east-1"
    assert expected.items() <= machine_tags(recording).items(), "default tags do not reach a group"
    assert machine_tags(recording)["berth:role"] == "machine"
    assert all(tag["propagateAtLaunch"] for tag in recording.one("Group", "group-").inputs["tags"])
    made = {one["resourceType"]: one["tags"] for one in template(recording)["tagSpecifications"]}
    assert set(made) == {"instance", "network-interface", "volume"}
    assert all(tags["berth:environment"] == "aws-vm" for tags in made.values())
    for one in aws(recording):
        assert one.provider == "aws", f"{one.name} belongs to another provider"


def test_every_resource_belongs_to_a_component_or_the_stack(run_aws_vm: Any) -> None:
    for one in aws(run_aws_vm()):
        assert one.parent != "berth-aws-vm", f"{one.name} hangs in the air"
        assert one.name.startswith(f"{one.parent}-"), f"{one.name} is named after its component"


def test_people_get_a_group_only_when_asked(run_aws_vm: Any) -> None:
    assert not [one for one in aws(run_aws_vm()) if "iam/group" in one.type]
    recording = run_aws_vm(people={"enabled": True, "users": ["bob", "alice"]})
    assert recording.one("GroupMembership").inputs["users"] == ["alice", "bob"]
    assert "aws:ResourceTag/berth:environment" in recording.one("GroupPolicy").inputs["policy"]
    assert not run_aws_vm(people={"enabled": True}).of("GroupMembership")


@pytest.mark.parametrize("access", ACCESSES)
def test_people_may_touch_only_what_carries_the_environment_s_tag(run_aws_vm: Any, access: str) -> None:
    recording = run_aws_vm(people={"enabled": True, "users": ["bob"]}, access={"kind": access})
    for one in json.loads(recording.one("GroupPolicy").inputs["policy"])["Statement"]:
        actions = [one["Action"]] if isinstance(one["Action"], str) else one["Action"]
        assert not any("*" in action for action in actions), "every action is named"
        if one["Resource"] == "*":
            assert all(":Describe" in action for action in actions), one["Sid"]
        if "instance/" in str(one["Resource"]) or "endpoint/" in str(one["Resource"]):
            condition = one["Condition"]["StringEquals"]
            assert condition["aws:ResourceTag/berth:environment"] == "aws-vm", one["Sid"]


def test_no_secret_is_in_the_open(run_aws_vm: Any) -> None:
    recording = run_aws_vm()
    text = repr(recording.resources) + repr(recording.outputs) + user_data(recording)
    for value in ("secret-key", "registry-password", "PRIVATE KEY"):
        assert value not in text
