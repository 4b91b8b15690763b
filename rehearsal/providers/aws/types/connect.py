"""EC2 Instance Connect Endpoints: a way into private subnets without a machine of one's own.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateInstanceConnectEndpoint.html
"""

from typing import Any

from rehearsal.providers.aws.api import Api
from rehearsal.providers.aws.table import Broken, Type
from rehearsal.providers.aws.tagging import EC2, specification, tag_map
from rehearsal.providers.plugin.model import Values

_ENDED = ("delete-complete", "delete-in-progress")


def _create(api: Api, new: Values) -> str:
    made = api.call(
        "create_instance_connect_endpoint",
        SubnetId=new["subnetId"],
        SecurityGroupIds=new.get("securityGroupIds") or None,
        PreserveClientIp=new.get("preserveClientIp"),
        IpAddressType=new.get("ipAddressType"),
        TagSpecifications=specification("instance-connect-endpoint", new),
    )
    return str(made["InstanceConnectEndpoint"]["InstanceConnectEndpointId"])


def _described(api: Api, identity: str) -> dict[str, Any] | None:
    return api.one(
        "describe_instance_connect_endpoints",
        "InstanceConnectEndpoints",
        InstanceConnectEndpointIds=[identity],
    )


def _ready(api: Api, identity: str, new: Values) -> str | None:
    del new
    found = _described(api, identity) or {}
    state = found.get("State")
    if state == "create-failed":
        raise Broken(found.get("StateMessage") or state)
    return None if state in ("create-complete", "update-complete") else f"{identity} is {state}"


def _read(api: Api, identity: str, known: Values) -> Values | None:
    del known
    found = _described(api, identity)
    if found is None or found["State"] == "delete-complete":
        return None
    return {
        "arn": found["InstanceConnectEndpointArn"],
        "availabilityZone": found["AvailabilityZone"],
        "dnsName": found.get("DnsName", ""),
        "fipsDnsName": found.get("FipsDnsName", ""),
        "ipAddressType": found.get("IpAddressType", "ipv4"),
        "networkInterfaceIds": found.get("NetworkInterfaceIds", []),
        "ownerId": found["OwnerId"],
        "preserveClientIp": bool(found.get("PreserveClientIp")),
        "securityGroupIds": found.get("SecurityGroupIds", []),
        "subnetId": found["SubnetId"],
        "tags": tag_map(found.get("Tags")),
        "vpcId": found["VpcId"],
    }


def _delete(api: Api, identity: str, known: Values) -> None:
    """Asked for once; then it takes a while."""
    del known
    found = _described(api, identity)
    if found is not None and found["State"] not in _ENDED:
        api.call("delete_instance_connect_endpoint", InstanceConnectEndpointId=identity)


TYPES = [
    Type(
        "aws:ec2transitgateway/instanceConnectEndpoint:InstanceConnectEndpoint",
        "ec2",
        create=_create,
        ready=_ready,
        read=_read,
        delete=_delete,
        replace_on=frozenset({"ipAddressType", "preserveClientIp", "securityGroupIds", "subnetId"}),
        local=frozenset({"timeouts"}),
        computed=frozenset({"ipAddressType", "securityGroupIds"}),
        defaults={"preserveClientIp": True},
        choices={"ipAddressType": ("ipv4", "dualstack", "ipv6")},
        tags=EC2,
    )
]
