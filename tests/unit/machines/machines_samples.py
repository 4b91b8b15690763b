"""Instances, subnets and groups that the tests of the machines share."""

from dataclasses import replace
from typing import Any

from rehearsal.machines.model import Account, Endpoint, Instance, Rule, SecurityGroup, Subnet

PUBLIC = Subnet(
    id="subnet-public",
    vpc="vpc-1",
    vpc_cidr="10.0.0.0/16",
    cidr="10.0.0.0/20",
    zone="us-east-1a",
    internet_gateway=True,
)
PRIVATE = replace(PUBLIC, id="subnet-private", cidr="10.0.128.0/20", internet_gateway=False)
BASTION_GROUP = SecurityGroup(
    id="sg-bastion",
    ingress=(Rule(protocol="tcp", ports=(22, 22), addresses=("203.0.113.7/32",)),),
    egress=(Rule(protocol="-1", addresses=("0.0.0.0/0",)),),
)
MACHINE_GROUP = SecurityGroup(
    id="sg-machine",
    ingress=(Rule(protocol="tcp", ports=(22, 22), groups=("sg-bastion",)),),
    egress=(Rule(protocol="tcp", ports=(443, 443), addresses=("0.0.0.0/0",)),),
)


def instance(**changes: Any) -> Instance:
    """The bastion, unless told otherwise."""
    values: dict[str, Any] = {
        "id": "i-0000000000000000b",
        "type": "t3.nano",
        "state": "running",
        "image": "ami-1",
        "address": "10.0.0.5",
        "mac": "02:00:00:00:00:05",
        "subnet": PUBLIC.id,
        "vpc": "vpc-1",
        "zone": "us-east-1a",
        "region": "us-east-1",
        "public_address": "198.51.100.5",
        "groups": (("sg-bastion", "bastion"),),
        "launched": "2026-11-22T20:00:00Z",
    }
    return Instance(**values | changes)


def machine(**changes: Any) -> Instance:
    """The GPU machine."""
    values: dict[str, Any] = {
        "id": "i-0000000000000000a",
        "type": "g4dn.xlarge",
        "address": "10.0.128.9",
        "mac": "02:00:00:00:80:09",
        "subnet": PRIVATE.id,
        "public_address": None,
        "groups": (("sg-machine", "machine"),),
        "launched": "2026-11-22T20:01:00Z",
    }
    return instance(**values | changes)


def account(*instances: Instance, private: Subnet = PRIVATE, **changes: Any) -> Account:
    """Both machines and their surroundings, unless told otherwise."""
    values: dict[str, Any] = {
        "region": "us-east-1",
        "instances": instances or (instance(), machine()),
        "subnets": {PUBLIC.id: PUBLIC, PRIVATE.id: private},
        "groups": {group.id: group for group in (BASTION_GROUP, MACHINE_GROUP)},
    }
    return Account(**values | changes)


S3_GATEWAY = Endpoint(id="vpce-s3", service="s3", gateway=True)
SSM_INTERFACE = Endpoint(id="vpce-ssm", service="ssm", groups=("sg-endpoint",), cidrs=("10.0.128.0/20",))
