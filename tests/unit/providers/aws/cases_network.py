"""Samples of networks."""

from aws_plugin import Case

VPC = ("aws:ec2/vpc:Vpc", {"cidrBlock": "10.20.0.0/16", "tags": {"Name": "net"}})
SUBNET = ("aws:ec2/subnet:Subnet", {"vpcId": "${vpc}", "cidrBlock": "10.20.1.0/24"})

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
]
