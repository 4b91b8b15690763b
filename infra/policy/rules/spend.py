"""What costs money by the hour has a budget that warns, and an end; what cannot be undone is not bought."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from infra.policy.model import UNKNOWN, Resource, Rule, has_unknown
from infra.policy.rules.tags import default_tags

GROUP = "aws:autoscaling/group:Group"
_COMPUTE = (
    GROUP,
    "aws:ec2/fleet:Fleet",
    "aws:ec2/instance:Instance",
    "aws:ec2/spotInstanceRequest:SpotInstanceRequest",
    "aws:eks/cluster:Cluster",
    "aws:eks/nodeGroup:NodeGroup",
)
_BUDGET = "aws:budgets/budget:Budget"
_SCHEDULE = "aws:autoscaling/schedule:Schedule"
_EXPIRES = "berth:expires-at"
_PURCHASES = (
    "aws:ec2/capacityBlockReservation:CapacityBlockReservation",
    "aws:savingsplans/savingsPlan:SavingsPlan",
    "aws:rds/reservedInstance:ReservedInstance",
)

_Findings = Iterator[tuple[str, Resource | None]]


def budget_present(resources: Sequence[Resource]) -> _Findings:
    compute = [one for one in resources if one.type in _COMPUTE]
    budgets = [one for one in resources if one.type == _BUDGET]
    if compute and not budgets:
        yield (
            f"{compute[0].name} costs money by the hour, and has no budget; declare an aws.budgets.Budget",
            None,
        )
    for budget in budgets:
        notifications = budget.at("notifications")
        if not has_unknown(notifications) and not any(_tells(one) for one in notifications or ()):
            yield "tells nobody; give it a notification with a subscriber", budget


def _tells(notification: Any) -> bool:
    return bool(notification.get("subscriberEmailAddresses") or notification.get("subscriberSnsTopicArns"))


def lifetime_present(resources: Sequence[Resource]) -> _Findings:
    for one in (one for one in resources if one.type in _COMPUTE):
        expires = _expires(one)
        if expires is not UNKNOWN and not _is_time(expires):
            yield (
                f"has no end: its tag {_EXPIRES} is {expires or 'absent'}; `berth extend` sets it",
                one,
            )
    stops = [one for one in resources if one.type == _SCHEDULE and one.at("desiredCapacity") in (0, UNKNOWN)]
    for group in (one for one in resources if one.type == GROUP):
        if not any(stop.refers_to(group, "autoscalingGroupName") for stop in stops):
            yield "would run on after its end: no Schedule sets its desired_capacity to 0", group


def _expires(resource: Resource) -> Any:
    tags = resource.at("tags")
    if tags is UNKNOWN or (isinstance(tags, list) and has_unknown(tags)):
        return UNKNOWN
    if isinstance(tags, list):
        return next((one.get("value") for one in resource.each("tags") if one.get("key") == _EXPIRES), None)
    given = {**default_tags(resource.provider), **(resource.at("tagsAll") or {}), **(tags or {})}
    return given.get(_EXPIRES)


def _is_time(value: Any) -> bool:
    try:
        return datetime.fromisoformat(str(value)).tzinfo is not None
    except ValueError:
        return False


def no_purchase(resource: Resource) -> Iterator[str]:
    if resource.type in _PURCHASES:
        yield "is paid for at once and cannot be cancelled"
    market = resource.at("instanceMarketOptions", "marketType")
    if market == "capacity-block" or resource.at("capacityType") == "CAPACITY_BLOCK":
        yield "uses a Capacity Block, which is paid for at once and cannot be cancelled"


BUDGET_PRESENT = Rule(
    name="budget-present",
    description="An environment with machines has a budget that tells somebody.",
    stack=budget_present,
)
LIFETIME_PRESENT = Rule(
    name="lifetime-present",
    description="Machines say when they end, and a group is scheduled to.",
    stack=lifetime_present,
)
CAPACITY_BLOCK_PURCHASE = Rule(
    name="capacity-block-purchase",
    description="No GPU capacity is bought in advance unless the values ask for it.",
    resource=no_purchase,
)
