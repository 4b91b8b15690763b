"""Auto Scaling operations that moto lacks or answers at once: activities, policies, refreshes, deletion."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rehearsal.clouds.aws.additions import answers
from rehearsal.clouds.aws.calls import AwsError, Call
from rehearsal.clouds.aws.emulator import backends
from rehearsal.clouds.aws.groups import activities
from rehearsal.clouds.aws.store import table


def _group(call: Call) -> Any:
    name = call.params["AutoScalingGroupName"]
    with backends() as backend:
        group = backend("autoscaling", call.region).autoscaling_groups.get(name)
    if group is None:
        raise AwsError(
            "ValidationError", f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found"
        )
    return group


@answers("autoscaling", "DescribeScalingActivities")
def scaling_activities(call: Call) -> Mapping[str, Any]:
    """What a group did, or all groups, the newest first."""
    name = call.params.get("AutoScalingGroupName")
    names = [name] if name else sorted(table("activities"))
    wanted = call.params.get("ActivityIds")
    found = [row for each in names for row in activities(each) if not wanted or row["ActivityId"] in wanted]
    return {"Activities": found[: int(call.params.get("MaxRecords") or 100)]}


@answers("autoscaling", "DeleteAutoScalingGroup")
def delete_group(call: Call) -> Mapping[str, Any]:
    """Delete an empty group, or with force one and its instances."""
    group = _group(call)
    if group.instance_states and not call.params.get("ForceDelete"):
        raise AwsError(
            "ResourceInUse",
            "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance "
            "request(s) still in the group.",
        )
    ids = [state.instance.id for state in group.instance_states]
    group.instance_states = []
    if ids:
        call.other("ec2", "TerminateInstances")(InstanceIds=ids)
    reply = call.forward()
    with backends() as backend:
        scaling = backend("autoscaling", call.region)
        for kept in (scaling.scheduled_actions, scaling.policies):
            for key in [key for key, one in kept.items() if one.auto_scaling_group_name == group.name]:
                del kept[key]
    for rows in ("activities", "refreshes", "failed launches"):
        table(rows).pop(group.name, None)
    return reply


@answers("autoscaling", "DisableMetricsCollection")
def disable_metrics(call: Call) -> Mapping[str, Any]:
    """Collect fewer metrics, or none."""
    group = _group(call)
    gone = set(call.params.get("Metrics") or group.metrics)
    group.metrics = [metric for metric in group.metrics if metric not in gone]
    return {}


@answers("autoscaling", "PutLifecycleHook")
def put_hook(call: Call) -> Mapping[str, Any]:
    """A hook with the target and the role that the request names, or none."""
    reply = call.forward()
    with backends() as backend:
        for hook in backend("autoscaling", call.region).lifecycle_hooks.values():
            same_group = hook.auto_scaling_group_name == call.params["AutoScalingGroupName"]
            if same_group and hook.name == call.params["LifecycleHookName"]:
                hook.role_arn = call.params.get("RoleARN")
                hook.notification_target_arn = call.params.get("NotificationTargetARN")
                hook.notification_metadata = call.params.get("NotificationMetadata")
    return reply


@answers("autoscaling", "PutScheduledUpdateGroupAction")
def put_schedule(call: Call) -> Mapping[str, Any]:
    """A scheduled action under a name that is the group's own: moto keeps one of a name in all groups."""
    group = _group(call)
    with backends() as backend:
        actions = backend("autoscaling", call.region).scheduled_actions
        reply = call.forward()
        name = call.params["ScheduledActionName"]
        actions[_of(group.name, name)] = actions.pop(name)
    return reply


@answers("autoscaling", "DeleteScheduledAction")
def delete_schedule(call: Call) -> Mapping[str, Any]:
    """Forget a scheduled action of one group."""
    group = _group(call)
    with backends() as backend:
        actions = backend("autoscaling", call.region).scheduled_actions
        if actions.pop(_of(group.name, call.params["ScheduledActionName"]), None) is None:
            raise AwsError("ValidationError", "Scheduled action name not found")
    return {}


@answers("autoscaling", "PutScalingPolicy")
def put_policy(call: Call) -> Mapping[str, Any]:
    """A policy of a group that is there, with the pause that the request names, or none."""
    _group(call)
    with backends() as backend:
        reply = call.forward()
        policy = backend("autoscaling", call.region).policies[call.params["PolicyName"]]
        policy.cooldown = call.params.get("Cooldown")
        policy.enabled = call.params.get("Enabled", True)
    return reply


def _of(group: str, name: str) -> str:
    return f"{group}/{name}"


@answers("autoscaling", "StartInstanceRefresh")
def start_refresh(call: Call) -> Mapping[str, Any]:
    """Replace every instance of a group; only the rolling strategy, and without waiting for health."""
    group = _group(call)
    refreshes = table("refreshes").setdefault(group.name, [])
    if any(refresh["Status"] in ("Pending", "InProgress") for refresh in refreshes):
        raise AwsError(
            "InstanceRefreshInProgress",
            "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh.",
        )
    refresh = {
        "InstanceRefreshId": str(uuid.uuid4()),
        "AutoScalingGroupName": group.name,
        "Status": "Pending",
        "StartTime": datetime.now(UTC),
        "PercentageComplete": 0,
        "InstancesToUpdate": len(group.instance_states),
        "Preferences": call.params.get("Preferences") or {},
        "Strategy": call.params.get("Strategy") or "Rolling",
        "old": [state.instance.id for state in group.instance_states],
    }
    refreshes.append(refresh)
    return {"InstanceRefreshId": refresh["InstanceRefreshId"]}


@answers("autoscaling", "DescribeInstanceRefreshes")
def describe_refreshes(call: Call) -> Mapping[str, Any]:
    """A group's instance refreshes, the newest first."""
    group = _group(call)
    wanted = call.params.get("InstanceRefreshIds")
    rows = reversed(table("refreshes").get(group.name, []))
    return {"InstanceRefreshes": [row for row in rows if not wanted or row["InstanceRefreshId"] in wanted]}


@answers("autoscaling", "CancelInstanceRefresh")
def cancel_refresh(call: Call) -> Mapping[str, Any]:
    """Stop replacing instances."""
    for refresh in table("refreshes").get(_group(call).name, []):
        if refresh["Status"] in ("Pending", "InProgress"):
            refresh.update(Status="Cancelled", EndTime=datetime.now(UTC))
            return {"InstanceRefreshId": refresh["InstanceRefreshId"]}
    raise AwsError("ActiveInstanceRefreshNotFound", "No in progress or pending Instance Refresh found")
