"""Auto Scaling groups: each is compared with what runs, and made what it should be (level-triggered).

Instances that ended are replaced, missing ones launched from the pool that price and capacity favour,
superfluous ones terminated, the oldest first. https://docs.aws.amazon.com/autoscaling/ec2/userguide/
"""

import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from rehearsal.clouds.aws import endings
from rehearsal.clouds.aws.emulator import TURN, backends, regions_of
from rehearsal.clouds.aws.pools import Pool, ordered, pools
from rehearsal.clouds.aws.store import table

PAUSE = timedelta(seconds=15)  # between attempts of a group whose launches fail
TICK = 2.0  # seconds between looks when nothing changes, for schedules
NAME_TAG = "aws:autoscaling:groupName"
HEALTHY = ("pending", "running")


class Reconciler:
    """Brings the groups of all regions to their desired capacity. client: service and region to boto3's."""

    def __init__(self, client: Callable[[str, str], Any], changed: Callable[[], None]) -> None:
        self._client = client
        self._changed = changed
        self._wake = threading.Event()

    def wake(self) -> None:
        """Have the next look soon."""
        self._wake.set()

    def run(self) -> None:
        """Look again at every change, for ever."""
        while True:
            self._wake.wait(TICK)
            self._wake.clear()
            self.reconcile()

    def reconcile(self) -> None:
        """One look at every group."""
        with TURN:
            for region in sorted(regions_of("autoscaling")):
                with backends() as backend:
                    groups = list(backend("autoscaling", region).autoscaling_groups.values())
                for group in groups:
                    if self._due_schedules(group, region) | self._reconcile(group, region):
                        self._changed()

    def _reconcile(self, group: Any, region: str) -> bool:
        """True where something was changed."""
        suspended = {process["ProcessName"] for process in group.suspended_processes}
        before = [state.instance.id for state in group.instance_states]
        self._drop_ended(group, region)
        self._refresh(group)
        healthy = list(group.instance_states)
        target = int(group.desired_capacity or 0)
        if len(healthy) > target and "Terminate" not in suspended:
            for state in _first_to_go(healthy)[: len(healthy) - target]:
                self._terminate(group, region, state, "shrinking the capacity to the desired one")
        elif len(healthy) < target and "Launch" not in suspended:
            self._launch(group, region, target - len(healthy))
        return before != [state.instance.id for state in group.instance_states]

    def _drop_ended(self, group: Any, region: str) -> None:
        for state in list(group.instance_states):
            found = state.instance
            if found.state in HEALTHY and state.health_status == "Healthy":
                continue
            group.instance_states.remove(state)
            if found.state != "terminated":
                with backends() as backend:
                    backend("ec2", region).terminate_instances([found.id])
                endings.let_go(found.id, region, "instance-terminated-by-service")
            cause = (
                "an instance was taken out of service in response to an EC2 health check indicating it has "
                "been terminated or stopped."
            )
            _note(group, f"Terminating EC2 instance: {found.id}", cause)

    def _terminate(self, group: Any, region: str, state: Any, why: str) -> None:
        group.instance_states.remove(state)
        with backends() as backend:
            backend("ec2", region).terminate_instances([state.instance.id])
        endings.let_go(state.instance.id, region, "instance-terminated-by-service")
        _note(group, f"Terminating EC2 instance: {state.instance.id}", why)

    def _launch(self, group: Any, region: str, count: int) -> None:
        failed = table("failed launches").get(group.name)
        now = datetime.now(UTC)
        if failed and failed["settings"] == _settings(group) and now - failed["at"] < PAUSE:
            return
        for _ in range(count):
            problem = self._launch_one(group, region)
            if problem:
                table("failed launches")[group.name] = {"at": now, "settings": _settings(group)}
                _note(group, "Launching a new EC2 instance", problem, status="Failed")
                return
        table("failed launches").pop(group.name, None)

    def _launch_one(self, group: Any, region: str) -> str | None:
        """Try the pools in their order; the last refusal where none will do."""
        refusal = "the group has no subnet or no instance type"
        with backends() as backend:
            candidates = ordered(pools(group, backend("ec2", region)), group)
        for pool in candidates:
            try:
                reply = self._client("ec2", region).run_instances(**_request(group, pool))
            except (ClientError, ConnectionError) as refused:
                said = refused.response["Error"]["Message"] if isinstance(refused, ClientError) else refused
                refusal = f"{said} Launching EC2 instance failed."
                continue
            number = reply["Instances"][0]["InstanceId"]
            with backends() as backend:
                instance = backend("ec2", region).get_instance(number)
                _join(group, instance)
            _note(
                group,
                f"Launching a new EC2 instance: {number}",
                "an instance was started in response to a difference between desired and actual capacity "
                f"({pool}).",
            )
            return None
        return refusal

    def _refresh(self, group: Any) -> None:
        """Instances that an instance refresh has not reached yet are taken out, all at once."""
        for refresh in table("refreshes").get(group.name, []):
            if refresh["Status"] not in ("Pending", "InProgress"):
                continue
            old = [state for state in group.instance_states if state.instance.id in refresh["old"]]
            for state in old:
                self._terminate(group, group.region, state, "an instance refresh replaces it")
            refresh["Status"] = "InProgress"
            if not old and len(group.instance_states) >= int(group.desired_capacity or 0):
                refresh.update(Status="Successful", PercentageComplete=100, EndTime=datetime.now(UTC))

    def _due_schedules(self, group: Any, region: str) -> bool:
        """Apply scheduled actions whose time has come, once."""
        applied = False
        with backends() as backend:
            actions = backend("autoscaling", region).scheduled_actions
        for key, action in list(actions.items()):
            if action.auto_scaling_group_name != group.name or not action.start_time:
                continue
            if _moment(action.start_time) > datetime.now(UTC):
                continue
            for field in ("min_size", "max_size", "desired_capacity"):
                value = getattr(action, field)
                if value is not None and int(value) >= 0:
                    setattr(group, field, int(value))
            if not action.recurrence:
                del actions[key]
            title = action.scheduled_action_name
            _note(group, f"Executing scheduled action {title}", f"the scheduled action {title} was executed.")
            applied = True
        return applied


def activities(group: str) -> list[dict[str, Any]]:
    """A group's scaling activities, the newest first."""
    return list(reversed(table("activities").get(group, [])))


def _request(group: Any, pool: Pool) -> dict[str, Any]:
    tags = {**group.get_propagated_tags(), NAME_TAG: group.name}
    request: dict[str, Any] = {
        "MinCount": 1,
        "MaxCount": 1,
        "LaunchTemplate": dict(pool.template),
        "InstanceType": pool.instance_type,
        "SubnetId": pool.subnet,
        "ClientToken": str(uuid.uuid4()),
        "TagSpecifications": [
            {
                "ResourceType": "instance",
                "Tags": [{"Key": key, "Value": value} for key, value in sorted(tags.items())],
            }
        ],
    }
    if pool.spot:
        options = {"SpotInstanceType": "one-time"}
        if pool.max_price:
            options["MaxPrice"] = pool.max_price
        request["InstanceMarketOptions"] = {"MarketType": "spot", "SpotOptions": options}
    return request


def _join(group: Any, instance: Any) -> None:
    from moto.autoscaling.models import InstanceState

    instance.autoscaling_group = group
    protected = group.new_instances_protected_from_scale_in
    group.instance_states.append(InstanceState(instance, protected_from_scale_in=protected))


def _first_to_go(states: list[Any]) -> list[Any]:
    free = [state for state in states if not state.protected_from_scale_in]
    return sorted(free, key=lambda state: (state.instance.launch_time, state.instance.id))


def _settings(group: Any) -> tuple[Any, ...]:
    """What decides a launch: another try is made at once where it was changed."""
    template = group.ec2_launch_template
    version = template.latest_version_number if template else None
    return group.desired_capacity, group.vpc_zone_identifier, version, str(group.mixed_instances_policy)


def _note(group: Any, description: str, cause: str, status: str = "Successful") -> None:
    now = datetime.now(UTC)
    table("activities").setdefault(group.name, []).append(
        {
            "ActivityId": str(uuid.uuid4()),
            "AutoScalingGroupName": group.name,
            "AutoScalingGroupARN": group.arn,
            "Description": description,
            "Cause": f"At {now:%Y-%m-%dT%H:%M:%SZ} {cause}",
            "StartTime": now,
            "EndTime": now,
            "StatusCode": status,
            "StatusMessage": cause if status == "Failed" else "",
            "Progress": 100,
            "Details": "{}",
        }
    )


def _moment(value: Any) -> datetime:
    found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return found if found.tzinfo else found.replace(tzinfo=UTC)
