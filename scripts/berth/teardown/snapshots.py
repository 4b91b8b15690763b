"""Snapshots of the disks that are protected, before they go; they are tagged so that no sweep takes them."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from infra.spend.leaks import EXPIRES_AT, KEEP
from rehearsal.errors import BerthError
from scripts.berth.aws.clients import asking, client, ec2
from scripts.berth.place import Place
from scripts.berth.teardown import state as states
from scripts.berth.teardown.order import Loss

LONGEST_SECONDS = 3600.0
EVERY_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A copy of a disk as it was. volume: its id. of: the resource that it belonged to."""

    id: str
    volume: str
    of: str
    gib: int
    region: str


def take(
    place: Place,
    env: str,
    state: states.State,
    saved: Sequence[Loss],
    say: Callable[[str], None],
    *,
    pause: Callable[[float], None] = time.sleep,
) -> list[Snapshot]:
    """Make them, and wait until each is complete.

    Raises:
        BerthError: one of them failed or took too long; nothing may be destroyed then.
    """
    made = [
        one
        for loss in saved
        for volume in _volumes(place, state, loss)
        for one in [_start(place, env, state, loss, volume)]
    ]
    for one in made:
        say(f"snapshot {one.id} of {one.volume} ({one.of}, {one.gib} GiB)")
    _wait(place, made, pause)
    return made


def _volumes(place: Place, state: states.State, loss: Loss) -> list[Mapping[str, Any]]:
    """The disks of a resource: itself, or what is attached to its machines."""
    one, region = loss.resource, states.region(state, loss.resource)
    api = ec2(place, region)
    with asking(f"the disks of {one.name}"):
        if one.kind == "Volume":
            return list(api.describe_volumes(VolumeIds=[one.id])["Volumes"])
        machines = [one.id] if one.kind == "Instance" else _members(place, region, one.id)
        if not machines:
            return []
        attached: Any = [{"Name": "attachment.instance-id", "Values": machines}]
        return [volume for page in api.get_paginator("describe_volumes").paginate(Filters=attached)
                for volume in page["Volumes"]]  # fmt: skip


def _members(place: Place, region: str, group: str) -> list[str]:
    found = client(place, "autoscaling", region).describe_auto_scaling_groups(AutoScalingGroupNames=[group])
    return [one["InstanceId"] for each in found["AutoScalingGroups"] for one in each["Instances"]]


def _start(place: Place, env: str, state: states.State, loss: Loss, volume: Mapping[str, Any]) -> Snapshot:
    region = states.region(state, loss.resource)
    now = datetime.now(UTC)
    tags = {
        "Name": f"berth-{env}-{loss.name}",
        **{key: value for key, value in states.default_tags(state).items() if key != EXPIRES_AT},
        "berth:environment": env,
        KEEP: "true",
        "berth:source": str(volume["VolumeId"]),
        "berth:created": f"{now:%Y-%m-%dT%H:%M:%SZ}",
    }
    with asking(f"a snapshot of {volume['VolumeId']}"):
        # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSnapshot.html
        made = ec2(place, region).create_snapshot(
            VolumeId=str(volume["VolumeId"]),
            Description=f"berth: {loss.name} of {env}, before it was destroyed",
            TagSpecifications=[
                {"ResourceType": "snapshot", "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}
            ],
        )
    return Snapshot(
        id=made["SnapshotId"],
        volume=str(volume["VolumeId"]),
        of=loss.name,
        gib=int(volume.get("Size") or 0),
        region=region,
    )


def _wait(place: Place, made: Sequence[Snapshot], pause: Callable[[float], None]) -> None:
    until = time.monotonic() + LONGEST_SECONDS
    waiting = {one.id: one for one in made}
    while waiting:
        for one in list(waiting.values()):
            with asking(f"the snapshot {one.id}"):
                found = ec2(place, one.region).describe_snapshots(SnapshotIds=[one.id])["Snapshots"][0]
            if found["State"] == "error":
                reason = found.get("StateMessage") or "AWS gives no reason"
                raise BerthError(
                    f"the snapshot {one.id} of {one.volume} failed: {reason}",
                    "Nothing was destroyed. Run the command again.",
                )
            if found["State"] == "completed":
                del waiting[one.id]
        if waiting and time.monotonic() > until:
            raise BerthError(
                f"these snapshots are not complete after an hour: {', '.join(waiting)}",
                "Nothing was destroyed. AWS goes on with them; run the command again later.",
            )
        if waiting:
            pause(EVERY_SECONDS)
