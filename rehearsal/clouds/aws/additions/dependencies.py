"""Deletions that AWS refuses while something is in use, where moto does not; and what goes with a thing.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""

from collections.abc import Iterable, Mapping
from typing import Any

from rehearsal.clouds.aws.additions import answers
from rehearsal.clouds.aws.calls import AwsError, Call
from rehearsal.clouds.aws.emulator import backends


def _refuse_if(found: Iterable[Any], message: str, code: str = "DependencyViolation") -> None:
    if any(True for _ in found):
        raise AwsError(code, message)


@answers("ec2", "DeleteVpc")
def delete_vpc(call: Call) -> Mapping[str, Any]:
    """Refused while it has parts of its own; its default network ACL and group go with it."""
    vpc = call.params["VpcId"]
    message = f"The vpc '{vpc}' has dependencies and cannot be deleted."
    with backends() as backend:
        ec2 = backend("ec2", call.region)
        _refuse_if((one for one in ec2.internet_gateways.values() if one.vpc and one.vpc.id == vpc), message)
        _refuse_if((one for one in ec2.enis.values() if _vpc_of(one) == vpc), message)
        groups = ec2.groups.get(vpc, {}).values()
        _refuse_if((one for one in groups if one.name != "default"), message)
        endpoints = ec2.vpc_end_points.values()
        _refuse_if((one for one in endpoints if one.vpc_id == vpc and one.state != "deleted"), message)
        acls = ec2.network_acls.values()
        _refuse_if((one for one in acls if one.vpc_id == vpc and str(one.default) == "false"), message)
        reply = call.forward()
        for number in [one.id for one in acls if one.vpc_id == vpc]:
            del ec2.network_acls[number]
    return reply


@answers("ec2", "DeleteSubnet")
def delete_subnet(call: Call) -> Mapping[str, Any]:
    """Refused while a network interface is in it; associations go with it."""
    subnet = call.params["SubnetId"]
    with backends() as backend:
        ec2 = backend("ec2", call.region)
        _refuse_if(
            (one for one in ec2.enis.values() if one.subnet.id == subnet),
            f"The subnet '{subnet}' has dependencies and cannot be deleted.",
        )
        reply = call.forward()
        for acl in ec2.network_acls.values():
            known = acl._associations  # noqa: SLF001  # moto's property is a copy
            for number in [key for key, value in known.items() if value.subnet_id == subnet]:
                del known[number]
        for routes in ec2.route_tables.values():
            known = routes._associations  # noqa: SLF001
            for number in [key for key, value in known.items() if value == subnet]:
                del known[number]
    return reply


@answers("ec2", "DeleteSecurityGroup")
def delete_security_group(call: Call) -> Mapping[str, Any]:
    """Refused while an interface or another group's rule names it."""
    number = call.params.get("GroupId")
    if number:
        with backends() as backend:
            ec2 = backend("ec2", call.region)
            message = f"resource {number} has a dependent object"
            _refuse_if((one for one in ec2.enis.values() if number in _groups_of(one)), message)
            others = (
                group for groups in ec2.groups.values() for group in groups.values() if group.id != number
            )
            _refuse_if((group for group in others if number in _named_by(group)), message)
    return call.forward()


@answers("ec2", "DetachInternetGateway")
def detach_internet_gateway(call: Call) -> Mapping[str, Any]:
    """Refused while a public address is in use in the network."""
    vpc = call.params["VpcId"]
    with backends() as backend:
        ec2 = backend("ec2", call.region)
        _refuse_if(
            (one for one in ec2.enis.values() if _vpc_of(one) == vpc and one.public_ip),
            f"Network {vpc} has some mapped public address(es). Please unmap those public address(es) before "
            "detaching the gateway.",
        )
    return call.forward()


@answers("ec2", "ReleaseAddress")
def release_address(call: Call) -> Mapping[str, Any]:
    """Refused while it is associated."""
    wanted = call.params.get("AllocationId")
    with backends() as backend:
        ec2 = backend("ec2", call.region)
        _refuse_if(
            (one for one in ec2.addresses if one.allocation_id == wanted and one.association_id),
            f"Address with allocation id {wanted} cannot be released because it is in use.",
            "InvalidIPAddress.InUse",
        )
    return call.forward()


@answers("ec2", "DeleteManagedPrefixList")
def delete_prefix_list(call: Call) -> Mapping[str, Any]:
    """Refused while a group's rule names it."""
    number = call.params["PrefixListId"]
    with backends() as backend:
        ec2 = backend("ec2", call.region)
        if number not in ec2.managed_prefix_lists:
            raise AwsError("InvalidPrefixListID.NotFound", f"The prefix list ID '{number}' does not exist")
        groups = (group for groups in ec2.groups.values() for group in groups.values())
        _refuse_if(
            (group for group in groups if number in _named_by(group)),
            f"The prefix list '{number}' is referenced and cannot be deleted.",
        )
    return call.forward()


@answers("ec2", "CreateNatGateway")
def create_nat_gateway(call: Call) -> Mapping[str, Any]:
    """Its interface has an address of its subnet."""
    reply = call.forward()
    with backends() as backend:
        gateway = backend("ec2", call.region).nat_gateways[reply["NatGateway"]["NatGatewayId"]]
        gateway.private_ip = gateway._eni.private_ip_address  # noqa: SLF001  # moto has no getter
        for address in gateway.address_set:
            address["PrivateIp"] = gateway.private_ip
            address["NetworkInterfaceId"] = gateway._eni.id  # noqa: SLF001
    return reply


@answers("ec2", "DeleteNatGateway")
def delete_nat_gateway(call: Call) -> Mapping[str, Any]:
    """Its interface goes with it and its address is free again."""
    with backends() as backend:
        ec2 = backend("ec2", call.region)
        gateway = ec2.nat_gateways.get(call.params["NatGatewayId"])
        if gateway is None or gateway.state == "deleted":
            raise AwsError(
                "NatGatewayNotFound", f"The Nat Gateway {call.params['NatGatewayId']} was not found"
            )
        reply = call.forward()
        interface = gateway._eni  # noqa: SLF001
        for address in ec2.addresses:
            if address.eni is interface:
                ec2.disassociate_address(address=address.public_ip)
        ec2.enis.pop(interface.id, None)
    return reply


def _vpc_of(interface: Any) -> str:
    return str(interface.subnet.vpc_id)


def _groups_of(interface: Any) -> set[str]:
    return {group.id for group in interface.group_set}


def _named_by(group: Any) -> set[str]:
    """The groups and prefix lists that a group's rules name."""
    rules = [*group.ingress_rules, *group.egress_rules]
    return {rule.source_group.get("GroupId") for rule in rules} | {rule.prefix_list_id for rule in rules}
