"""What EC2 may have of an environment, a row a kind: what lists it, and how the answer reads as `Live`.

Everything in the region is listed: whose a thing is, its tags, its network and what it hangs on say together.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.spend.leaks import Live

Answer = Mapping[str, Any]
INTERFACE = "aws:ec2/networkInterface:NetworkInterface"
_ENDED = {"terminated", "deleted", "delete-complete", "failed"}
_ENDING = {"shutting-down", "deleting", "delete-in-progress"}


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Something that EC2 lists. read: the answer's row as `Live`, None where it is gone or nobody's.

    page: how many at once, where there may be thousands and AWS would otherwise answer with all of them.
    """

    operation: str
    at: str
    read: Callable[[Answer], Live | None]
    params: Mapping[str, Any] = field(default_factory=dict)
    page: int = 0

    @property
    def name(self) -> str:
        """In words, such as `nat gateways`."""
        return self.operation.removeprefix("describe_").replace("_", " ")


def tags_of(row: Answer) -> dict[str, str]:
    """A row's tags, whichever of AWS's spellings they are in."""
    listed = row.get("Tags") or row.get("tags") or row.get("TagSet") or []
    if isinstance(listed, Mapping):
        return {str(key): str(value) for key, value in listed.items()}
    return {
        str(tag.get("Key", tag.get("key"))): str(tag.get("Value", tag.get("value", ""))) for tag in listed
    }


def _state(row: Answer) -> str:
    state = row.get("State", "")
    return str(state.get("Name", "")) if isinstance(state, Mapping) else str(state)


def _ids(rows: Iterable[Answer], *keys: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(row[key]) for row in rows for key in keys if row.get(key)))


def _instance(row: Answer) -> Live | None:
    if _state(row) in _ENDED:
        return None
    tags = tags_of(row)
    group = tags.get("aws:autoscaling:groupName")
    nics = row.get("NetworkInterfaces", [])
    spot = row.get("InstanceLifecycle") == "spot"
    return Live(
        id=row["InstanceId"],
        type="aws:ec2/instance:Instance",
        ending=_state(row) in _ENDING,
        tags=tags,
        created=row.get("LaunchTime"),
        inside=row.get("VpcId", ""),
        holders=(group,) if group else (),
        blocks=(
            *_ids(row.get("SecurityGroups", []), "GroupId"),
            *_ids(nics, "SubnetId"),
            row.get("VpcId", ""),
        ),
        props={
            "instanceType": row.get("InstanceType"),
            "availabilityZone": (row.get("Placement") or {}).get("AvailabilityZone"),
            **({"instanceMarketOptions": {"marketType": "spot"}} if spot else {}),
        },
    )


def _volume(row: Answer) -> Live | None:
    if _state(row) in _ENDED | _ENDING:
        return None
    attached = _ids(row.get("Attachments", []), "InstanceId")
    return Live(
        id=row["VolumeId"],
        type="aws:ebs/volume:Volume",
        tags=tags_of(row),
        created=row.get("CreateTime"),
        holders=attached,
        goes=any(one.get("DeleteOnTermination") for one in row.get("Attachments", [])),
        props={
            "size": row.get("Size"),
            "type": row.get("VolumeType"),
            "iops": row.get("Iops"),
            "throughput": row.get("Throughput"),
            "availabilityZone": row.get("AvailabilityZone"),
        },
    )


# How AWS's services describe the interfaces that they make, which says what an interface ends with.
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/requester-managed-eni.html
_DESCRIBED = (
    re.compile(r"Interface for NAT Gateway (?P<id>nat-[0-9a-f]+)"),
    re.compile(r"VPC Endpoint Interface (?P<id>vpce-[0-9a-f]+)"),
    re.compile(r"ELB (?P<id>(?:app|net|gwy)/[^/ ]+/[0-9a-f]+)"),
    re.compile(r"ELB (?P<id>\S+)"),
    re.compile(r"Amazon EKS (?P<id>\S+)"),
)


def _interface(row: Answer) -> Live:
    attachment = row.get("Attachment") or {}
    description = str(row.get("Description") or "")
    found = [match["id"] for pattern in _DESCRIBED if (match := pattern.match(description))][:1]
    instance = attachment.get("InstanceId")
    # An address's holder may be an interface, and an interface's an instance.
    found += (
        [tags_of(row)["InstanceConnectEndpointId"]] if "InstanceConnectEndpointId" in tags_of(row) else []
    )
    holders = (instance,) if instance else tuple(found)
    return Live(
        id=row["NetworkInterfaceId"],
        type=INTERFACE,
        name=description,
        tags=tags_of(row),
        inside=row.get("VpcId", ""),
        holders=holders,
        blocks=(*_ids(row.get("Groups", []), "GroupId"), *_ids([row], "SubnetId", "VpcId")),
        goes=bool(attachment.get("DeleteOnTermination") or row.get("RequesterManaged") or found),
        foreign=_owner_of_interface(row, description),
    )


def _owner_of_interface(row: Answer, description: str) -> str:
    """Who made it, as far as AWS tells: the service or account that asked for it, and what it says of it."""
    who = str(row.get("RequesterId") or row.get("OwnerId") or "")
    if who.isdigit():
        who = f"the account {who}"
    instance = (row.get("Attachment") or {}).get("InstanceId")
    parts = [f"made by {who}" if who else "", f"({description})" if description else ""]
    parts += [f"attached to {instance}"] if instance else []
    return " ".join(part for part in parts if part)


def _address(row: Answer) -> Live:
    return Live(
        id=row.get("AllocationId") or row["PublicIp"],
        type="aws:ec2/eip:Eip",
        name=tags_of(row).get("Name") or row.get("PublicIp", ""),
        tags=tags_of(row),
        holders=_ids([row], "InstanceId") or _ids([row], "NetworkInterfaceId"),
        props={"publicIp": row.get("PublicIp"), "domain": "vpc"},
    )


def _nat(row: Answer) -> Live | None:
    if _state(row) in _ENDED:
        return None
    addresses = row.get("NatGatewayAddresses", [])
    return Live(
        id=row["NatGatewayId"],
        type="aws:ec2/natGateway:NatGateway",
        ending=_state(row) in _ENDING,
        tags=tags_of(row),
        created=row.get("CreateTime"),
        inside=row.get("VpcId", ""),
        parts=_ids(addresses, "AllocationId", "NetworkInterfaceId"),
        blocks=_ids([row], "SubnetId", "VpcId"),
        props={"subnetId": row.get("SubnetId")},
    )


def _endpoint(row: Answer) -> Live | None:
    if _state(row).lower() in _ENDED:
        return None
    asked = row.get("RequesterManaged")
    return Live(
        id=row["VpcEndpointId"],
        type="aws:ec2/vpcEndpoint:VpcEndpoint",
        ending=_state(row).lower() in _ENDING,
        name=row.get("ServiceName", ""),
        tags=tags_of(row),
        created=row.get("CreationTimestamp"),
        inside=row.get("VpcId", ""),
        parts=tuple(row.get("NetworkInterfaceIds", [])),
        blocks=(
            *row.get("SubnetIds", []),
            *_ids(row.get("Groups", []), "GroupId"),
            row.get("VpcId", ""),
        ),
        foreign=f"made by an AWS service ({row.get('ServiceName')})" if asked else "",
        props={
            "vpcEndpointType": row.get("VpcEndpointType"),
            "serviceName": row.get("ServiceName"),
            "subnetIds": row.get("SubnetIds", []),
        },
    )


def _connect_endpoint(row: Answer) -> Live | None:
    if _state(row) in _ENDED:
        return None
    return Live(
        id=row["InstanceConnectEndpointId"],
        type="aws:ec2transitgateway/instanceConnectEndpoint:InstanceConnectEndpoint",
        ending=_state(row) in _ENDING,
        tags=tags_of(row),
        created=row.get("CreatedAt"),
        inside=row.get("VpcId", ""),
        parts=tuple(row.get("NetworkInterfaceIds", [])),
        blocks=(*row.get("SecurityGroupIds", []), *_ids([row], "SubnetId", "VpcId")),
    )


def _security_group(row: Answer) -> Live | None:
    if row.get("GroupName") == "default":
        return None  # it is the network's, and ends with it
    named = [
        pair["GroupId"]
        for rule in [*row.get("IpPermissions", []), *row.get("IpPermissionsEgress", [])]
        for pair in rule.get("UserIdGroupPairs", [])
        if pair.get("GroupId") and pair["GroupId"] != row["GroupId"]
    ]
    return Live(
        id=row["GroupId"],
        type="aws:ec2/securityGroup:SecurityGroup",
        name=row.get("GroupName", ""),
        tags=tags_of(row),
        inside=row.get("VpcId", ""),
        blocks=(*dict.fromkeys(named), row.get("VpcId", "")),
    )


def _route_table(row: Answer) -> Live | None:
    if any(one.get("Main") for one in row.get("Associations", [])):
        return None
    return _plain("RouteTableId", "aws:ec2/routeTable:RouteTable", "VpcId")(row)


def _network_acl(row: Answer) -> Live | None:
    return (
        None
        if row.get("IsDefault")
        else _plain("NetworkAclId", "aws:ec2/networkAcl:NetworkAcl", "VpcId")(row)
    )


def _internet(row: Answer) -> Live:
    vpcs = _ids(row.get("Attachments", []), "VpcId")
    return Live(
        id=row["InternetGatewayId"],
        type="aws:ec2/internetGateway:InternetGateway",
        tags=tags_of(row),
        inside=vpcs[0] if vpcs else "",
        blocks=vpcs,
    )


def _image(row: Answer) -> Live | None:
    if _state(row) not in {"available", "pending"}:
        return None
    snapshots = [one["Ebs"] for one in row.get("BlockDeviceMappings", []) if one.get("Ebs")]
    return Live(
        id=row["ImageId"],
        type="aws:ec2/ami:Ami",
        name=row.get("Name", ""),
        tags=tags_of(row),
        parts=_ids(snapshots, "SnapshotId"),
    )


def _snapshot(row: Answer) -> Live | None:
    return Live(
        id=row["SnapshotId"],
        type="aws:ebs/snapshot:Snapshot",
        name=row.get("Description", ""),
        tags=tags_of(row),
        created=row.get("StartTime"),
        props={"volumeSize": row.get("VolumeSize")},
    )


def _prefix_list(row: Answer) -> Live | None:
    if row.get("OwnerId") == "AWS" or _state(row) == "delete-complete":
        return None
    return Live(
        id=row["PrefixListId"],
        type="aws:ec2/managedPrefixList:ManagedPrefixList",
        name=row.get("PrefixListName", ""),
        tags=tags_of(row),
    )


def _flow_log(row: Answer) -> Live:
    on = row.get("ResourceId", "")
    return Live(
        id=row["FlowLogId"],
        type="aws:ec2/flowLog:FlowLog",
        tags=tags_of(row),
        created=row.get("CreationTime"),
        inside=on if on.startswith("vpc-") else "",
    )


def _plain(
    id_key: str, token: str, *blocks: str, created: str = "", name: str = ""
) -> Callable[[Answer], Live | None]:
    def read(row: Answer) -> Live | None:
        return Live(
            id=row[id_key],
            type=token,
            name=str(row.get(name, "")) if name else "",
            tags=tags_of(row),
            created=row.get(created) if created else None,
            inside=row.get("VpcId", ""),
            blocks=_ids([row], *blocks),
        )

    return read


def _network(row: Answer) -> Live | None:
    if row.get("IsDefault"):
        return None  # everybody's
    return Live(id=row["VpcId"], type="aws:ec2/vpc:Vpc", tags=tags_of(row))


_template = _plain(
    "LaunchTemplateId",
    "aws:ec2/launchTemplate:LaunchTemplate",
    created="CreateTime",
    name="LaunchTemplateName",
)
_subnet = _plain("SubnetId", "aws:ec2/subnet:Subnet", "VpcId")
MANY = 1000  # the most that EC2 takes

KINDS = (
    Kind(operation="describe_vpcs", at="Vpcs", read=_network),
    Kind(operation="describe_subnets", at="Subnets", read=_subnet),
    Kind(operation="describe_internet_gateways", at="InternetGateways", read=_internet),
    Kind(operation="describe_route_tables", at="RouteTables", read=_route_table),
    Kind(operation="describe_network_acls", at="NetworkAcls", read=_network_acl),
    Kind(operation="describe_security_groups", at="SecurityGroups", read=_security_group, page=MANY),
    Kind(operation="describe_nat_gateways", at="NatGateways", read=_nat),
    Kind(operation="describe_vpc_endpoints", at="VpcEndpoints", read=_endpoint),
    Kind(
        operation="describe_instance_connect_endpoints",
        at="InstanceConnectEndpoints",
        read=_connect_endpoint,
    ),
    Kind(operation="describe_network_interfaces", at="NetworkInterfaces", read=_interface, page=MANY),
    Kind(operation="describe_instances", at="Reservations[].Instances", read=_instance, page=MANY),
    Kind(operation="describe_volumes", at="Volumes", read=_volume, page=MANY),
    Kind(operation="describe_addresses", at="Addresses", read=_address),
    Kind(operation="describe_images", at="Images", read=_image, params={"Owners": ["self"]}, page=MANY),
    Kind(
        operation="describe_snapshots",
        at="Snapshots",
        read=_snapshot,
        params={"OwnerIds": ["self"]},
        page=MANY,
    ),
    Kind(operation="describe_launch_templates", at="LaunchTemplates", read=_template),
    Kind(operation="describe_managed_prefix_lists", at="PrefixLists", read=_prefix_list),
    Kind(operation="describe_flow_logs", at="FlowLogs", read=_flow_log),
)
