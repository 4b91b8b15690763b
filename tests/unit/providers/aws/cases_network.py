"""Samples of networks."""

from typing import Any

from aws_plugin import Case

Values = dict[str, Any]
VPC = ("aws:ec2/vpc:Vpc", {"cidrBlock": "10.20.0.0/16", "tags": {"Name": "net"}})
SUBNET = (
    "aws:ec2/subnet:Subnet",
    {"vpcId": "${vpc}", "cidrBlock": "10.20.1.0/24", "availabilityZone": "us-east-1a"},
)
OTHER_SUBNET = (
    "aws:ec2/subnet:Subnet",
    {"vpcId": "${vpc}", "cidrBlock": "10.20.2.0/24", "availabilityZone": "us-east-1b"},
)
GATEWAY = ("aws:ec2/internetGateway:InternetGateway", {"vpcId": "${vpc}"})
TABLE = ("aws:ec2/routeTable:RouteTable", {"vpcId": "${vpc}"})
GROUP = ("aws:ec2/securityGroup:SecurityGroup", {"vpcId": "${vpc}", "description": "a group"})
OTHER_GROUP = ("aws:ec2/securityGroup:SecurityGroup", {"vpcId": "${vpc}", "description": "another group"})
EIP = ("aws:ec2/eip:Eip", {"domain": "vpc"})
LIST = (
    "aws:ec2/managedPrefixList:ManagedPrefixList",
    {"name": "mine", "addressFamily": "IPv4", "maxEntries": 5},
)
INTERFACE = ("aws:ec2/networkInterface:NetworkInterface", {"subnetId": "${subnet}"})
OPTIONS = ("aws:ec2/vpcDhcpOptions:VpcDhcpOptions", {"domainName": "example.org"})


def rule(way: str, peer: Values, needs: Values) -> Case:
    return Case(
        f"aws:vpc/securityGroup{way}Rule:SecurityGroup{way}Rule",
        {"securityGroupId": "${group}", "ipProtocol": "tcp", "fromPort": 22, "toPort": 22, **peer},
        change={"description": "ssh", "tags": {"a": "b"}, "toPort": 23},
        replace={"securityGroupId": "sg-0123"},
        needs={"vpc": VPC, "group": GROUP, **needs},
        name=f"{way}Rule-{next(iter(peer))}",
    )


CASES = [
    Case(
        *VPC,
        change={"enableDnsHostnames": True, "tags": {"Name": "other", "more": "yes"}},
        replace={"cidrBlock": "10.21.0.0/16"},
    ),
    Case(
        "aws:ec2/subnet:Subnet",
        {
            "vpcId": "${vpc}",
            "cidrBlock": "10.20.1.0/24",
            "availabilityZone": "us-east-1b",
            "tags": {"a": "b"},
        },
        change={"mapPublicIpOnLaunch": True, "tags": None},
        replace={"availabilityZone": "us-east-1a", "cidrBlock": "10.20.2.0/24"},
        needs={"vpc": VPC},
    ),
    Case(*GATEWAY, change={"tags": {"a": "b"}}, needs={"vpc": VPC}),
    Case(*OPTIONS, change={"tags": {"a": "b"}}, replace={"domainName": "example.net"}),
    Case(
        "aws:ec2/vpcDhcpOptionsAssociation:VpcDhcpOptionsAssociation",
        {"vpcId": "${vpc}", "dhcpOptionsId": "${options}"},
        replace={"vpcId": "vpc-1"},
        needs={"vpc": VPC, "options": OPTIONS},
    ),
    Case(*TABLE, change={"tags": {"a": "b"}}, replace={"vpcId": "vpc-1"}, needs={"vpc": VPC}),
    Case(
        "aws:ec2/routeTable:RouteTable",
        {"vpcId": "${vpc}", "routes": [{"cidrBlock": "0.0.0.0/0", "gatewayId": "${gateway}"}]},
        change={"routes": [{"cidrBlock": "198.51.100.0/24", "gatewayId": "${gateway}"}]},
        needs={"vpc": VPC, "gateway": GATEWAY},
        name="RouteTable-with-routes",
    ),
    Case(
        "aws:ec2/route:Route",
        {"routeTableId": "${table}", "destinationCidrBlock": "0.0.0.0/0", "gatewayId": "${gateway}"},
        change={"gatewayId": None, "networkInterfaceId": "${interface}"},
        replace={"destinationCidrBlock": "10.0.0.0/8"},
        needs={"vpc": VPC, "gateway": GATEWAY, "table": TABLE, "subnet": SUBNET, "interface": INTERFACE},
    ),
    Case(
        "aws:ec2/routeTableAssociation:RouteTableAssociation",
        {"routeTableId": "${table}", "subnetId": "${subnet}"},
        replace={"routeTableId": "rtb-1"},
        needs={"vpc": VPC, "table": TABLE, "subnet": SUBNET},
    ),
    Case(
        "aws:ec2/mainRouteTableAssociation:MainRouteTableAssociation",
        {"routeTableId": "${table}", "vpcId": "${vpc}"},
        replace={"routeTableId": "rtb-1"},
        needs={"vpc": VPC, "table": TABLE},
    ),
    Case(*EIP, change={"tags": {"a": "b"}}),
    Case(
        "aws:ec2/eipAssociation:EipAssociation",
        {"allocationId": "${address}", "networkInterfaceId": "${interface}"},
        replace={"networkInterfaceId": "eni-1"},
        needs={"vpc": VPC, "subnet": SUBNET, "gateway": GATEWAY, "interface": INTERFACE, "address": EIP},
    ),
    Case(
        "aws:ec2/natGateway:NatGateway",
        {"allocationId": "${address}", "subnetId": "${subnet}"},
        change={"tags": {"a": "b"}},
        replace={"subnetId": "subnet-1"},
        needs={"vpc": VPC, "gateway": GATEWAY, "subnet": SUBNET, "address": EIP},
    ),
    Case(
        "aws:ec2/networkInterface:NetworkInterface",
        {"subnetId": "${subnet}", "securityGroups": ["${group}"], "privateIps": ["10.20.1.50"]},
        change={"description": "front", "sourceDestCheck": False, "securityGroups": ["${other}"]},
        replace={"privateIps": ["10.20.1.51"]},
        needs={"vpc": VPC, "subnet": SUBNET, "group": GROUP, "other": OTHER_GROUP},
    ),
    Case(
        *GROUP, change={"tags": {"a": "b"}}, replace={"description": "else", "name": "x"}, needs={"vpc": VPC}
    ),
    Case(
        "aws:ec2/securityGroup:SecurityGroup",
        {
            "vpcId": "${vpc}",
            "name": "inline",
            "ingress": [
                {
                    "protocol": "tcp",
                    "fromPort": 22,
                    "toPort": 22,
                    "cidrBlocks": ["203.0.113.7/32", "10.0.0.0/8"],
                },
                {"protocol": "tcp", "fromPort": 80, "toPort": 81, "self": True, "description": "us"},
            ],
            "egress": [{"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"]}],
        },
        change={
            "ingress": [
                {"protocol": "tcp", "fromPort": 22, "toPort": 22, "cidrBlocks": ["203.0.113.8/32"]},
                {"protocol": "tcp", "fromPort": 80, "toPort": 81, "self": True, "description": "we"},
            ],
            "egress": [],
        },
        needs={"vpc": VPC},
        name="SecurityGroup-inline",
    ),
    Case(
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
        {"vpcId": "${vpc}", "ingress": [], "egress": [], "tags": {"Name": "closed"}},
        change={"ingress": [{"protocol": "tcp", "fromPort": 1, "toPort": 2, "cidrBlocks": ["10.0.0.0/8"]}]},
        needs={"vpc": VPC},
    ),
    rule("Ingress", {"cidrIpv4": "203.0.113.7/32"}, {}),
    rule("Ingress", {"prefixListId": "${list}"}, {"list": LIST}),
    rule("Egress", {"referencedSecurityGroupId": "${other}"}, {"other": OTHER_GROUP}),
    Case(
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        {"securityGroupId": "${group}", "ipProtocol": "-1", "cidrIpv4": "0.0.0.0/0"},
        change={"cidrIpv4": "10.0.0.0/8"},
        needs={"vpc": VPC, "group": GROUP},
        name="EgressRule-all",
    ),
    Case(
        "aws:ec2/managedPrefixList:ManagedPrefixList",
        {**LIST[1], "entries": [{"cidr": "203.0.113.7/32", "description": "me"}]},  # type: ignore[dict-item]
        change={
            "entries": [{"cidr": "203.0.113.8/32", "description": "me"}, {"cidr": "203.0.113.9/32"}],
            "maxEntries": 8,
        },
        replace={"addressFamily": "IPv6"},
    ),
    Case(
        "aws:ec2/managedPrefixListEntry:ManagedPrefixListEntry",
        {"prefixListId": "${list}", "cidr": "10.9.0.0/16", "description": "one"},
        replace={"cidr": "10.10.0.0/16"},
        needs={"list": LIST},
    ),
    Case(
        "aws:ec2/vpcEndpoint:VpcEndpoint",
        {
            "vpcId": "${vpc}",
            "serviceName": "com.amazonaws.us-east-1.s3",
            "vpcEndpointType": "Gateway",
            "routeTableIds": ["${table}"],
        },
        change={"routeTableIds": ["${table}", "${more}"], "tags": {"a": "b"}},
        replace={"serviceName": "com.amazonaws.us-east-1.dynamodb"},
        needs={"vpc": VPC, "table": TABLE, "more": TABLE},
        name="VpcEndpoint-gateway",
    ),
    Case(
        "aws:ec2/vpcEndpoint:VpcEndpoint",
        {
            "vpcId": "${vpc}",
            "serviceName": "com.amazonaws.us-east-1.ssm",
            "vpcEndpointType": "Interface",
            "privateDnsEnabled": True,
            "subnetIds": ["${subnet}"],
            "securityGroupIds": ["${group}"],
        },
        change={"subnetIds": ["${subnet}", "${second}"], "securityGroupIds": ["${other}"]},
        needs={
            "vpc": ("aws:ec2/vpc:Vpc", {"cidrBlock": "10.20.0.0/16", "enableDnsHostnames": True}),
            "subnet": SUBNET,
            "second": OTHER_SUBNET,
            "group": GROUP,
            "other": OTHER_GROUP,
        },
        name="VpcEndpoint-interface",
    ),
]
