"""Everything that exists in the account, in a form that two moments can be compared by.

Each row of SOURCES is one call that lists one kind of thing; what is gone but still shown for a while (as on
AWS), and what AWS owns, is left out. Times are dropped: they say nothing about what exists.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rehearsal.clouds.aws.emulator import ACCOUNT, backends, regions_of

Found = dict[str, Any]


def _everything(_: Found) -> bool:
    return True


def _without(key: str, *states: str) -> Callable[[Found], bool]:
    def keep(found: Found) -> bool:
        state = found.get(key)
        name = (state.get("Name") or state.get("Code")) if isinstance(state, dict) else state
        return name not in states

    return keep


def _not_of_aws(found: Found) -> bool:
    return found.get("OwnerId") != "AWS" and found.get("State") != "delete-complete"


def _not_managed_by_aws(found: Found) -> bool:
    return "/aws-service-role/" not in found.get("Path", "")


def _of_this_account(found: Found) -> bool:
    return bool(found["OwnerId"] == ACCOUNT)


def _not_an_alias_of_aws(found: Found) -> bool:
    return not str(found["AliasName"]).startswith("alias/aws/")


@dataclass(frozen=True)
class Source:
    """service and operation (boto3's names), where the list is in the answer, which field names a thing."""

    service: str
    operation: str
    at: str
    id: str
    keep: Callable[[Found], bool] = _everything
    params: Found = field(default_factory=dict)


SOURCES = (
    Source("ec2", "describe_vpcs", "Vpcs", "VpcId"),
    Source("ec2", "describe_subnets", "Subnets", "SubnetId"),
    Source("ec2", "describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
    Source("ec2", "describe_route_tables", "RouteTables", "RouteTableId"),
    Source("ec2", "describe_network_acls", "NetworkAcls", "NetworkAclId"),
    Source("ec2", "describe_security_groups", "SecurityGroups", "GroupId"),
    Source("ec2", "describe_nat_gateways", "NatGateways", "NatGatewayId", _without("State", "deleted")),
    Source("ec2", "describe_addresses", "Addresses", "AllocationId"),
    Source("ec2", "describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId", _without("State", "deleted")),
    Source("ec2", "describe_vpc_peering_connections", "VpcPeeringConnections", "VpcPeeringConnectionId"),
    Source("ec2", "describe_flow_logs", "FlowLogs", "FlowLogId"),
    Source("ec2", "describe_dhcp_options", "DhcpOptions", "DhcpOptionsId"),
    Source("ec2", "describe_managed_prefix_lists", "PrefixLists", "PrefixListId", _not_of_aws),
    Source("ec2", "describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId"),
    Source("ec2", "describe_key_pairs", "KeyPairs", "KeyPairId"),
    Source(
        *("ec2", "describe_instance_connect_endpoints"),
        *("InstanceConnectEndpoints", "InstanceConnectEndpointId"),
    ),
    Source("ec2", "describe_launch_templates", "LaunchTemplates", "LaunchTemplateId"),
    Source(
        "ec2", "describe_instances", "Reservations[].Instances", "InstanceId", _without("State", "terminated")
    ),
    Source(
        *("ec2", "describe_spot_instance_requests", "SpotInstanceRequests", "SpotInstanceRequestId"),
        _without("State", "closed", "cancelled", "failed"),
    ),
    Source(
        *("ec2", "describe_fleets", "Fleets", "FleetId"),
        _without("FleetState", "deleted", "deleted_running", "deleted_terminating"),
    ),
    Source("ec2", "describe_volumes", "Volumes", "VolumeId"),
    Source("ec2", "describe_snapshots", "Snapshots", "SnapshotId", _of_this_account),
    Source("ec2", "describe_images", "Images", "ImageId", _of_this_account),
    Source("ec2", "describe_transit_gateways", "TransitGateways", "TransitGatewayId"),
    Source("ec2", "describe_vpn_gateways", "VpnGateways", "VpnGatewayId", _without("State", "deleted")),
    Source("autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups", "AutoScalingGroupName"),
    Source(
        "autoscaling", "describe_launch_configurations", "LaunchConfigurations", "LaunchConfigurationName"
    ),
    Source("autoscaling", "describe_policies", "ScalingPolicies", "PolicyName"),
    Source("autoscaling", "describe_scheduled_actions", "ScheduledUpdateGroupActions", "ScheduledActionName"),
    Source("iam", "list_users", "Users", "UserName"),
    Source("iam", "list_groups", "Groups", "GroupName"),
    Source("iam", "list_roles", "Roles", "RoleName", _not_managed_by_aws),
    Source("iam", "list_instance_profiles", "InstanceProfiles", "InstanceProfileName"),
    Source("iam", "list_policies", "Policies", "Arn", params={"Scope": "Local"}),
    Source("ecr", "describe_repositories", "repositories", "repositoryName"),
    Source("sns", "list_topics", "Topics", "TopicArn"),
    Source("sns", "list_subscriptions", "Subscriptions", "SubscriptionArn"),
    Source("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    Source("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
    Source("logs", "describe_log_groups", "logGroups", "logGroupName"),
    Source("ssm", "describe_parameters", "Parameters", "Name"),
    Source("kms", "list_aliases", "Aliases", "AliasName", _not_an_alias_of_aws),
    Source("elb", "describe_load_balancers", "LoadBalancerDescriptions", "LoadBalancerName"),
    Source("elbv2", "describe_load_balancers", "LoadBalancers", "LoadBalancerArn"),
    Source("elbv2", "describe_target_groups", "TargetGroups", "TargetGroupArn"),
    Source("sqs", "list_queues", "QueueUrls", ""),
    Source("events", "list_rules", "Rules", "Name"),
    Source("lambda", "list_functions", "Functions", "FunctionName"),
    Source("scheduler", "list_schedules", "Schedules", "Name"),
    Source("budgets", "describe_budgets", "Budgets", "BudgetName", params={"AccountId": ACCOUNT}),
    Source("eks", "list_clusters", "clusters", ""),
    Source("secretsmanager", "list_secrets", "SecretList", "Name"),
    Source("dynamodb", "list_tables", "TableNames", ""),
)

_GLOBAL = {"iam", "budgets"}


def take(client: Callable[[str, str], Any]) -> list[Found]:
    """Every resource: [{service, region, kind, id, is}], sorted.

    client: a function from service and region to a boto3 client.
    """
    rows: list[Found] = []
    for region in _regions():
        for source in SOURCES:
            if source.service in _GLOBAL and region != "us-east-1":
                continue
            for found in _listed(client(source.service, region), source):
                identifier = str(found[source.id]) if source.id else found["name"]
                rows.append(_row(source.service, region, source.at.split(".")[-1], identifier, found))
        rows += _keys(client("kms", region), region)
    rows += _objects(client("s3", "us-east-1"))
    return sorted(rows, key=lambda row: (row["service"], row["region"], row["kind"], row["id"]))


def _regions() -> list[str]:
    """Those that have been spoken to; asking for another would create its default network."""
    with backends() as backend:
        backend("ec2", "us-east-1")
        return sorted(regions_of("ec2"))


def _listed(client: Any, source: Source) -> Iterator[Found]:
    outer, _, inner = source.at.partition("[].")
    if client.can_paginate(source.operation):
        pages = client.get_paginator(source.operation).paginate(**source.params)
    else:
        pages = [getattr(client, source.operation)(**source.params)]
    for page in pages:
        for entry in page.get(outer) or []:
            for found in entry[inner] if inner else [entry]:
                thing = found if isinstance(found, dict) else {"name": found}
                if source.keep(thing):
                    yield thing


def _keys(client: Any, region: str) -> Iterator[Found]:
    """KMS keys of the customer that are not waiting for their deletion."""
    for page in client.get_paginator("list_keys").paginate():
        for entry in page["Keys"]:
            found = client.describe_key(KeyId=entry["KeyId"])["KeyMetadata"]
            if found["KeyManager"] == "CUSTOMER" and found["KeyState"] != "PendingDeletion":
                yield _row("kms", region, "Keys", found["KeyId"], found)


def _objects(client: Any) -> Iterator[Found]:
    """Buckets and every version of what is in them, delete markers too."""
    for bucket in client.list_buckets()["Buckets"]:
        name = bucket["Name"]
        yield _row("s3", "", "Buckets", name, {"Name": name})
        for page in client.get_paginator("list_object_versions").paginate(Bucket=name):
            for version in page.get("Versions", []):
                yield _row("s3", "", "Objects", f"{name}/{version['Key']}@{version['VersionId']}", version)
            for marker in page.get("DeleteMarkers", []):
                yield _row("s3", "", "DeleteMarkers", f"{name}/{marker['Key']}@{marker['VersionId']}", marker)


def _row(service: str, region: str, kind: str, identifier: str, found: Found) -> Found:
    return {"service": service, "region": region, "kind": kind, "id": identifier, "is": _lasting(found)}


def _lasting(value: Any) -> Any:
    """A description without its times, its lists in an order of their own."""
    if isinstance(value, dict):
        return {
            key: _lasting(inner)
            for key, inner in sorted(value.items())
            if not isinstance(inner, datetime) and not _is_time(key)
        }
    if isinstance(value, list):
        return sorted((_lasting(inner) for inner in value), key=repr)
    return value


def _is_time(key: str) -> bool:
    return key.lower().endswith(("time", "date", "timestamp", "lastmodified", "createdat"))
