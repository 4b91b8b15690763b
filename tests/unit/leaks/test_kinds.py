"""How AWS's own answers read, where the emulated account answers less."""

from typing import Any

import pytest

from infra.spend.leaks import Live
from scripts.berth.leaks.kinds import KINDS


def read(operation: str, **row: Any) -> Live | None:
    (kind,) = [kind for kind in KINDS if kind.operation == operation]
    return kind.read(row)


@pytest.mark.parametrize(
    ("description", "holder"),
    [
        ("Interface for NAT Gateway nat-0123456789abcdef0", "nat-0123456789abcdef0"),
        ("VPC Endpoint Interface vpce-0123456789abcdef0", "vpce-0123456789abcdef0"),
        ("ELB app/web/50dc6c495c0c9188", "app/web/50dc6c495c0c9188"),
        ("ELB classic-1", "classic-1"),
        ("Amazon EKS train", "train"),
    ],
)
def test_an_interface_says_what_it_ends_with(description: str, holder: str) -> None:
    row = {"NetworkInterfaceId": "eni-1", "Description": description, "RequesterManaged": True}
    found = read("describe_network_interfaces", **row)
    assert found is not None
    assert found.holders == (holder,)
    assert found.goes


def test_an_interface_of_an_instance_goes_as_its_attachment_says() -> None:
    row = {"NetworkInterfaceId": "eni-1", "Description": "data", "OwnerId": "123456789012"}
    attached = {"InstanceId": "i-1", "DeleteOnTermination": False}
    found = read("describe_network_interfaces", **row, Attachment=attached)
    assert found is not None
    assert (found.holders, found.goes) == (("i-1",), False)
    assert found.foreign == "made by the account 123456789012 (data) attached to i-1"


def test_an_interface_of_a_connect_endpoint_is_tagged_with_it() -> None:
    tags = [{"Key": "InstanceConnectEndpointId", "Value": "eice-1"}]
    found = read(
        "describe_network_interfaces", NetworkInterfaceId="eni-1", TagSet=tags, RequesterManaged=True
    )
    assert found is not None
    assert found.holders == ("eice-1",)


@pytest.mark.parametrize(
    ("operation", "row"),
    [
        ("describe_instances", {"InstanceId": "i-1", "State": {"Name": "terminated"}}),
        ("describe_nat_gateways", {"NatGatewayId": "nat-1", "State": "deleted"}),
        ("describe_vpc_endpoints", {"VpcEndpointId": "vpce-1", "State": "Deleted"}),
        ("describe_vpcs", {"VpcId": "vpc-1", "IsDefault": True}),
        ("describe_security_groups", {"GroupId": "sg-1", "GroupName": "default"}),
        ("describe_route_tables", {"RouteTableId": "rtb-1", "Associations": [{"Main": True}]}),
        ("describe_network_acls", {"NetworkAclId": "acl-1", "IsDefault": True}),
        ("describe_managed_prefix_lists", {"PrefixListId": "pl-1", "OwnerId": "AWS"}),
        ("describe_images", {"ImageId": "ami-1", "State": "deregistered"}),
        ("describe_volumes", {"VolumeId": "vol-1", "State": "deleting"}),
    ],
)
def test_what_is_gone_or_is_everybodys_is_not_there(operation: str, row: dict[str, Any]) -> None:
    assert read(operation, **row) is None


@pytest.mark.parametrize(
    ("operation", "row"),
    [
        ("describe_instances", {"InstanceId": "i-1", "State": {"Name": "shutting-down"}}),
        ("describe_nat_gateways", {"NatGatewayId": "nat-1", "State": "deleting"}),
        ("describe_vpc_endpoints", {"VpcEndpointId": "vpce-1", "State": "Deleting"}),
    ],
)
def test_what_is_being_deleted_is_ending(operation: str, row: dict[str, Any]) -> None:
    found = read(operation, **row)
    assert found is not None
    assert found.ending


def test_an_endpoint_that_a_service_made_names_it() -> None:
    row = {
        "VpcEndpointId": "vpce-1",
        "RequesterManaged": True,
        "ServiceName": "com.amazonaws.us-east-1.guardduty-data",
    }
    found = read("describe_vpc_endpoints", **row, State="available")
    assert found is not None
    assert "guardduty" in found.foreign
