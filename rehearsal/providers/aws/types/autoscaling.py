"""Auto Scaling groups.

https://docs.aws.amazon.com/autoscaling/ec2/APIReference/
"""

import re
from typing import Any, Final

from rehearsal.providers.aws.api import Api
from rehearsal.providers.aws.ec2 import added
from rehearsal.providers.aws.errors import AwsError
from rehearsal.providers.aws.shapes import camel
from rehearsal.providers.aws.table import Autoname, Type
from rehearsal.providers.plugin.model import Values

_REFRESHED: Final = ("launchConfiguration", "launchTemplate", "mixedInstancesPolicy")
_PARTS: Final = (
    *("availabilityZones", "capacityRebalance", "context", "defaultCooldown", "defaultInstanceWarmup"),
    *("desiredCapacity", "desiredCapacityType", "healthCheckGracePeriod", "healthCheckType"),
    *("instanceMaintenancePolicy", "maxInstanceLifetime", "maxSize", "minSize", "mixedInstancesPolicy"),
    *("placementGroup", "serviceLinkedRoleArn", "terminationPolicies"),
)
_UNITS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def _seconds(text: str) -> float:
    """A duration as the SDK's users write it: `10m`, `1h30m`, `0`."""
    return sum(float(number) * _UNITS[unit] for number, unit in re.findall(r"([\d.]+)(ms|[hms])", text))


def _limit(new: Values) -> float:
    return _seconds(str(new.get("waitForCapacityTimeout") or "10m"))


def _settings(api: Api, operation: str, new: Values) -> dict[str, Any]:
    """What create and update take alike."""
    settings = api.fill(
        operation, new, *_PARTS, renamed={"protectFromScaleIn": "NewInstancesProtectedFromScaleIn"}
    )
    template = new.get("launchTemplate")
    if template:
        names = {"id": "LaunchTemplateId", "name": "LaunchTemplateName", "version": "Version"}
        given = {name: str(template[prop]) for prop, name in names.items() if template.get(prop)}
        settings["LaunchTemplate"] = given
    if new.get("vpcZoneIdentifiers"):
        settings["VPCZoneIdentifier"] = ",".join(new["vpcZoneIdentifiers"])
    return settings


def _create(api: Api, new: Values) -> str:
    hooks = [
        {
            "LifecycleHookName": one["name"],
            **api.fill("put_lifecycle_hook", one, *(key for key in one if key != "name")),
        }
        for one in new.get("initialLifecycleHooks") or ()
    ]
    api.call(
        "create_auto_scaling_group",
        AutoScalingGroupName=new["name"],
        **_settings(api, "create_auto_scaling_group", new),
        LifecycleHookSpecificationList=hooks or None,
        Tags=_tags(str(new["name"]), new) or None,
        TargetGroupARNs=new.get("targetGroupArns") or None,
    )
    return str(new["name"])


def _tags(group: str, values: Values) -> list[dict[str, Any]]:
    return [
        {
            "ResourceId": group,
            "ResourceType": "auto-scaling-group",
            "Key": one["key"],
            "Value": one["value"],
            "PropagateAtLaunch": one["propagateAtLaunch"],
        }
        for one in values.get("tags") or ()
    ]


def _after(api: Api, group: str, old: Values, new: Values) -> None:
    _set_metrics(api, group, old, new)
    _set_suspended(api, group, old, new)


def _group(api: Api, group: str) -> dict[str, Any] | None:
    return api.one("describe_auto_scaling_groups", "AutoScalingGroups", AutoScalingGroupNames=[group])


def _ready(api: Api, group: str, new: Values) -> str | None:
    """As many machines in service as are wanted; `waitForCapacityTimeout` says how long, "0" not at all."""
    if not _limit(new):
        return None
    found = _group(api, group) or {}
    wanted = new.get("desiredCapacity")
    wanted = int(found.get("DesiredCapacity") or 0) if wanted is None else wanted
    there = [one for one in found.get("Instances") or () if one.get("LifecycleState") == "InService"]
    if len(there) >= wanted:
        return None
    return f"{len(there)} of {wanted} machines are in service{_last_failure(api, group)}"


def _last_failure(api: Api, group: str) -> str:
    activities = api.call("describe_scaling_activities", AutoScalingGroupName=group).get("Activities") or []
    failed = next((one for one in activities if one.get("StatusCode") == "Failed"), None)
    return f"; the last attempt failed: {failed.get('StatusMessage', '')}" if failed else ""


# Changes


def _update(api: Api, group: str, old: Values, new: Values) -> None:
    settings = _settings(api, "update_auto_scaling_group", new)
    api.call("update_auto_scaling_group", AutoScalingGroupName=group, **settings)
    if new.get("instanceRefresh") and any(new.get(key) != old.get(key) for key in _REFRESHED):
        _refresh(api, group, new["instanceRefresh"])


def _refresh(api: Api, group: str, refresh: Values) -> None:
    """Start replacing the machines; one that is under way is for the template before and gives way."""
    wanted = api.fill("start_instance_refresh", refresh, "strategy", "preferences")
    try:
        api.call("start_instance_refresh", AutoScalingGroupName=group, **wanted)
    except AwsError as error:
        if error.code != "InstanceRefreshInProgress":
            raise
        api.call("cancel_instance_refresh", AutoScalingGroupName=group)
        api.until(300, lambda: _start_refresh(api, group, wanted))


def _start_refresh(api: Api, group: str, wanted: Values) -> str | None:
    try:
        api.call("start_instance_refresh", AutoScalingGroupName=group, **wanted)
    except AwsError as error:
        if error.code == "InstanceRefreshInProgress":
            return error.message
        raise
    return None


def _retag(api: Api, group: str, old: Values, new: Values) -> None:
    keys = {one["Key"] for one in _tags(group, new)}
    dropped = [one for one in _tags(group, old) if one["Key"] not in keys]
    if dropped:
        api.call("delete_tags", Tags=dropped)
    wanted = added(_tags(group, old), _tags(group, new))
    if wanted:
        api.call("create_or_update_tags", Tags=wanted)


def _set_metrics(api: Api, group: str, old: Values, new: Values) -> None:
    less = added(new.get("enabledMetrics"), old.get("enabledMetrics"))
    if less:
        api.call("disable_metrics_collection", AutoScalingGroupName=group, Metrics=less)
    if new.get("enabledMetrics"):
        granularity = new.get("metricsGranularity") or "1Minute"
        metrics = new["enabledMetrics"]
        api.call(
            "enable_metrics_collection", AutoScalingGroupName=group, Granularity=granularity, Metrics=metrics
        )


def _set_suspended(api: Api, group: str, old: Values, new: Values) -> None:
    for operation, processes in (
        ("resume_processes", added(new.get("suspendedProcesses"), old.get("suspendedProcesses"))),
        ("suspend_processes", added(old.get("suspendedProcesses"), new.get("suspendedProcesses"))),
    ):
        if processes:
            api.call(operation, AutoScalingGroupName=group, ScalingProcesses=processes)


def _set_targets(api: Api, group: str, old: Values, new: Values) -> None:
    for operation, arns in (
        ("detach_load_balancer_target_groups", added(new.get("targetGroupArns"), old.get("targetGroupArns"))),
        ("attach_load_balancer_target_groups", added(old.get("targetGroupArns"), new.get("targetGroupArns"))),
    ):
        if arns:
            api.call(operation, AutoScalingGroupName=group, TargetGroupARNs=arns)


def _nothing(api: Api, group: str, old: Values, new: Values) -> None:
    """How the next refresh will be done."""
    del api, group, old, new


# Read and delete


def _read(api: Api, group: str, known: Values) -> Values | None:
    found = _group(api, group)
    if found is None:
        return None
    template = found.get("LaunchTemplate")
    named = {"id": "LaunchTemplateId", "name": "LaunchTemplateName", "version": "Version"}
    subnets = [one for one in str(found.get("VPCZoneIdentifier") or "").split(",") if one]
    policy = found.get("MixedInstancesPolicy")
    keys = {key for key in _PARTS if key not in {"mixedInstancesPolicy", "serviceLinkedRoleArn"}}
    return {
        **{key: value for key, value in camel(found).items() if key in keys and value is not None},
        **(
            {"launchTemplate": {prop: template.get(name, "") for prop, name in named.items()}}
            if template
            else {}
        ),
        **({"mixedInstancesPolicy": camel(policy)} if policy else {}),
        "arn": found["AutoScalingGroupARN"],
        "availabilityZones": sorted(found.get("AvailabilityZones") or ()),
        "enabledMetrics": sorted(one["Metric"] for one in found.get("EnabledMetrics") or ()),
        "metricsGranularity": known.get("metricsGranularity") or "1Minute",
        "name": found["AutoScalingGroupName"],
        "predictedCapacity": found.get("PredictedCapacity") or 0,
        "protectFromScaleIn": bool(found.get("NewInstancesProtectedFromScaleIn")),
        "serviceLinkedRoleArn": found.get("ServiceLinkedRoleARN") or "",
        "suspendedProcesses": sorted(one["ProcessName"] for one in found.get("SuspendedProcesses") or ()),
        "tags": [
            {"key": one["Key"], "value": one["Value"], "propagateAtLaunch": bool(one["PropagateAtLaunch"])}
            for one in sorted(found.get("Tags") or (), key=lambda one: str(one["Key"]))
            if not one["Key"].startswith("aws:")
        ],
        "targetGroupArns": sorted(found.get("TargetGroupARNs") or ()),
        "vpcZoneIdentifiers": sorted(subnets),
        "warmPoolSize": found.get("WarmPoolSize") or 0,
    }


def _delete(api: Api, group: str, known: Values) -> None:
    """First the machines go, unless the group may be deleted with them."""
    found = _group(api, group)
    if found is None:
        return
    force = bool(known.get("forceDelete"))
    machines = len(found.get("Instances") or ())
    if machines and not force:
        if found.get("DesiredCapacity") or found.get("MaxSize"):
            none: Values = {"MinSize": 0, "MaxSize": 0, "DesiredCapacity": 0}
            api.call("update_auto_scaling_group", AutoScalingGroupName=group, **none)
        still = f"{machines} machines of {group} are being ended"
        raise AwsError("autoscaling", "DeleteAutoScalingGroup", "ResourceInUse", still, status=400)
    api.call("delete_auto_scaling_group", AutoScalingGroupName=group, ForceDelete=force or None)


_DISTRIBUTION: Final = "mixedInstancesPolicy.instancesDistribution"
GROUP = Type(
    "aws:autoscaling/group:Group",
    "autoscaling",
    create=_create,
    after=_after,
    ready=_ready,
    read=_read,
    update={
        **dict.fromkeys((*_PARTS, "launchTemplate", "protectFromScaleIn", "vpcZoneIdentifiers"), _update),
        "tags": _retag,
        **dict.fromkeys(("enabledMetrics", "metricsGranularity"), _set_metrics),
        "suspendedProcesses": _set_suspended,
        "targetGroupArns": _set_targets,
        "instanceRefresh": _nothing,
    },
    delete=_delete,
    find=lambda api, new: [str(new["name"])] if _group(api, str(new["name"])) else [],
    replace_on=frozenset({"initialLifecycleHooks", "name", "namePrefix"}),
    local=frozenset(
        {"forceDelete", "ignoreFailedScalingActivities", "minElbCapacity", "waitForCapacityTimeout"}
        | {"waitForElbCapacity"}
    ),
    autoname=Autoname(),
    limit=_limit,
    defaults={"forceDelete": False, "metricsGranularity": "1Minute", "waitForCapacityTimeout": "10m"},
    computed=frozenset(
        {
            "availabilityZones",
            "defaultCooldown",
            "desiredCapacity",
            "healthCheckGracePeriod",
            "healthCheckType",
        }
        | {"launchTemplate.id", "launchTemplate.name", "launchTemplate.version"}
        | {
            "serviceLinkedRoleArn",
            "targetGroupArns",
            "terminationPolicies",
            "vpcZoneIdentifiers",
            _DISTRIBUTION,
        }
        | {f"{_DISTRIBUTION}.onDemandAllocationStrategy", f"{_DISTRIBUTION}.onDemandBaseCapacity"}
        | {f"{_DISTRIBUTION}.onDemandPercentageAboveBaseCapacity", f"{_DISTRIBUTION}.spotAllocationStrategy"}
        | {f"{_DISTRIBUTION}.spotInstancePools"}
        | {
            f"mixedInstancesPolicy.launchTemplate.launchTemplateSpecification.launchTemplate{x}"
            for x in ("Id", "Name")
        }
    ),
    ordered=frozenset({"mixedInstancesPolicy.launchTemplate.overrides", "terminationPolicies"}),
    choices={
        f"{_DISTRIBUTION}.onDemandAllocationStrategy": ("lowest-price", "prioritized"),
        f"{_DISTRIBUTION}.spotAllocationStrategy": (
            *("capacity-optimized", "capacity-optimized-prioritized", "lowest-price"),
            "price-capacity-optimized",
        ),
        "healthCheckType": ("EBS", "EC2", "ELB", "VPC_LATTICE"),
        "instanceRefresh.strategy": ("ReplaceRootVolume", "Rolling"),
    },
    busy=frozenset({"ResourceInUse", "ScalingActivityInProgress"}),
)

TYPES = [GROUP]
