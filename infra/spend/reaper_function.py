"""What the reaper does when it is called: the source of its Lambda function, complete in itself.

An expired group is told to want no machine and to take none; an expired instance that no group holds is
terminated. Only what carries the environment's own tags is ever touched; what fails is said, and is tried
again at the next call.
"""

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

MANAGER = "berth"
EXPIRES = "berth:expires-at"
# Set by AWS on what a group has launched. Its tag of the end is the one of its launch: the group's counts.
OF_A_GROUP = "aws:autoscaling:groupName"
ALIVE = ["pending", "running", "stopping", "stopped"]


def handler(_event: Any, _context: Any) -> dict[str, Any]:
    """Lambda's entry. Raises RuntimeError, which Lambda counts, where something could not be ended."""
    import boto3

    found = reap(
        os.environ["ENVIRONMENT"], boto3.client("autoscaling"), boto3.client("ec2"), datetime.now(UTC)
    )
    print(json.dumps(found))  # noqa: T201 - Lambda's log
    if found["failed"]:
        raise RuntimeError(json.dumps(found["failed"]))
    return found


def reap(environment: str, autoscaling: Any, ec2: Any, now: datetime) -> dict[str, Any]:
    """End what has expired. Returns names of groups, ids of instances, and what failed with its reason."""
    found: dict[str, Any] = {"groups": [], "instances": [], "failed": {}}

    def empty(name: str) -> None:
        autoscaling.update_auto_scaling_group(
            AutoScalingGroupName=name, MinSize=0, MaxSize=0, DesiredCapacity=0
        )

    def terminate(name: str) -> None:
        ec2.terminate_instances(InstanceIds=[name])

    for name in list(_groups(environment, autoscaling, now)):
        _attempt(found, "groups", name, empty)
    for name in list(_instances(environment, ec2, now)):
        _attempt(found, "instances", name, terminate)
    return found


def expired(tags: dict[str, str], environment: str, now: datetime) -> bool:
    """Whether tags say that it is this environment's, and that its time is over; unreadable is not over."""
    ours = tags.get("berth:environment") == environment and tags.get("berth:managed-by") == MANAGER
    try:
        over = datetime.fromisoformat(tags.get(EXPIRES, "")) <= now
    except (TypeError, ValueError):
        return False
    return ours and over


def _groups(environment: str, autoscaling: Any, now: datetime) -> Iterator[str]:
    filters = [{"Name": "tag:berth:environment", "Values": [environment]}]
    for page in autoscaling.get_paginator("describe_auto_scaling_groups").paginate(Filters=filters):
        for group in page["AutoScalingGroups"]:
            wants = group["DesiredCapacity"] or group["MaxSize"] or group["Instances"]
            if wants and expired(_tags(group), environment, now):
                yield group["AutoScalingGroupName"]


def _instances(environment: str, ec2: Any, now: datetime) -> Iterator[str]:
    filters = [
        {"Name": "tag:berth:environment", "Values": [environment]},
        {"Name": "instance-state-name", "Values": ALIVE},
    ]
    for page in ec2.get_paginator("describe_instances").paginate(Filters=filters):
        for reservation in page["Reservations"]:
            for instance in reservation["Instances"]:
                tags = _tags(instance)
                if OF_A_GROUP not in tags and expired(tags, environment, now):
                    yield instance["InstanceId"]


def _tags(thing: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in thing.get("Tags", ())}


def _attempt(found: dict[str, Any], kind: str, name: str, end: Callable[[str], None]) -> None:
    try:
        end(name)
    except Exception as reason:  # noqa: BLE001 - one that cannot be ended keeps nothing else alive
        found["failed"][name] = str(reason)
    else:
        found[kind].append(name)
