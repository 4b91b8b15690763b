"""What happens in an Auto Scaling group by itself: lifecycle hooks, schedules and scaling policies.

A policy by forecasts is not covered.
"""

from collections.abc import Iterator
from typing import Any, Final

from rehearsal.providers.aws.api import Api
from rehearsal.providers.aws.shapes import camel, capital, rfc3339
from rehearsal.providers.aws.table import Autoname, Type
from rehearsal.providers.plugin.model import Failure, Values

# Lifecycle hook

_HOOK: Final = (
    *("defaultResult", "heartbeatTimeout", "lifecycleTransition", "notificationMetadata"),
    *("notificationTargetArn", "roleArn"),
)


def _put_hook(api: Api, new: Values) -> str:
    api.call(
        "put_lifecycle_hook",
        AutoScalingGroupName=new["autoscalingGroupName"],
        LifecycleHookName=new["name"],
        **api.fill("put_lifecycle_hook", new, *_HOOK),
    )
    return str(new["name"])


def _change_hook(api: Api, name: str, old: Values, new: Values) -> None:
    del old
    _put_hook(api, {**new, "name": name})


def _in_group(identity: str, known: Values) -> tuple[str, str]:
    """(group, name); an import names both, with a slash between."""
    group, _, name = identity.rpartition("/")
    return group or str(known["autoscalingGroupName"]), name


def _read_hook(api: Api, identity: str, known: Values) -> Values | None:
    group, name = _in_group(identity, known)
    asked: Values = {"AutoScalingGroupName": group, "LifecycleHookNames": [name]}
    hooks = api.call("describe_lifecycle_hooks", **asked)["LifecycleHooks"]
    if not hooks:
        return None
    shown = {key: value for key, value in camel(hooks[0]).items() if key in _HOOK}
    for key in ("notificationTargetArn", "roleArn"):
        if given := hooks[0].get(capital(key).replace("Arn", "ARN")):
            shown[key] = given
    return {**shown, "id": name, "name": name, "autoscalingGroupName": group}


HOOK = Type(
    "aws:autoscaling/lifecycleHook:LifecycleHook",
    "autoscaling",
    create=_put_hook,
    read=_read_hook,
    update=dict.fromkeys(_HOOK, _change_hook),
    delete=lambda api, identity, known: api.call(
        "delete_lifecycle_hook",
        AutoScalingGroupName=known["autoscalingGroupName"],
        LifecycleHookName=identity,
    ),
    replace_on=frozenset({"autoscalingGroupName", "name"}),
    autoname=Autoname(prefix=""),
    computed=frozenset({"defaultResult", "heartbeatTimeout"}),
    choices={
        "defaultResult": ("ABANDON", "CONTINUE"),
        "lifecycleTransition": ("autoscaling:EC2_INSTANCE_LAUNCHING", "autoscaling:EC2_INSTANCE_TERMINATING"),
    },
)

# Schedule

_TIMES: Final = ("startTime", "endTime")
_SIZES: Final = ("desiredCapacity", "maxSize", "minSize")
_SCHEDULE: Final = (*_SIZES, *_TIMES, "recurrence", "timeZone")


def _put_schedule(api: Api, new: Values) -> str:
    """-1 leaves a size as it is."""
    given = {key: new[key] for key in _SCHEDULE if new.get(key) is not None and new[key] != -1}
    api.call(
        "put_scheduled_update_group_action",
        AutoScalingGroupName=new["autoscalingGroupName"],
        ScheduledActionName=new["scheduledActionName"],
        **api.fill("put_scheduled_update_group_action", given, *given),
    )
    return str(new["scheduledActionName"])


def _change_schedule(api: Api, name: str, old: Values, new: Values) -> None:
    del name, old
    _put_schedule(api, new)


def _read_schedule(api: Api, identity: str, known: Values) -> Values | None:
    group, name = _in_group(identity, known)
    found = api.one(
        "describe_scheduled_actions",
        "ScheduledUpdateGroupActions",
        AutoScalingGroupName=group,
        ScheduledActionNames=[name],
    )
    if found is None:
        return None
    return {
        **{key: found[capital(key)] for key in _SIZES if capital(key) in found},
        **{key: rfc3339(found[capital(key)]) for key in _TIMES if found.get(capital(key))},
        "id": name,
        "arn": found.get("ScheduledActionARN", ""),
        "autoscalingGroupName": group,
        "recurrence": found.get("Recurrence") or "",
        "scheduledActionName": name,
        "timeZone": found.get("TimeZone") or "",
    }


SCHEDULE = Type(
    "aws:autoscaling/schedule:Schedule",
    "autoscaling",
    create=_put_schedule,
    read=_read_schedule,
    update=dict.fromkeys(_SCHEDULE, _change_schedule),
    delete=lambda api, identity, known: api.call(
        "delete_scheduled_action",
        AutoScalingGroupName=known["autoscalingGroupName"],
        ScheduledActionName=identity,
    ),
    replace_on=frozenset({"autoscalingGroupName", "scheduledActionName"}),
    computed=frozenset({*_SCHEDULE}),
    delete_before_replace=True,
)

# Policy

_NUMBERS: Final = ("cooldown", "estimatedInstanceWarmup", "minAdjustmentMagnitude", "scalingAdjustment")
_POLICY: Final = (
    *("adjustmentType", "enabled", "metricAggregationType", "policyType", "stepAdjustments", *_NUMBERS),
    "targetTrackingConfiguration",
)
_NEEDS: Final = {
    "SimpleScaling": ("adjustmentType", "scalingAdjustment"),
    "StepScaling": ("adjustmentType", "stepAdjustments"),
    "TargetTrackingScaling": ("targetTrackingConfiguration",),
}
_BOUNDS: Final = ("metricIntervalLowerBound", "metricIntervalUpperBound")


def _renamed(configuration: Values, there: str, here: str) -> Values:
    """The API calls the dimensions of a metric of one's own by another name."""
    metric = configuration.get("customizedMetricSpecification")
    if not metric:
        return configuration
    own = {here if key == there else key: value for key, value in metric.items()}
    return {**configuration, "customizedMetricSpecification": own}


def _put_policy(api: Api, new: Values) -> str:
    """A policy is always put as a whole."""
    given = {key: new[key] for key in _POLICY if new.get(key) is not None}
    if configuration := given.get("targetTrackingConfiguration"):
        given["targetTrackingConfiguration"] = _renamed(configuration, "metricDimensions", "dimensions")
    api.call(
        "put_scaling_policy",
        AutoScalingGroupName=new["autoscalingGroupName"],
        PolicyName=new["name"],
        **api.fill("put_scaling_policy", given, *given),
    )
    return str(new["name"])


def _change_policy(api: Api, name: str, old: Values, new: Values) -> None:
    del old
    _put_policy(api, {**new, "name": name})


def _read_policy(api: Api, identity: str, known: Values) -> Values | None:
    group, name = _in_group(identity, known)
    found = api.one("describe_policies", "ScalingPolicies", AutoScalingGroupName=group, PolicyNames=[name])
    if found is None:
        return None
    shown = {key: value for key, value in camel(found).items() if key in _POLICY}
    if configuration := shown.get("targetTrackingConfiguration"):
        shown["targetTrackingConfiguration"] = _renamed(configuration, "dimensions", "metricDimensions")
    return {
        **shown,
        "id": name,
        "arn": found["PolicyARN"],
        "autoscalingGroupName": group,
        "metricAggregationType": found.get("MetricAggregationType") or "",
        "name": name,
        "stepAdjustments": [_step(one) for one in shown.get("stepAdjustments") or ()],
    }


def _step(shown: Values) -> Values:
    """The SDK writes bounds as text."""
    return {key: f"{value:g}" if key in _BOUNDS else value for key, value in shown.items()}


def _check_policy(values: Values) -> Iterator[Failure]:
    kind: Any = values.get("policyType")
    for prop in _NEEDS.get(kind, ()) if isinstance(kind, str) else ():
        if values.get(prop) is None:
            yield Failure(prop, f"is required with {kind}")


POLICY = Type(
    "aws:autoscaling/policy:Policy",
    "autoscaling",
    create=_put_policy,
    read=_read_policy,
    update=dict.fromkeys(_POLICY, _change_policy),
    delete=lambda api, identity, known: api.call(
        "delete_policy", AutoScalingGroupName=known["autoscalingGroupName"], PolicyName=identity
    ),
    replace_on=frozenset({"autoscalingGroupName", "name"}),
    autoname=Autoname(prefix=""),
    defaults={"enabled": True, "policyType": "SimpleScaling"},
    computed=frozenset({"metricAggregationType"}),
    choices={
        "adjustmentType": ("ChangeInCapacity", "ExactCapacity", "PercentChangeInCapacity"),
        "metricAggregationType": ("Average", "Maximum", "Minimum"),
        "policyType": tuple(_NEEDS),
    },
    check=_check_policy,
)

TYPES = [HOOK, SCHEDULE, POLICY]
