"""VPC endpoints and flow logs."""

import json
from typing import Any, Final

from rehearsal.providers.aws.api import Api
from rehearsal.providers.aws.diff import same_json
from rehearsal.providers.aws.ec2 import added, all_done
from rehearsal.providers.aws.table import Broken, Type
from rehearsal.providers.aws.tagging import EC2, specification, tag_map
from rehearsal.providers.plugin.model import Values

# VPC endpoint

_MEMBERS: Final = {
    "routeTableIds": ("AddRouteTableIds", "RemoveRouteTableIds"),
    "securityGroupIds": ("AddSecurityGroupIds", "RemoveSecurityGroupIds"),
    "subnetIds": ("AddSubnetIds", "RemoveSubnetIds"),
}


def _create_endpoint(api: Api, new: Values) -> str:
    keys = ("dnsOptions", "ipAddressType", "privateDnsEnabled", "serviceName", "vpcEndpointType", "vpcId")
    made = api.call(
        "create_vpc_endpoint",
        **api.fill("create_vpc_endpoint", new, *keys, *_MEMBERS, renamed={"policy": "PolicyDocument"}),
        TagSpecifications=specification("vpc-endpoint", new),
    )
    return str(made["VpcEndpoint"]["VpcEndpointId"])


def _endpoint(api: Api, endpoint: str) -> dict[str, Any] | None:
    return api.one("describe_vpc_endpoints", "VpcEndpoints", VpcEndpointIds=[endpoint])


def _endpoint_ready(api: Api, endpoint: str, new: Values) -> str | None:
    del new
    state = str((_endpoint(api, endpoint) or {}).get("State", "pending")).lower()
    if state in {"failed", "rejected", "expired", "deleted"}:
        raise Broken(f"the endpoint is {state}")
    return None if state in {"available", "pendingacceptance"} else f"the endpoint is {state}"


def _modify_endpoint(api: Api, endpoint: str, old: Values, new: Values) -> None:
    changes: Values = {}
    for prop, (add, remove) in _MEMBERS.items():
        changes[add] = added(old.get(prop), new.get(prop))
        changes[remove] = added(new.get(prop), old.get(prop)) if prop in new else None
    if new.get("policy") != old.get("policy"):
        changes |= {"PolicyDocument": new["policy"]} if new.get("policy") else {"ResetPolicy": True}
    changed = [
        key for key in ("dnsOptions", "ipAddressType", "privateDnsEnabled") if new.get(key) != old.get(key)
    ]
    changes |= api.fill("modify_vpc_endpoint", new, *changed)
    api.call("modify_vpc_endpoint", VpcEndpointId=endpoint, **changes)


def _read_endpoint(api: Api, endpoint: str, known: Values) -> Values | None:
    del known
    found = _endpoint(api, endpoint)
    if found is None or str(found.get("State", "")).lower() == "deleted":
        return None
    gateway = found["VpcEndpointType"] == "Gateway"
    prefix_list = _prefix_list(api, found["ServiceName"]) if gateway else {}
    policy = found.get("PolicyDocument")
    return {
        "arn": api.arn(f"vpc-endpoint/{endpoint}"),
        "cidrBlocks": prefix_list.get("Cidrs") or [],
        "dnsEntries": [
            {"dnsName": one.get("DnsName", ""), "hostedZoneId": one.get("HostedZoneId", "")}
            for one in found.get("DnsEntries") or ()
        ],
        "ipAddressType": found.get("IpAddressType") or "ipv4",
        "networkInterfaceIds": sorted(found.get("NetworkInterfaceIds") or ()),
        "ownerId": found.get("OwnerId") or api.account.id,
        "policy": policy if isinstance(policy, str) else json.dumps(policy) if policy else "",
        "prefixListId": prefix_list.get("PrefixListId", ""),
        "privateDnsEnabled": bool(found.get("PrivateDnsEnabled")) and not gateway,
        "requesterManaged": bool(found.get("RequesterManaged")),
        "routeTableIds": sorted(found.get("RouteTableIds") or ()),
        "securityGroupIds": sorted(group["GroupId"] for group in found.get("Groups") or ()),
        "serviceName": found["ServiceName"],
        "state": str(found.get("State", "available")).lower(),
        "subnetIds": sorted(found.get("SubnetIds") or ()),
        "tags": tag_map(found.get("Tags")),
        "vpcEndpointType": found["VpcEndpointType"],
        "vpcId": found["VpcId"],
    }


def _prefix_list(api: Api, service: str) -> dict[str, Any]:
    found = api.all("describe_prefix_lists", "PrefixLists")
    return next((one for one in found if one["PrefixListName"] == service), {})


def _delete_endpoint(api: Api, endpoint: str, known: Values) -> None:
    del known
    all_done("ec2", "DeleteVpcEndpoints", api.call("delete_vpc_endpoints", VpcEndpointIds=[endpoint]))


VPC_ENDPOINT = Type(
    "aws:ec2/vpcEndpoint:VpcEndpoint",
    "ec2",
    create=_create_endpoint,
    ready=_endpoint_ready,
    read=_read_endpoint,
    update=dict.fromkeys(
        (*_MEMBERS, "dnsOptions", "ipAddressType", "policy", "privateDnsEnabled"), _modify_endpoint
    ),
    delete=_delete_endpoint,
    replace_on=frozenset({"serviceName", "vpcEndpointType", "vpcId"}),
    local=frozenset({"autoAccept"}),
    defaults={"vpcEndpointType": "Gateway"},
    computed=frozenset({*_MEMBERS, "dnsOptions", "ipAddressType", "policy", "privateDnsEnabled"}),
    choices={
        "vpcEndpointType": ("Gateway", "GatewayLoadBalancer", "Interface", "Resource", "ServiceNetwork")
    },
    same={"policy": same_json},
    tags=EC2,
)

# Flow log

_SOURCES: Final = {
    "eniId": "NetworkInterface",
    "subnetId": "Subnet",
    "transitGatewayId": "TransitGateway",
    "vpcId": "VPC",
}


def _create_log(api: Api, new: Values) -> str:
    source = next(prop for prop in _SOURCES if new.get(prop))
    keys = (
        "destinationOptions",
        "logDestination",
        "logDestinationType",
        "logFormat",
        "maxAggregationInterval",
    )
    answer = api.call(
        "create_flow_logs",
        ResourceIds=[new[source]],
        ResourceType=_SOURCES[source],
        **api.fill(
            "create_flow_logs", new, *keys, "trafficType", renamed={"iamRoleArn": "DeliverLogsPermissionArn"}
        ),
        TagSpecifications=specification("vpc-flow-log", new),
    )
    all_done("ec2", "CreateFlowLogs", answer)
    return str(answer["FlowLogIds"][0])


def _find_log(api: Api, new: Values) -> list[str]:
    """EC2 refuses a second log of one thing to one place: what is there is what was asked for."""
    resource = next(new[prop] for prop in _SOURCES if new.get(prop))
    found = api.all("describe_flow_logs", "FlowLogs", Filters=[{"Name": "resource-id", "Values": [resource]}])
    place = new.get("logDestination")
    return [log["FlowLogId"] for log in found if place in (None, log.get("LogDestination"))]


def _read_log(api: Api, log: str, known: Values) -> Values | None:
    del known
    found = api.one("describe_flow_logs", "FlowLogs", FlowLogIds=[log])
    if found is None:
        return None
    resource = str(found["ResourceId"])
    kinds = {"vpc": "vpcId", "subnet": "subnetId", "eni": "eniId", "tgw": "transitGatewayId"}
    destination = found.get("LogDestination") or ""
    return {
        kinds[resource.partition("-")[0]]: resource,
        "arn": api.arn(f"vpc-flow-log/{log}"),
        "iamRoleArn": found.get("DeliverLogsPermissionArn") or "",
        "logDestination": destination,
        "logDestinationType": found.get("LogDestinationType") or "cloud-watch-logs",
        "logFormat": found.get("LogFormat") or "",
        "maxAggregationInterval": int(found.get("MaxAggregationInterval") or 600),
        "tags": tag_map(found.get("Tags")),
        "trafficType": found.get("TrafficType") or "",
    }


def _delete_log(api: Api, log: str, known: Values) -> None:
    del known
    all_done("ec2", "DeleteFlowLogs", api.call("delete_flow_logs", FlowLogIds=[log]))


FLOW_LOG = Type(
    "aws:ec2/flowLog:FlowLog",
    "ec2",
    create=_create_log,
    read=_read_log,
    delete=_delete_log,
    find=_find_log,
    replace_on=frozenset(
        {"destinationOptions", "iamRoleArn", "logDestination", "logDestinationType", "logFormat"}
        | {"maxAggregationInterval", "trafficType", *_SOURCES}
    ),
    defaults={"logDestinationType": "cloud-watch-logs", "maxAggregationInterval": 600},
    computed=frozenset({"logDestination", "logFormat"}),
    choices={
        "trafficType": ("ACCEPT", "ALL", "REJECT"),
        "logDestinationType": ("cloud-watch-logs", "kinesis-data-firehose", "s3"),
    },
    tags=EC2,
)

TYPES = [VPC_ENDPOINT, FLOW_LOG]
