"""Finds an environment's instances by their tags, and says why one is not there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from infra.outputs import AwsVmDeployed
from rehearsal.errors import BerthError
from scripts.berth.aws.clients import asking, autoscaling, ec2
from scripts.berth.place import Place

ROLES = ("machine", "bastion")
ALIVE = ("pending", "running", "stopping", "shutting-down")


@dataclass(frozen=True, kw_only=True)
class Machine:
    """An instance. state: EC2's name of it. public_address: empty where it has none."""

    id: str
    role: str
    state: str
    type: str
    zone: str
    private_address: str
    public_address: str
    spot: bool
    launched: datetime

    def __str__(self) -> str:
        kind = "spot" if self.spot else "on demand"
        return f"{self.id} ({self.type} {kind} in {self.zone}, {self.state})"


def all_of(place: Place, outputs: AwsVmDeployed, role: str, states: Sequence[str] = ALIVE) -> list[Machine]:
    """Instances of a role in these states, the newest first."""
    filters: Any = [
        {"Name": "tag:berth:environment", "Values": [outputs.environment]},
        {"Name": "tag:berth:role", "Values": [role]},
        {"Name": "instance-state-name", "Values": list(states)},
    ]
    with asking(f"the instances of {outputs.environment}"):
        pages = ec2(place, outputs.region).get_paginator("describe_instances").paginate(Filters=filters)
        found = [
            _machine(instance, role)
            for page in pages
            for reservation in page["Reservations"]
            for instance in reservation["Instances"]
        ]
    return sorted(found, key=lambda machine: machine.launched, reverse=True)


def find(place: Place, outputs: AwsVmDeployed, role: str = "machine", instance: str = "") -> Machine:
    """The one running instance of a role. instance: its id, where there are several.

    Raises:
        BerthError: none runs, several do, or the environment has no such role.
    """
    env = outputs.environment
    if role == "bastion" and outputs.access != "bastion":
        raise BerthError(
            f"{env} has no bastion: its access is {outputs.access}",
            f"Use `{place.prefix} ssh {env} machine`.",
        )
    found = all_of(place, outputs, role)
    running = [one for one in found if one.state == "running"]
    if instance:
        running = [one for one in running if one.id == instance]
    if len(running) > 1:
        raise BerthError(
            f"{len(running)} instances of {env} run: {', '.join(map(str, running))}",
            f"Choose one with `--instance {running[0].id}`; after an interruption the older one ends soon.",
        )
    if not running:
        raise _absent(place, outputs, role, found, instance)
    return running[0]


def remaining_minutes(outputs: AwsVmDeployed, now: datetime | None = None) -> float:
    """Minutes until the end of the lifetime; negative after it."""
    end = datetime.fromisoformat(outputs.expires_at)
    return (end - (now or datetime.now(UTC))).total_seconds() / 60


def last_activity(place: Place, outputs: AwsVmDeployed) -> str:
    """What the machine's group did last, in AWS's words; empty where it did nothing yet."""
    with asking(f"the activities of {outputs.machine_group}"):
        answer = autoscaling(place, outputs.region).describe_scaling_activities(
            AutoScalingGroupName=outputs.machine_group, MaxRecords=1
        )
    activities = answer.get("Activities") or []
    if not activities:
        return ""
    last = activities[0]
    said = last.get("StatusMessage") or last.get("Description") or ""
    return f"{last.get('StatusCode', '')}: {said}".strip(": ")


def _absent(
    place: Place, outputs: AwsVmDeployed, role: str, found: list[Machine], instance: str
) -> BerthError:
    env = outputs.environment
    if instance:
        return BerthError(
            f"no running {role} of {env} is {instance}", f"`{place.prefix} status {env}` lists what runs."
        )
    if remaining_minutes(outputs) < 0:
        return BerthError(
            f"the lifetime of {env} ended at {outputs.expires_at}",
            f"Start it anew: `{place.prefix} extend {env} 8h --up`.",
        )
    if found:
        return BerthError(
            f"the {role} of {env} is not running yet: {found[0]}",
            f"`{place.prefix} verify {env}` waits until it is ready.",
        )
    activity = last_activity(place, outputs) if role == "machine" else ""
    said = f"; its group {outputs.machine_group} says: {activity}" if activity else ""
    return BerthError(
        f"no {role} of {env} runs{said}",
        f"`{place.prefix} verify {env}` waits for one; `{place.prefix} up {env}` repairs what was deleted.",
    )


def _machine(instance: Any, role: str) -> Machine:
    return Machine(
        id=instance["InstanceId"],
        role=role,
        state=instance["State"]["Name"],
        type=instance["InstanceType"],
        zone=instance.get("Placement", {}).get("AvailabilityZone", ""),
        private_address=instance.get("PrivateIpAddress", ""),
        public_address=instance.get("PublicIpAddress", ""),
        spot=instance.get("InstanceLifecycle") == "spot",
        launched=instance["LaunchTime"],
    )
