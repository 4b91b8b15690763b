"""What other services than EC2 have of an environment: listed, or found by its tag and then looked at."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from infra.spend.leaks import ENVIRONMENT, MANAGED_BY, MANAGER, Live
from scripts.berth.aws.clients import REFUSED, asking, code_of
from scripts.berth.leaks.kinds import tags_of
from scripts.berth.leaks.region import Region

Ask = Callable[[], list[Live]]
USED = (
    *("autoscaling", "budgets", "scheduler", "sts", "elb", "elbv2", "eks", "iam", "resourcegroupstaggingapi"),
    *("cloudwatch", "ecr", "events", "kms", "lambda", "logs", "s3", "sns", "ssm"),
)
GONE = {
    *(
        "NoSuchBucket",
        "NotFound",
        "NotFoundException",
        "ResourceNotFoundException",
        "RepositoryNotFoundException",
    ),
    *("NoSuchEntity", "ParameterNotFound", "LoadBalancerNotFound", "404"),
}
_LB = "aws:lb/loadBalancer:LoadBalancer"


def questions(where: Region) -> dict[str, Ask]:
    """What to ask, by name."""

    def of(name: str, listing: Callable[[Region], Iterator[Live]]) -> Ask:
        def ask() -> list[Live]:
            with asking(f"the {name} in {where.name}"):
                return list(listing(where))

        return ask

    return {name: of(name, listing) for name, listing in _LISTINGS.items()}


def _groups(where: Region) -> Iterator[Live]:
    for page in where.client("autoscaling").get_paginator("describe_auto_scaling_groups").paginate():
        for row in page["AutoScalingGroups"]:
            if "Delete" in str(row.get("Status", "")):
                continue
            template = row.get("LaunchTemplate") or _mixed(row)
            yield Live(
                id=row["AutoScalingGroupName"],
                type="aws:autoscaling/group:Group",
                name=row["AutoScalingGroupName"],
                arn=row["AutoScalingGroupARN"],
                tags=tags_of(row),
                created=row.get("CreatedTime"),
                blocks=(
                    *[subnet for subnet in row.get("VPCZoneIdentifier", "").split(",") if subnet],
                    *([template["LaunchTemplateId"]] if template.get("LaunchTemplateId") else []),
                ),
            )


def _mixed(row: Mapping[str, Any]) -> Mapping[str, Any]:
    template = (row.get("MixedInstancesPolicy") or {}).get("LaunchTemplate") or {}
    found: Mapping[str, Any] = template.get("LaunchTemplateSpecification") or {}
    return found


def _load_balancers(where: Region) -> Iterator[Live]:
    elb = where.client("elbv2")
    rows = [
        row
        for page in elb.get_paginator("describe_load_balancers").paginate()
        for row in page["LoadBalancers"]
    ]
    tags = _elb_tags(elb, "ResourceArns", "ResourceArn", [row["LoadBalancerArn"] for row in rows])
    for row in rows:
        zones = row.get("AvailabilityZones", [])
        yield Live(
            id=row["LoadBalancerArn"],
            type=_LB,
            name=row["LoadBalancerName"],
            arn=row["LoadBalancerArn"],
            tags=tags.get(row["LoadBalancerArn"], {}),
            created=row.get("CreatedTime"),
            inside=row.get("VpcId", ""),
            blocks=(
                *row.get("SecurityGroups", []),
                *[zone["SubnetId"] for zone in zones if zone.get("SubnetId")],
                row.get("VpcId", ""),
            ),
            props={
                "loadBalancerType": row.get("Type"),
                "internal": row.get("Scheme") == "internal",
                "subnets": [zone.get("SubnetId") for zone in zones],
            },
        )


def _target_groups(where: Region) -> Iterator[Live]:
    elb = where.client("elbv2")
    rows = [
        row for page in elb.get_paginator("describe_target_groups").paginate() for row in page["TargetGroups"]
    ]
    tags = _elb_tags(elb, "ResourceArns", "ResourceArn", [row["TargetGroupArn"] for row in rows])
    for row in rows:
        yield Live(
            id=row["TargetGroupArn"],
            type="aws:lb/targetGroup:TargetGroup",
            name=row["TargetGroupName"],
            arn=row["TargetGroupArn"],
            tags=tags.get(row["TargetGroupArn"], {}),
            inside=row.get("VpcId", ""),
            holders=tuple(row.get("LoadBalancerArns", [])),
        )


def _classic(where: Region) -> Iterator[Live]:
    elb = where.client("elb")
    rows = [
        row
        for page in elb.get_paginator("describe_load_balancers").paginate()
        for row in page["LoadBalancerDescriptions"]
    ]
    tags = _elb_tags(elb, "LoadBalancerNames", "LoadBalancerName", [row["LoadBalancerName"] for row in rows])
    for row in rows:
        yield Live(
            id=row["LoadBalancerName"],
            type="aws:elb/loadBalancer:LoadBalancer",
            name=row["LoadBalancerName"],
            tags=tags.get(row["LoadBalancerName"], {}),
            created=row.get("CreatedTime"),
            inside=row.get("VPCId", ""),
            blocks=(*row.get("SecurityGroups", []), *row.get("Subnets", []), row.get("VPCId", "")),
            props={"subnets": row.get("Subnets", [])},
        )


def _elb_tags(elb: Any, argument: str, key: str, names: Sequence[str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for start in range(0, len(names), 20):  # AWS takes 20 at once
        answer = elb.describe_tags(**{argument: names[start : start + 20]})
        found |= {row[key]: tags_of(row) for row in answer["TagDescriptions"]}
    return found


def _clusters(where: Region) -> Iterator[Live]:
    eks = where.client("eks")
    for page in eks.get_paginator("list_clusters").paginate():
        for name in page["clusters"]:
            row = eks.describe_cluster(name=name)["cluster"]
            if row.get("status") == "DELETING":
                continue
            network = row.get("resourcesVpcConfig") or {}
            yield Live(
                id=name,
                type="aws:eks/cluster:Cluster",
                name=name,
                arn=row["arn"],
                tags=tags_of(row),
                created=row.get("createdAt"),
                inside=network.get("vpcId", ""),
                blocks=(
                    *network.get("subnetIds", []),
                    *network.get("securityGroupIds", []),
                    *([network["clusterSecurityGroupId"]] if network.get("clusterSecurityGroupId") else []),
                    network.get("vpcId", ""),
                ),
                props={"name": name, "version": row.get("version")},
            )


def _roles(where: Region) -> Iterator[Live]:
    """Roles with their instance profiles; listing the roles alone would leave out their tags.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html
    """
    pages = where.client("iam").get_paginator("get_account_authorization_details").paginate(Filter=["Role"])
    for page in pages:
        for row in page["RoleDetailList"]:
            tags = tags_of(row)
            if ENVIRONMENT not in tags:
                continue
            used = (row.get("RoleLastUsed") or {}).get(Region) or where.name
            elsewhere = f"last used in {used}, not in {where.name}" if used != where.name else ""
            profiles = row.get("InstanceProfileList", [])
            yield Live(
                id=row["RoleName"],
                type="aws:iam/role:Role",
                name=row["RoleName"],
                arn=row["Arn"],
                tags=tags,
                created=row.get("CreateDate"),
                doubt=elsewhere,
            )
            for profile in profiles:
                yield Live(
                    id=profile["InstanceProfileName"],
                    type="aws:iam/instanceProfile:InstanceProfile",
                    name=profile["InstanceProfileName"],
                    arn=profile["Arn"],
                    tags=tags_of(profile) or tags,
                    created=profile.get("CreateDate"),
                    blocks=(row["RoleName"],),
                    doubt=elsewhere,
                )


def _named(where: Region) -> Iterator[Live]:
    """What carries no tag, or is in no region, and is known by the name that infra/spend gives it."""
    if not where.environment:
        return
    account, name = where.client("sts").get_caller_identity()["Account"], f"{MANAGER}-{where.environment}"
    tags = {ENVIRONMENT: where.environment, MANAGED_BY: MANAGER}
    asked = {"AccountId": account, "BudgetName": name}
    budget = _unless_gone(lambda: where.client("budgets").describe_budget(**asked)["Budget"])
    filters = json.dumps([budget.get("CostFilters"), budget.get("FilterExpression")]) if budget else ""
    if f"user:{ENVIRONMENT}${where.environment}" in filters:
        yield Live(id=f"{account}:{name}", type="aws:budgets/budget:Budget", name=name, tags=tags)
    reaper = f"{name}-reaper"
    schedule = _unless_gone(lambda: where.client("scheduler").get_schedule(Name=reaper))
    if schedule:
        yield Live(
            id=f"default/{reaper}",
            type="aws:scheduler/schedule:Schedule",
            name=reaper,
            tags=tags,
            created=schedule.get("CreationDate"),
        )
    # A function that is called once more after its log group is deleted makes another, without tags.
    log = f"/aws/lambda/{reaper}"
    if _log_group(where, log) is not None:
        yield Live(id=log, type="aws:cloudwatch/logGroup:LogGroup", name=log, tags=tags)


def _unless_gone(ask: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    try:
        return ask()
    except Exception as error:
        if code_of(error) in GONE:
            return {}
        raise


# ARN → type and id, for what the tagging API names and no other call here lists.
_BY_ARN = (
    (re.compile(r"arn:[^:]+:s3:::(?P<id>[^/]+)"), "aws:s3/bucket:Bucket"),
    (re.compile(r"arn:[^:]+:ecr:[^:]*:\d+:repository/(?P<id>.+)"), "aws:ecr/repository:Repository"),
    (re.compile(r"arn:[^:]+:logs:[^:]*:\d+:log-group:(?P<id>[^:]+)"), "aws:cloudwatch/logGroup:LogGroup"),
    (re.compile(r"(?P<id>arn:[^:]+:sns:[^:]*:\d+:[^:]+)"), "aws:sns/topic:Topic"),
    (
        re.compile(r"arn:[^:]+:cloudwatch:[^:]*:\d+:alarm:(?P<id>.+)"),
        "aws:cloudwatch/metricAlarm:MetricAlarm",
    ),
    (re.compile(r"arn:[^:]+:ssm:[^:]*:\d+:parameter(?P<id>/.+)"), "aws:ssm/parameter:Parameter"),
    (re.compile(r"arn:[^:]+:kms:[^:]*:\d+:key/(?P<id>.+)"), "aws:kms/key:Key"),
    (re.compile(r"arn:[^:]+:lambda:[^:]*:\d+:function:(?P<id>[^:]+)"), "aws:lambda/function:Function"),
    (re.compile(r"arn:[^:]+:events:[^:]*:\d+:rule/(?P<id>.+)"), "aws:cloudwatch/eventRule:EventRule"),
)


def _tagged(where: Region) -> Iterator[Live]:
    pages = where.client("resourcegroupstaggingapi").get_paginator("get_resources")
    values = {"Values": [where.environment]} if where.environment else {}
    for page in pages.paginate(TagFilters=[{"Key": ENVIRONMENT, **values}]):
        for row in page["ResourceTagMappingList"]:
            arn, tags = str(row["ResourceARN"]), tags_of(row)
            for pattern, token in _BY_ARN:
                match = pattern.fullmatch(arn)
                if match and (found := _looked_at(where, token, match["id"])) is not None:
                    yield Live(id=match["id"], type=token, name=match["id"], arn=arn, tags=tags, **found)


def _looked_at(where: Region, token: str, id_: str) -> dict[str, Any] | None:
    """What its own service says of it; None where it is gone."""
    try:
        return _LOOKS[token](where, id_)
    except Exception as error:
        if code_of(error) in GONE:
            return None
        if code_of(error) in REFUSED:
            return {"doubt": "AWS does not let you look at it"}
        raise


def _bucket(where: Region, id_: str) -> dict[str, Any]:
    answer = where.client("s3").list_object_versions(Bucket=id_, MaxKeys=1)
    full = answer.get("Versions") or answer.get("DeleteMarkers")
    return {"doubt": "it has objects, which would be lost"} if full else {}


def _repository(where: Region, id_: str) -> dict[str, Any]:
    ecr = where.client("ecr")
    row = ecr.describe_repositories(repositoryNames=[id_])["repositories"][0]
    full = ecr.list_images(repositoryName=id_, maxResults=1).get("imageIds")
    return {
        "created": row.get("createdAt"),
        **({"doubt": "it has images, which would be lost"} if full else {}),
    }


def _log_group(where: Region, id_: str) -> dict[str, Any] | None:
    rows = where.client("logs").describe_log_groups(logGroupNamePrefix=id_)["logGroups"]
    return {} if any(row["logGroupName"] == id_ for row in rows) else None


def _topic(where: Region, id_: str) -> dict[str, Any]:
    where.client("sns").get_topic_attributes(TopicArn=id_)
    return {}


def _alarm(where: Region, id_: str) -> dict[str, Any] | None:
    return {} if where.client("cloudwatch").describe_alarms(AlarmNames=[id_])["MetricAlarms"] else None


def _parameter(where: Region, id_: str) -> dict[str, Any]:
    where.client("ssm").get_parameter(Name=id_)
    return {}


def _key(where: Region, id_: str) -> dict[str, Any] | None:
    row = where.client("kms").describe_key(KeyId=id_)["KeyMetadata"]
    if row["KeyState"] == "PendingDeletion":
        return None
    return {"created": row.get("CreationDate"), "doubt": "what it has encrypted would be lost"}


def _function(where: Region, id_: str) -> dict[str, Any]:
    where.client("lambda").get_function(FunctionName=id_)
    return {}


def _rule(where: Region, id_: str) -> dict[str, Any]:
    where.client("events").describe_rule(Name=id_)
    return {}


_LOOKS: Mapping[str, Callable[[Region, str], dict[str, Any] | None]] = {
    "aws:s3/bucket:Bucket": _bucket,
    "aws:ecr/repository:Repository": _repository,
    "aws:cloudwatch/logGroup:LogGroup": _log_group,
    "aws:sns/topic:Topic": _topic,
    "aws:cloudwatch/metricAlarm:MetricAlarm": _alarm,
    "aws:ssm/parameter:Parameter": _parameter,
    "aws:kms/key:Key": _key,
    "aws:lambda/function:Function": _function,
    "aws:cloudwatch/eventRule:EventRule": _rule,
}
_LISTINGS: Mapping[str, Callable[[Region], Iterator[Live]]] = {
    "auto scaling groups": _groups,
    "load balancers": _load_balancers,
    "target groups": _target_groups,
    "classic load balancers": _classic,
    "EKS clusters": _clusters,
    "IAM roles": _roles,
    "tagged resources": _tagged,
    "what is known by its name": _named,
}
