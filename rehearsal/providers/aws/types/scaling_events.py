"""What happens in an Auto Scaling group by itself: lifecycle hooks and schedules."""

from typing import Final

from rehearsal.providers.aws.api import Api
from rehearsal.providers.aws.shapes import camel, capital, rfc3339
from rehearsal.providers.aws.table import Autoname, Type
from rehearsal.providers.plugin.model import Values

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

TYPES = [HOOK, SCHEDULE]
