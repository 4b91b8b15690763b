"""Parts of a network that moto changes or tags in another way than AWS."""

from collections.abc import Mapping
from typing import Any

from rehearsal.clouds.aws.additions import answers
from rehearsal.clouds.aws.calls import Call
from rehearsal.clouds.aws.emulator import backends
from rehearsal.clouds.aws.launching import tags


@answers("ec2", "CreateDhcpOptions")
def create_dhcp_options(call: Call) -> Mapping[str, Any]:
    """With the tags of the request."""
    reply = call.forward(TagSpecifications=None)
    number = reply["DhcpOptions"]["DhcpOptionsId"]
    given = tags(call.params, "dhcp-options")
    with backends() as backend:
        backend("ec2", call.region).create_tags([number], given)
    shown = [{"Key": key, "Value": value} for key, value in given.items()]
    return {**reply, "DhcpOptions": {**reply["DhcpOptions"], "Tags": shown}}


@answers("ec2", "ModifyManagedPrefixList")
def modify_prefix_list(call: Call) -> Mapping[str, Any]:
    """A list keeps the name that the request does not change, and its largest size likewise."""
    with backends() as backend:
        known = backend("ec2", call.region).managed_prefix_lists.get(call.params["PrefixListId"])
    if known is None:
        return call.forward()
    size = call.params.get("MaxEntries")
    reply = call.forward(PrefixListName=call.params.get("PrefixListName") or known.prefix_list_name)
    if size:
        known.max_entries = int(size)
    return reply


@answers("ec2", "ModifyVpcEndpoint")
def modify_endpoint(call: Call) -> Mapping[str, Any]:
    """A gateway endpoint's routes follow its route tables."""
    with backends() as backend:
        ec2 = backend("ec2", call.region)
        endpoint = ec2.vpc_end_points.get(call.params["VpcEndpointId"])
        before = list(endpoint.route_table_ids) if endpoint else []
        reply = call.forward()
        target = endpoint.destination_prefix_list_id if endpoint else None
        if target:
            for table in set(endpoint.route_table_ids) - set(before):
                ec2.create_route(table, None, gateway_id=endpoint.id, destination_prefix_list_id=target)
            for table in set(before) - set(endpoint.route_table_ids):
                ec2.delete_route(table, target)
    return reply


@answers("ec2", "CreateVpcEndpoint")
def create_endpoint(call: Call) -> Mapping[str, Any]:
    """A gateway unless another type is named."""
    return call.forward(VpcEndpointType=call.params.get("VpcEndpointType") or "Gateway")
