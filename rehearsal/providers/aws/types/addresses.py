"""Elastic IPs, NAT gateways, network interfaces."""

from typing import Any

from rehearsal.providers.aws.api import Api
from rehearsal.providers.aws.ec2 import finder, where
from rehearsal.providers.aws.table import Broken, Type
from rehearsal.providers.aws.tagging import EC2, specification, tag_map
from rehearsal.providers.plugin.model import Values

# Elastic IP


def _allocate(api: Api, new: Values) -> str:
    made = api.call(
        "allocate_address",
        Domain="vpc",
        **api.fill("allocate_address", new, "address", "networkBorderGroup", "publicIpv4Pool"),
        TagSpecifications=specification("elastic-ip", new),
    )
    return str(made["AllocationId"])


def _associate_own(api: Api, eip: str, old: Values, new: Values) -> None:
    """Associate it with what the inputs name; with nothing when they name nothing any more."""
    target: Values = {"InstanceId": new.get("instance"), "NetworkInterfaceId": new.get("networkInterface")}
    if any(target.values()):
        if target["NetworkInterfaceId"]:
            target["InstanceId"] = None
        own = new.get("associateWithPrivateIp")
        api.call(
            "associate_address", AllocationId=eip, AllowReassociation=True, PrivateIpAddress=own, **target
        )
    elif old.get("instance") or old.get("networkInterface"):
        found = _address(api, eip) or {}
        if found.get("AssociationId"):
            api.call("disassociate_address", AssociationId=found["AssociationId"])


def _address(api: Api, eip: str) -> dict[str, Any] | None:
    return api.one("describe_addresses", "Addresses", AllocationIds=[eip])


def _read_address(api: Api, eip: str, known: Values) -> Values | None:
    del known
    found = _address(api, eip)
    if found is None:
        return None
    public = found["PublicIp"]
    private = found.get("PrivateIpAddress", "")
    first = api.region == "us-east-1"  # it has names of its own
    inside, outside = (
        ("ec2.internal", "compute-1")
        if first
        else (f"{api.region}.compute.internal", f"{api.region}.compute")
    )
    return {
        "allocationId": eip,
        "arn": api.arn(f"elastic-ip/{eip}"),
        "associationId": found.get("AssociationId", ""),
        "domain": found.get("Domain", "vpc"),
        "instance": found.get("InstanceId") or "",
        "networkBorderGroup": found.get("NetworkBorderGroup") or api.region,
        "networkInterface": found.get("NetworkInterfaceId") or "",
        "privateDns": f"ip-{private.replace('.', '-')}.{inside}" if private else "",
        "privateIp": private,
        "publicDns": f"ec2-{public.replace('.', '-')}.{outside}.amazonaws.com",
        "publicIp": public,
        "publicIpv4Pool": found.get("PublicIpv4Pool") or "amazon",
        "tags": tag_map(found.get("Tags")),
    }


def _release(api: Api, eip: str, known: Values) -> None:
    if known.get("instance") or known.get("networkInterface"):
        _associate_own(api, eip, known, {})
    api.call("release_address", AllocationId=eip)


_TARGET = ("instance", "networkInterface", "associateWithPrivateIp")
EIP = Type(
    "aws:ec2/eip:Eip",
    "ec2",
    create=_allocate,
    after=_associate_own,
    read=_read_address,
    update=dict.fromkeys(_TARGET, _associate_own),
    delete=_release,
    find=finder("describe_addresses", "Addresses", "AllocationId", lambda _: where(domain="vpc")),
    replace_on=frozenset({"address", "domain", "networkBorderGroup", "publicIpv4Pool"}),
    computed=frozenset({"domain", "instance", "networkBorderGroup", "networkInterface", "publicIpv4Pool"}),
    choices={"domain": ("vpc",)},
    foreign=frozenset({"associationId", "instance", "networkInterface", "privateDns", "privateIp"}),
    tags=EC2,
)

# Elastic IP association


def _associate(api: Api, new: Values) -> str:
    keys = (
        "allocationId",
        "allowReassociation",
        "instanceId",
        "networkInterfaceId",
        "privateIpAddress",
        "publicIp",
    )
    made = api.call("associate_address", **api.fill("associate_address", new, *keys))
    return str(made["AssociationId"])


def _read_association(api: Api, identity: str, known: Values) -> Values | None:
    del known
    found = api.one("describe_addresses", "Addresses", Filters=where(association_id=identity))
    if found is None:
        return None
    return {
        "allocationId": found.get("AllocationId", ""),
        "instanceId": found.get("InstanceId") or "",
        "networkInterfaceId": found.get("NetworkInterfaceId") or "",
        "privateIpAddress": found.get("PrivateIpAddress") or "",
        "publicIp": found["PublicIp"],
    }


def _find_association(api: Api, new: Values) -> list[str]:
    """The address's association, if it is with what the inputs name."""
    found = _address(api, str(new["allocationId"])) if new.get("allocationId") else None
    targets = {"instanceId": "InstanceId", "networkInterfaceId": "NetworkInterfaceId"}
    wanted = {name: new[prop] for prop, name in targets.items() if new.get(prop)}
    fits = found is not None and all(found.get(name) == value for name, value in wanted.items())
    return [found["AssociationId"]] if found and fits and found.get("AssociationId") else []


_EITHER = frozenset({"allocationId", "instanceId", "networkInterfaceId", "privateIpAddress", "publicIp"})
EIP_ASSOCIATION = Type(
    "aws:ec2/eipAssociation:EipAssociation",
    "ec2",
    create=_associate,
    read=_read_association,
    find=_find_association,
    delete=lambda api, identity, _: api.call("disassociate_address", AssociationId=identity),
    replace_on=_EITHER,
    computed=_EITHER,
    local=frozenset({"allowReassociation"}),
    delete_before_replace=True,
)

# NAT gateway


def _create_nat(api: Api, new: Values) -> str:
    keys = ("allocationId", "connectivityType", "secondaryAllocationIds", "subnetId")
    made = api.call(
        "create_nat_gateway",
        **api.fill("create_nat_gateway", new, *keys, renamed={"privateIp": "PrivateIpAddress"}),
        TagSpecifications=specification("natgateway", new),
    )
    return str(made["NatGateway"]["NatGatewayId"])


def _nat(api: Api, nat: str) -> dict[str, Any] | None:
    return api.one("describe_nat_gateways", "NatGateways", NatGatewayIds=[nat])


def _nat_ready(api: Api, nat: str, new: Values) -> str | None:
    del new
    found = _nat(api, nat) or {}
    state = found.get("State", "pending")
    if state in {"failed", "deleted", "deleting"}:
        raise Broken(
            f"{found.get('FailureCode', state)}: {found.get('FailureMessage', 'the NAT gateway failed')}"
        )
    return None if state == "available" else f"the NAT gateway is {state}"


def _read_nat(api: Api, nat: str, known: Values) -> Values | None:
    del known
    found = _nat(api, nat)
    if found is None or found.get("State") in {"deleted", "failed"}:
        return None
    addresses = found.get("NatGatewayAddresses") or [{}]
    first = next((one for one in addresses if one.get("IsPrimary")), addresses[0])
    return {
        "allocationId": first.get("AllocationId", ""),
        "associationId": first.get("AssociationId", ""),
        "connectivityType": found.get("ConnectivityType") or "public",
        "networkInterfaceId": first.get("NetworkInterfaceId", ""),
        "privateIp": first.get("PrivateIp", ""),
        "publicIp": first.get("PublicIp", ""),
        "secondaryAllocationIds": [one["AllocationId"] for one in addresses if one is not first],
        "subnetId": found.get("SubnetId", ""),
        "tags": tag_map(found.get("Tags")),
        "vpcId": found.get("VpcId", ""),
    }


NAT_GATEWAY = Type(
    "aws:ec2/natGateway:NatGateway",
    "ec2",
    create=_create_nat,
    ready=_nat_ready,
    read=_read_nat,
    delete=lambda api, nat, _: api.call("delete_nat_gateway", NatGatewayId=nat),
    replace_on=frozenset(
        {"allocationId", "connectivityType", "privateIp", "secondaryAllocationIds", "subnetId"}
    ),
    computed=frozenset({"privateIp", "secondaryAllocationIds"}),
    defaults={"connectivityType": "public"},
    choices={"connectivityType": ("public", "private")},
    tags=EC2,
    delete_seconds=1800,
)

# Network interface


def _create_interface(api: Api, new: Values) -> str:
    keys = ("description", "ipv6AddressCount", "subnetId")
    first, *others = new.get("privateIps") or [None]
    made = api.call(
        "create_network_interface",
        **api.fill("create_network_interface", new, *keys, renamed={"securityGroups": "Groups"}),
        PrivateIpAddress=first,
        PrivateIpAddresses=[{"PrivateIpAddress": one, "Primary": False} for one in others] or None,
        TagSpecifications=specification("network-interface", new),
    )
    return str(made["NetworkInterface"]["NetworkInterfaceId"])


def _interface(api: Api, interface: str) -> dict[str, Any] | None:
    return api.one("describe_network_interfaces", "NetworkInterfaces", NetworkInterfaceIds=[interface])


def _change_interface(api: Api, interface: str, old: Values, new: Values) -> None:
    """One call an attribute: the API takes no two at once."""
    changes: list[Values] = []
    if new.get("description") != old.get("description"):
        changes.append({"Description": {"Value": new.get("description") or ""}})
    if new.get("securityGroups") and new["securityGroups"] != old.get("securityGroups"):
        changes.append({"Groups": new["securityGroups"]})
    if new.get("sourceDestCheck") != old.get("sourceDestCheck"):
        changes.append({"SourceDestCheck": {"Value": new.get("sourceDestCheck", True)}})
    for change in changes:
        api.call("modify_network_interface_attribute", NetworkInterfaceId=interface, **change)


def _after_interface(api: Api, interface: str, old: Values, new: Values) -> None:
    del old
    if new.get("sourceDestCheck") is False:
        _change_interface(api, interface, {**new, "sourceDestCheck": True}, new)


def _read_interface(api: Api, interface: str, known: Values) -> Values | None:
    del known
    found = _interface(api, interface)
    if found is None:
        return None
    private = [one["PrivateIpAddress"] for one in found.get("PrivateIpAddresses") or ()]
    return {
        "arn": api.arn(f"network-interface/{interface}"),
        "description": found.get("Description") or "",
        "interfaceType": found.get("InterfaceType") or "interface",
        "macAddress": found.get("MacAddress", ""),
        "ownerId": found.get("OwnerId") or api.account.id,
        "privateDnsName": found.get("PrivateDnsName") or "",
        "privateIp": found.get("PrivateIpAddress") or "",
        "privateIps": private,
        "securityGroups": sorted(group["GroupId"] for group in found.get("Groups") or ()),
        "sourceDestCheck": bool(found.get("SourceDestCheck", True)),
        "subnetId": found["SubnetId"],
        "tags": tag_map(found.get("TagSet")),
    }


_ATTRIBUTES = ("description", "securityGroups", "sourceDestCheck")
NETWORK_INTERFACE = Type(
    "aws:ec2/networkInterface:NetworkInterface",
    "ec2",
    create=_create_interface,
    after=_after_interface,
    read=_read_interface,
    update=dict.fromkeys(_ATTRIBUTES, _change_interface),
    delete=lambda api, interface, _: api.call("delete_network_interface", NetworkInterfaceId=interface),
    replace_on=frozenset({"privateIps", "subnetId"}),
    computed=frozenset({"privateIps", "securityGroups"}),
    defaults={"sourceDestCheck": True},
    tags=EC2,
    busy=frozenset({"InvalidNetworkInterface.InUse", "InvalidParameterValue"}),
)

TYPES = [EIP, EIP_ASSOCIATION, NAT_GATEWAY, NETWORK_INTERFACE]
