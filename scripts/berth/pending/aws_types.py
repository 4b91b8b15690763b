"""How each AWS type that was being created is found again: a table, carried out by scripts.berth.pending.aws.

Ids are those of pulumi-aws's documentation of each resource (its section "Import"), which is what a later
refresh reads by. A type that is missing here is listed in REPEATABLE, where a second create does no harm.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

Inputs = Mapping[str, Any]
Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Lookup:
    """One call that lists what it may be, and how to know the right one.

    service, operation: boto3's. at: where the rows are in the answer, with `[]` for a list of lists.
    params: parameter to input (`=account` is the account's id). filters: EC2's filter to input.
    same: the row's field (dotted) to the input that it has to equal, where the input is given.
    fixed: the row's field to the value that it has to have. id: the row's field, or a function.
    tagged: where the row's tags are; all tags of the inputs have to be among them. Empty: not compared.
    own_tags: call that gives the row's tags where the row has none, as (operation, parameter, field, answer).
    """

    service: str
    operation: str
    at: str
    id: str | Callable[[Inputs, Row], str | None]
    params: Mapping[str, str] = field(default_factory=dict)
    filters: Mapping[str, str] = field(default_factory=dict)
    filter_parameter: str = "Filters"
    same: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    tagged: str = "Tags"
    own_tags: tuple[str, str, str, str] | None = None
    untagged: Callable[[Any, Row], bool] | None = None
    """(boto3's client, row) -> whether one without any tag may be it: it is tagged by a second call."""
    finish: Callable[[Any, Inputs, str], None] | None = None
    """(boto3's client, inputs, id): what else a create does, where nobody would see that it is missing."""


def _ec2(operation: str, at: str, identity: str, **filters: str) -> Lookup:
    """filters: EC2's filter, with _ for -, to input."""
    named = {name.replace("_", "-"): prop for name, prop in filters.items()}
    return Lookup(service="ec2", operation=operation, at=at, id=identity, filters=named)


def _close(ec2: Any, inputs: Inputs, group: str) -> None:
    """Take away the rule that a new group comes with: everything may leave.

    The provider does so by a second call, and takes what a group has for what is wanted afterwards.
    https://docs.aws.amazon.com/vpc/latest/userguide/creating-security-groups.html
    """
    if inputs.get("egress") is not None:
        return  # the rules are the group's own, and the next update makes them what they should be
    of_group = [{"Name": "group-id", "Values": [group]}]
    rules = ec2.describe_security_group_rules(Filters=of_group)["SecurityGroupRules"]
    open_ = [
        rule["SecurityGroupRuleId"]
        for rule in rules
        if rule["IsEgress"]
        and rule["IpProtocol"] == "-1"
        and (rule.get("CidrIpv4") == "0.0.0.0/0" or rule.get("CidrIpv6") == "::/0")
    ]
    if open_:
        ec2.revoke_security_group_egress(GroupId=group, SecurityGroupRuleIds=open_)


def _rule(*, egress: bool) -> Lookup:
    return Lookup(
        service="ec2",
        operation="describe_security_group_rules",
        at="SecurityGroupRules",
        id="SecurityGroupRuleId",
        filters={"group-id": "securityGroupId"},
        same={
            "IpProtocol": "ipProtocol",
            "FromPort": "fromPort",
            "ToPort": "toPort",
            "CidrIpv4": "cidrIpv4",
            "CidrIpv6": "cidrIpv6",
            "PrefixListId": "prefixListId",
            "ReferencedGroupInfo.GroupId": "referencedSecurityGroupId",
        },
        fixed={"IsEgress": egress},
        tagged="",
    )


def _iam(at: str, *, tagged: str = "Tags") -> Lookup:
    """By its name, in an answer's member of the type's name."""
    operation = {"InstanceProfile": "get_instance_profile"}.get(at, f"get_{at.lower()}")
    name = {f"{at}Name": "name"}
    return Lookup(service="iam", operation=operation, at=at, id=f"{at}Name", params=name, tagged=tagged)


def _policy_of(kind: str, owner: str) -> Lookup:
    """An inline policy: `<owner>:<name>`."""
    return Lookup(
        service="iam",
        operation=f"get_{kind}_policy",
        at="",
        id=lambda inputs, _: f"{inputs[owner]}:{inputs['name']}",
        params={f"{kind.title()}Name": owner, "PolicyName": "name"},
        tagged="",
    )


def _route_id(inputs: Inputs, row: Row) -> str | None:
    """`<table>_<destination>`, where it leads to what the inputs say."""
    ends = {
        "DestinationCidrBlock": "destinationCidrBlock",
        "DestinationIpv6CidrBlock": "destinationIpv6CidrBlock",
        "DestinationPrefixListId": "destinationPrefixListId",
    }
    for theirs, ours in ends.items():
        if inputs.get(ours) and row.get(theirs) == inputs[ours]:
            return f"{inputs['routeTableId']}_{inputs[ours]}"
    return None


LOOKUPS: Mapping[str, Lookup] = {
    # Networks
    "aws:ec2/vpc:Vpc": _ec2("describe_vpcs", "Vpcs", "VpcId", cidr="cidrBlock"),
    "aws:ec2/subnet:Subnet": _ec2(
        "describe_subnets", "Subnets", "SubnetId", vpc_id="vpcId", cidr_block="cidrBlock"
    ),
    "aws:ec2/internetGateway:InternetGateway": _ec2(
        "describe_internet_gateways", "InternetGateways", "InternetGatewayId"
    ),
    "aws:ec2/routeTable:RouteTable": _ec2(
        "describe_route_tables", "RouteTables", "RouteTableId", vpc_id="vpcId"
    ),
    "aws:ec2/route:Route": Lookup(
        service="ec2",
        operation="describe_route_tables",
        at="RouteTables[].Routes",
        id=_route_id,
        filters={"route-table-id": "routeTableId"},
        same={
            "GatewayId": "gatewayId",
            "NatGatewayId": "natGatewayId",
            "NetworkInterfaceId": "networkInterfaceId",
            "VpcPeeringConnectionId": "vpcPeeringConnectionId",
            "TransitGatewayId": "transitGatewayId",
        },
        tagged="",
    ),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": Lookup(
        service="ec2",
        operation="describe_route_tables",
        at="RouteTables[].Associations",
        id="RouteTableAssociationId",
        filters={"route-table-id": "routeTableId"},
        same={"SubnetId": "subnetId", "GatewayId": "gatewayId"},
        tagged="",
    ),
    "aws:ec2/eip:Eip": _ec2("describe_addresses", "Addresses", "AllocationId"),
    "aws:ec2/eipAssociation:EipAssociation": Lookup(
        service="ec2",
        operation="describe_addresses",
        at="Addresses",
        id="AssociationId",
        filters={"allocation-id": "allocationId"},
        same={"InstanceId": "instanceId", "NetworkInterfaceId": "networkInterfaceId"},
        tagged="",
    ),
    "aws:ec2/natGateway:NatGateway": Lookup(
        service="ec2",
        operation="describe_nat_gateways",
        at="NatGateways",
        id="NatGatewayId",
        filters={"subnet-id": "subnetId"},
        filter_parameter="Filter",
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": _ec2(
        "describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId", vpc_id="vpcId", service_name="serviceName"
    ),
    "aws:ec2/flowLog:FlowLog": Lookup(
        service="ec2",
        operation="describe_flow_logs",
        at="FlowLogs",
        id="FlowLogId",
        filters={"resource-id": "vpcId"},
        filter_parameter="Filter",
        same={"LogDestination": "logDestination"},
    ),
    "aws:ec2/managedPrefixList:ManagedPrefixList": _ec2(
        "describe_managed_prefix_lists", "PrefixLists", "PrefixListId", prefix_list_name="name"
    ),
    # Access
    "aws:ec2/securityGroup:SecurityGroup": replace(
        _ec2("describe_security_groups", "SecurityGroups", "GroupId", vpc_id="vpcId", group_name="name"),
        finish=_close,
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _rule(egress=False),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _rule(egress=True),
    "aws:ec2transitgateway/instanceConnectEndpoint:InstanceConnectEndpoint": _ec2(
        "describe_instance_connect_endpoints",
        "InstanceConnectEndpoints",
        "InstanceConnectEndpointId",
        subnet_id="subnetId",
    ),
    "aws:ec2/keyPair:KeyPair": _ec2("describe_key_pairs", "KeyPairs", "KeyName", key_name="keyName"),
    # Machines
    "aws:ec2/instance:Instance": _ec2(
        "describe_instances",
        "Reservations[].Instances",
        "InstanceId",
        subnet_id="subnetId",
        image_id="ami",
        instance_type="instanceType",
    ),
    "aws:ec2/launchTemplate:LaunchTemplate": _ec2(
        "describe_launch_templates", "LaunchTemplates", "LaunchTemplateId", launch_template_name="name"
    ),
    "aws:ebs/volume:Volume": _ec2(
        "describe_volumes", "Volumes", "VolumeId", availability_zone="availabilityZone"
    ),
    "aws:autoscaling/group:Group": Lookup(
        service="autoscaling",
        operation="describe_auto_scaling_groups",
        at="AutoScalingGroups",
        id="AutoScalingGroupName",
        params={"AutoScalingGroupNames[]": "name"},
    ),
    # What runs inside the account
    "aws:lambda/function:Function": Lookup(
        service="lambda",
        operation="get_function",
        at="Configuration",
        id="FunctionName",
        params={"FunctionName": "name"},
        tagged="",
    ),
    "aws:scheduler/schedule:Schedule": Lookup(
        service="scheduler",
        operation="get_schedule",
        at="",
        id=lambda inputs, row: f"{inputs.get('groupName') or 'default'}/{row['Name']}",
        params={"Name": "name", "GroupName": "groupName"},
        tagged="",
    ),
    # Identities
    "aws:iam/role:Role": _iam("Role"),
    "aws:iam/instanceProfile:InstanceProfile": _iam("InstanceProfile"),
    "aws:iam/user:User": _iam("User"),
    "aws:iam/group:Group": _iam("Group", tagged=""),
    "aws:iam/rolePolicy:RolePolicy": _policy_of("role", "role"),
    "aws:iam/groupPolicy:GroupPolicy": _policy_of("group", "group"),
    # Storage and images
    "aws:s3/bucket:Bucket": Lookup(
        service="s3",
        operation="list_buckets",
        at="Buckets",
        id="Name",
        same={"Name": "bucket"},
        own_tags=("get_bucket_tagging", "Bucket", "Name", "TagSet"),
        untagged=lambda s3, row: not s3.list_objects_v2(Bucket=row["Name"], MaxKeys=1)["KeyCount"],
    ),
    "aws:ecr/repository:Repository": Lookup(
        service="ecr",
        operation="describe_repositories",
        at="repositories",
        id="repositoryName",
        params={"repositoryNames[]": "name"},
        own_tags=("list_tags_for_resource", "resourceArn", "repositoryArn", "tags"),
    ),
    # Spend, logs, values
    "aws:budgets/budget:Budget": Lookup(
        service="budgets",
        operation="describe_budget",
        at="Budget",
        id=lambda inputs, row: f"{inputs['=account']}:{row['BudgetName']}",
        params={"AccountId": "=account", "BudgetName": "name"},
        tagged="",
    ),
    "aws:sns/topic:Topic": Lookup(
        service="sns",
        operation="list_topics",
        at="Topics",
        id=lambda inputs, row: (
            row["TopicArn"] if row["TopicArn"].rpartition(":")[2] == inputs.get("name") else None
        ),
        tagged="",
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Lookup(
        service="cloudwatch",
        operation="describe_alarms",
        at="MetricAlarms",
        id="AlarmName",
        params={"AlarmNames[]": "name"},
        tagged="",
    ),
    "aws:cloudwatch/logGroup:LogGroup": Lookup(
        service="logs",
        operation="describe_log_groups",
        at="logGroups",
        id="logGroupName",
        params={"logGroupNamePrefix": "name"},
        same={"logGroupName": "name"},
        tagged="",
    ),
    "aws:ssm/parameter:Parameter": Lookup(
        service="ssm",
        operation="get_parameter",
        at="Parameter",
        id="Name",
        params={"Name": "name"},
        tagged="",
    ),
}

UPDATED_AGAIN: Mapping[str, str] = {
    "aws:autoscaling/group:Group": "its machines are exchanged by a second call, after it was changed",
}
"""Types whose interrupted update is done again from the start, although part of it can be seen."""

REPEATABLE: Mapping[str, str] = {
    "aws:autoscaling/policy:Policy": "put under its name; goes with its group",
    "aws:autoscaling/schedule:Schedule": "put under its name; goes with its group",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": "taken over, not made; goes with its VPC",
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": "put; goes with its repository",
    "aws:iam/groupMembership:GroupMembership": "people added again are added once",
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": "put; goes with its bucket",
    "aws:s3/bucketObjectv2:BucketObjectv2": "put under its key; goes with its bucket",
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": "put; goes with its bucket",
    "aws:s3/bucketPolicy:BucketPolicy": "put; goes with its bucket",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": "put; goes with its bucket",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        "put; goes with its bucket"
    ),
    "aws:s3/bucketVersioning:BucketVersioning": "put; goes with its bucket",
    "aws:sns/topicPolicy:TopicPolicy": "put; goes with its topic",
    "aws:sns/topicSubscription:TopicSubscription": "the same address is subscribed once; goes with its topic",
    "pulumi-python:dynamic/berth:Image": "an image that is there is not copied; goes with its repository",
    "pulumi-python:dynamic/berth:JsonObject": "only reads",
    "pulumi-python:dynamic/berth:Object": "put under its key; goes with its bucket",
    "pulumi-python:dynamic/berth:Bucket": "one that is there is taken; goes when it is empty",
}
"""Types whose second create finds or overwrites what the first has made, and why nothing is left over."""
