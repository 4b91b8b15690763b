"""How each type is deleted, and in which order: what holds others goes before what is held."""

from collections.abc import Callable, Mapping
from typing import Any

from infra.spend.leaks import Finding
from rehearsal.errors import BerthError
from scripts.berth.aws.clients import asking, client, code_of
from scripts.berth.leaks import aws
from scripts.berth.place import Place

Remove = Callable[[Callable[[str], Any], str], None]


class NotYet(Exception):
    """Something still holds it, or AWS is busy: it may go a little later."""


# What clears when what was deleted before is really gone, or by waiting.
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
_CLEARS = (
    *("DependencyViolation", "InUse", "Throttl", "RequestLimitExceeded", "DeleteConflict", "Unavailable"),
    *("IncorrectState", "InternalError", "ResourceContention", "ScalingActivityInProgress"),
)
_GONE = ("NotFound", "NoSuch", "ResourceNotFound")


def remove(place: Place, finding: Finding) -> None:
    """Delete it, with what is only a part of it; fine where it is gone already.

    Raises:
        NotYet: it can be tried again later.
        BerthError: the cloud refuses, or berth does not know how to delete the type.
    """
    if finding.type.startswith("kubernetes:"):
        from scripts.berth.leaks import kubernetes

        kubernetes.remove(place, finding)
        return
    if finding.type not in _REMOVE:
        raise BerthError(f"berth does not know how to delete {finding.type or finding.name}")
    aws.require_account(place)
    with asking(f"the deletion of {finding.id}"):
        try:
            _REMOVE[finding.type](lambda service: client(place, service, finding.region), finding.id)
        except Exception as error:
            code = code_of(error)
            said = f"{code}: {_message(error)}"
            if code and any(mark in code for mark in _GONE):
                return
            interface = finding.type.endswith(
                ":NetworkInterface"
            )  # a service's own: it goes with the service
            if code and (interface or any(mark in code for mark in _CLEARS)):
                raise NotYet(said) from None
            raise


def _message(error: Exception) -> str:
    response = getattr(error, "response", None) or {}
    return str((response.get("Error") or {}).get("Message") or error)


def rank(token: str) -> int:
    """Where a type is in the order of deletion; what is not known comes last."""
    order = [*_KUBERNETES, *_REMOVE]
    return order.index(token) if token in order else len(order)


def _group(client_of: Callable[[str], Any], id_: str) -> None:
    client_of("autoscaling").delete_auto_scaling_group(AutoScalingGroupName=id_, ForceDelete=True)


def _cluster(client_of: Callable[[str], Any], id_: str) -> None:
    eks = client_of("eks")
    groups = eks.list_nodegroups(clusterName=id_)["nodegroups"]
    for group in groups:
        if eks.describe_nodegroup(clusterName=id_, nodegroupName=group)["nodegroup"]["status"] != "DELETING":
            eks.delete_nodegroup(clusterName=id_, nodegroupName=group)
    if groups:
        raise NotYet(f"its node groups end: {', '.join(groups)}")
    eks.delete_cluster(name=id_)


def _connect_endpoint(client_of: Callable[[str], Any], id_: str) -> None:
    client_of("ec2").delete_instance_connect_endpoint(InstanceConnectEndpointId=id_)


def _endpoint(client_of: Callable[[str], Any], id_: str) -> None:
    for one in client_of("ec2").delete_vpc_endpoints(VpcEndpointIds=[id_]).get("Unsuccessful") or []:
        error = one.get("Error") or {}
        if "NotFound" not in str(error.get("Code")):
            raise BerthError(f"AWS refused to delete {id_}: {error.get('Message') or error.get('Code')}")


def _interface(client_of: Callable[[str], Any], id_: str) -> None:
    ec2 = client_of("ec2")
    found = ec2.describe_network_interfaces(NetworkInterfaceIds=[id_])["NetworkInterfaces"][0]
    if found.get("RequesterManaged"):
        # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/requester-managed-eni.html
        raise NotYet("the service that made it removes it")
    ec2.delete_network_interface(NetworkInterfaceId=id_)


def _security_group(client_of: Callable[[str], Any], id_: str) -> None:
    # Two groups that name each other keep each other: its own rules go first.
    ec2 = client_of("ec2")
    found = ec2.describe_security_groups(GroupIds=[id_])["SecurityGroups"][0]
    if found.get("IpPermissions"):
        ec2.revoke_security_group_ingress(GroupId=id_, IpPermissions=found["IpPermissions"])
    if found.get("IpPermissionsEgress"):
        ec2.revoke_security_group_egress(GroupId=id_, IpPermissions=found["IpPermissionsEgress"])
    ec2.delete_security_group(GroupId=id_)


def _route_table(client_of: Callable[[str], Any], id_: str) -> None:
    ec2 = client_of("ec2")
    for one in ec2.describe_route_tables(RouteTableIds=[id_])["RouteTables"][0].get("Associations", []):
        if not one.get("Main"):
            ec2.disassociate_route_table(AssociationId=one["RouteTableAssociationId"])
    ec2.delete_route_table(RouteTableId=id_)


def _internet(client_of: Callable[[str], Any], id_: str) -> None:
    ec2 = client_of("ec2")
    found = ec2.describe_internet_gateways(InternetGatewayIds=[id_])["InternetGateways"][0]
    for one in found.get("Attachments", []):
        ec2.detach_internet_gateway(InternetGatewayId=id_, VpcId=one["VpcId"])
    ec2.delete_internet_gateway(InternetGatewayId=id_)


def _address(client_of: Callable[[str], Any], id_: str) -> None:
    client_of("ec2").release_address(AllocationId=id_)


def _profile(client_of: Callable[[str], Any], id_: str) -> None:
    iam = client_of("iam")
    for role in iam.get_instance_profile(InstanceProfileName=id_)["InstanceProfile"]["Roles"]:
        iam.remove_role_from_instance_profile(InstanceProfileName=id_, RoleName=role["RoleName"])
    iam.delete_instance_profile(InstanceProfileName=id_)


def _role(client_of: Callable[[str], Any], id_: str) -> None:
    iam = client_of("iam")
    for policy in iam.list_attached_role_policies(RoleName=id_)["AttachedPolicies"]:
        iam.detach_role_policy(RoleName=id_, PolicyArn=policy["PolicyArn"])
    for name in iam.list_role_policies(RoleName=id_)["PolicyNames"]:
        iam.delete_role_policy(RoleName=id_, PolicyName=name)
    iam.delete_role(RoleName=id_)


def _budget(client_of: Callable[[str], Any], id_: str) -> None:
    account, _, name = id_.partition(":")
    client_of("budgets").delete_budget(AccountId=account, BudgetName=name)


def _schedule(client_of: Callable[[str], Any], id_: str) -> None:
    group, _, name = id_.rpartition("/")
    client_of("scheduler").delete_schedule(GroupName=group, Name=name)


def _rule(client_of: Callable[[str], Any], id_: str) -> None:
    events = client_of("events")
    targets = [target["Id"] for target in events.list_targets_by_rule(Rule=id_)["Targets"]]
    if targets:
        events.remove_targets(Rule=id_, Ids=targets)
    events.delete_rule(Name=id_)


def _call(service: str, operation: str, argument: str, *, many: bool = False) -> Remove:
    def call(client_of: Callable[[str], Any], id_: str) -> None:
        getattr(client_of(service), operation)(**{argument: [id_] if many else id_})

    return call


_KUBERNETES = (
    "kubernetes:core/v1:Service",
    "kubernetes:apps/v1:Deployment",
    "kubernetes:apps/v1:StatefulSet",
    "kubernetes:apps/v1:DaemonSet",
    "kubernetes:batch/v1:Job",
    "kubernetes:core/v1:Pod",
    "kubernetes:core/v1:PersistentVolumeClaim",
    "kubernetes:core/v1:PersistentVolume",
    "kubernetes:core/v1:Namespace",
)
# In the order of deletion.
_REMOVE: Mapping[str, Remove] = {
    "aws:scheduler/schedule:Schedule": _schedule,
    "aws:cloudwatch/eventRule:EventRule": _rule,
    "aws:lambda/function:Function": _call("lambda", "delete_function", "FunctionName"),
    "aws:autoscaling/group:Group": _group,
    "aws:eks/cluster:Cluster": _cluster,
    "aws:ec2/instance:Instance": _call("ec2", "terminate_instances", "InstanceIds", many=True),
    "aws:lb/loadBalancer:LoadBalancer": _call("elbv2", "delete_load_balancer", "LoadBalancerArn"),
    "aws:elb/loadBalancer:LoadBalancer": _call("elb", "delete_load_balancer", "LoadBalancerName"),
    "aws:lb/targetGroup:TargetGroup": _call("elbv2", "delete_target_group", "TargetGroupArn"),
    "aws:ec2transitgateway/instanceConnectEndpoint:InstanceConnectEndpoint": _connect_endpoint,
    "aws:ec2/vpcEndpoint:VpcEndpoint": _endpoint,
    "aws:ec2/natGateway:NatGateway": _call("ec2", "delete_nat_gateway", "NatGatewayId"),
    "aws:ec2/networkInterface:NetworkInterface": _interface,
    "aws:ec2/eip:Eip": _address,
    "aws:ebs/volume:Volume": _call("ec2", "delete_volume", "VolumeId"),
    "aws:ec2/ami:Ami": _call("ec2", "deregister_image", "ImageId"),
    "aws:ebs/snapshot:Snapshot": _call("ec2", "delete_snapshot", "SnapshotId"),
    "aws:ec2/launchTemplate:LaunchTemplate": _call("ec2", "delete_launch_template", "LaunchTemplateId"),
    "aws:ec2/securityGroup:SecurityGroup": _security_group,
    "aws:ec2/managedPrefixList:ManagedPrefixList": _call("ec2", "delete_managed_prefix_list", "PrefixListId"),
    "aws:ec2/flowLog:FlowLog": _call("ec2", "delete_flow_logs", "FlowLogIds", many=True),
    "aws:ec2/routeTable:RouteTable": _route_table,
    "aws:ec2/subnet:Subnet": _call("ec2", "delete_subnet", "SubnetId"),
    "aws:ec2/networkAcl:NetworkAcl": _call("ec2", "delete_network_acl", "NetworkAclId"),
    "aws:ec2/internetGateway:InternetGateway": _internet,
    "aws:ec2/vpc:Vpc": _call("ec2", "delete_vpc", "VpcId"),
    "aws:cloudwatch/metricAlarm:MetricAlarm": _call("cloudwatch", "delete_alarms", "AlarmNames", many=True),
    "aws:cloudwatch/logGroup:LogGroup": _call("logs", "delete_log_group", "logGroupName"),
    "aws:sns/topic:Topic": _call("sns", "delete_topic", "TopicArn"),
    "aws:ssm/parameter:Parameter": _call("ssm", "delete_parameter", "Name"),
    "aws:ecr/repository:Repository": _call("ecr", "delete_repository", "repositoryName"),
    "aws:s3/bucket:Bucket": _call("s3", "delete_bucket", "Bucket"),
    "aws:budgets/budget:Budget": _budget,
    "aws:iam/instanceProfile:InstanceProfile": _profile,
    "aws:iam/role:Role": _role,
}
