"""EC2's answers as values: routes, groups, prefix lists, volumes."""

from datetime import UTC, datetime
from typing import Any

from rehearsal.machines.account import group, instance, subnets
from rehearsal.machines.model import Endpoint, Rule, Volume

VPC = [{"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16"}]


def subnet(name: str, cidr: str) -> dict[str, Any]:
    return {"SubnetId": name, "VpcId": "vpc-1", "CidrBlock": cidr, "AvailabilityZone": "us-east-1a"}


def table(name: str, *routes: dict[str, str], subnet: str = "", main: bool = False) -> dict[str, Any]:
    link = {"SubnetId": subnet} if subnet else {"Main": main}
    return {"RouteTableId": name, "VpcId": "vpc-1", "Routes": list(routes), "Associations": [link]}


DEFAULT = {"DestinationCidrBlock": "0.0.0.0/0"}


def test_a_route_table_gives_its_subnets_a_way_out() -> None:
    gateway = {
        "NatGatewayId": "nat-1",
        "State": "available",
        "NatGatewayAddresses": [{"PublicIp": "198.51.100.1"}],
    }
    public, private, other = subnets(
        [subnet("a", "10.0.0.0/24"), subnet("b", "10.0.1.0/24"), subnet("c", "10.0.2.0/24")],
        VPC,
        [
            table("main", main=True),
            table("t1", DEFAULT | {"GatewayId": "igw-1"}, subnet="a"),
            table("t2", DEFAULT | {"NatGatewayId": "nat-1"}, subnet="b"),
        ],
        [gateway],
        [],
    )
    assert (public.internet_gateway, public.nat) == (True, None)
    assert (private.internet_gateway, private.nat) == (False, "198.51.100.1")
    assert (other.internet_gateway, other.nat) == (False, None)
    assert (public.gateway, public.resolver) == ("10.0.0.1", "10.0.0.2")


def test_a_nat_gateway_that_is_not_ready_leads_nowhere() -> None:
    gateway = {
        "NatGatewayId": "nat-1",
        "State": "pending",
        "NatGatewayAddresses": [{"PublicIp": "198.51.100.1"}],
    }
    routes = [table("t", DEFAULT | {"NatGatewayId": "nat-1"}, subnet="a")]
    (found,) = subnets([subnet("a", "10.0.0.0/24")], VPC, routes, [gateway], [])
    assert found.nat is None


def test_endpoints_belong_to_route_tables_or_to_the_whole_vpc() -> None:
    points = [
        {
            "VpcEndpointId": "vpce-1",
            "VpcId": "vpc-1",
            "VpcEndpointType": "Gateway",
            "ServiceName": "com.amazonaws.us-east-1.s3",
            "RouteTableIds": ["t1"],
            "State": "available",
        },
        {
            "VpcEndpointId": "vpce-2",
            "VpcId": "vpc-1",
            "VpcEndpointType": "Interface",
            "ServiceName": "com.amazonaws.us-east-1.ecr.api",
            "SubnetIds": ["b"],
            "Groups": [{"GroupId": "sg-1"}],
            "PrivateDnsEnabled": True,
            "State": "available",
        },
    ]
    first, second = subnets(
        [subnet("a", "10.0.0.0/24"), subnet("b", "10.0.1.0/24")],
        VPC,
        [table("t1", subnet="a"), table("t2", subnet="b")],
        [],
        points,
    )
    api = Endpoint(id="vpce-2", service="ecr.api", groups=("sg-1",), cidrs=("10.0.1.0/24",))
    assert first.endpoints == (Endpoint(id="vpce-1", service="s3", gateway=True), api)
    assert second.endpoints == (api,)


def test_prefix_lists_become_their_blocks_or_aws_services() -> None:
    raw = {
        "GroupId": "sg-1",
        "IpPermissions": [
            {
                "IpProtocol": "tcp",
                "FromPort": 22,
                "ToPort": 22,
                "PrefixListIds": [{"PrefixListId": "pl-own"}],
                "UserIdGroupPairs": [{"GroupId": "sg-2"}],
            }
        ],
        "IpPermissionsEgress": [
            {"IpProtocol": "6", "FromPort": 443, "ToPort": 443, "PrefixListIds": [{"PrefixListId": "pl-s3"}]},
            {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.0.0/16"}]},
        ],
    }
    found = group(raw, {"pl-own": (["203.0.113.7/32"], ""), "pl-s3": ([], "s3")})
    assert found.ingress == (
        Rule(protocol="tcp", ports=(22, 22), addresses=("203.0.113.7/32",), groups=("sg-2",)),
    )
    assert found.egress == (
        Rule(protocol="tcp", ports=(443, 443), services=("s3",)),
        Rule(protocol="-1", addresses=("10.0.0.0/16",)),
    )


def test_an_instance_has_its_volumes_and_options() -> None:
    raw = {
        "InstanceId": "i-1",
        "InstanceType": "g4dn.xlarge",
        "State": {"Name": "running"},
        "ImageId": "ami-1",
        "PrivateIpAddress": "10.0.1.5",
        "SubnetId": "b",
        "VpcId": "vpc-1",
        "Placement": {"AvailabilityZone": "us-east-1a"},
        "RootDeviceName": "/dev/xvda",
        "NetworkInterfaces": [{"MacAddress": "02:00:00:00:00:01", "OwnerId": "123456789012"}],
        "SecurityGroups": [{"GroupId": "sg-1", "GroupName": "machine"}],
        "InstanceLifecycle": "spot",
        "MetadataOptions": {"HttpEndpoint": "enabled", "HttpPutResponseHopLimit": 2},
        "LaunchTime": datetime(2026, 11, 22, 20, tzinfo=UTC),
    }
    volumes = [
        {"VolumeId": "vol-r", "Size": 30, "Attachments": [{"InstanceId": "i-1", "Device": "/dev/xvda"}]},
        {"VolumeId": "vol-d", "Size": 50, "Attachments": [{"InstanceId": "i-1", "Device": "/dev/sdf"}]},
        {"VolumeId": "vol-x", "Size": 9, "Attachments": [{"InstanceId": "i-2", "Device": "/dev/sdf"}]},
    ]
    found = instance(raw, volumes, {}, "us-east-1")
    assert found.root_gib == 30
    assert found.volumes == (Volume(device="/dev/sdf", id="vol-d", gib=50),)
    assert (found.hop_limit, found.spot, found.metadata) == (2, True, True)
    assert found.launched == "2026-11-22T20:00:00Z"
