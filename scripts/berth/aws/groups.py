"""The auto-scaling groups that hold an environment's machines: what runs in them, and ending it."""

from dataclasses import dataclass
from typing import Any

from infra.outputs import AwsVmDeployed
from scripts.berth.aws.clients import asking, autoscaling
from scripts.berth.place import Place

ENDED = ("Terminating", "Terminated", "Detached")


@dataclass(frozen=True, kw_only=True)
class Group:
    """A group. instances: ids of those that have not ended."""

    name: str
    desired: int
    instances: tuple[str, ...]


def groups(place: Place, outputs: AwsVmDeployed) -> list[Group]:
    """Every group of the environment, by name: its machine's and, where there is one, the fallback's."""
    # Told by the environment's own tags, which nothing of another owner carries.
    filters: Any = [
        {"Name": "tag:berth:environment", "Values": [outputs.environment]},
        {"Name": "tag:berth:role", "Values": ["machine"]},
    ]
    with asking(f"the groups of {outputs.environment}"):
        pages = autoscaling(place, outputs.region).get_paginator("describe_auto_scaling_groups")
        found = [one for page in pages.paginate(Filters=filters) for one in page["AutoScalingGroups"]]
    return sorted(
        (
            Group(
                name=one["AutoScalingGroupName"],
                desired=one["DesiredCapacity"],
                instances=tuple(
                    instance["InstanceId"]
                    for instance in one.get("Instances", ())
                    if not instance["LifecycleState"].startswith(ENDED)
                ),
            )
            for one in found
        ),
        key=lambda group: group.name,
    )


def running(place: Place, outputs: AwsVmDeployed) -> dict[str, int]:
    """Machines of each group, by its name."""
    return {group.name: len(group.instances) for group in groups(place, outputs)}


def stop(place: Place, outputs: AwsVmDeployed, group: str) -> None:
    """Have the group want no machine; it ends those that it has. Its limits stay as they are."""
    with asking(f"the end of the machines of {group}"):
        autoscaling(place, outputs.region).set_desired_capacity(
            AutoScalingGroupName=group, DesiredCapacity=0, HonorCooldown=False
        )
