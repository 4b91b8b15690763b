"""Budgets: changes, subscribers and tags, which moto has not."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rehearsal.clouds.aws.additions import answers
from rehearsal.clouds.aws.calls import AwsError, Call
from rehearsal.clouds.aws.emulator import ACCOUNT, backends
from rehearsal.clouds.aws.store import table


def arn(name: str) -> str:
    """https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsbudgetservice.html."""
    return f"arn:aws:budgets::{ACCOUNT}:budget/{name}"


def _budget(name: str) -> Any:
    with backends() as backend:
        budget = backend("budgets").budgets[ACCOUNT].get(name)
    if budget is None:
        raise AwsError("NotFoundException", f"Unable to get budget: {name} - the budget doesn't exist.")
    return budget


def _as_moto_keeps(value: Any) -> Any:
    """Times as seconds since 1970."""
    if isinstance(value, dict):
        return {key: _as_moto_keeps(inner) for key, inner in value.items()}
    return value.replace(tzinfo=UTC).timestamp() if isinstance(value, datetime) else value


def _notification(call: Call) -> Any:
    wanted = call.params["Notification"]
    for found in _budget(call.params["BudgetName"]).notifications:
        if _same(found.details, wanted):
            return found
    raise AwsError("NotFoundException", "Unable to find the notification of the budget.")


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(
        one.get(key, default) == other.get(key, default)
        for key, default in (
            ("NotificationType", None),
            ("ComparisonOperator", None),
            ("Threshold", None),
            ("ThresholdType", "PERCENTAGE"),
        )
    )


@answers("budgets", "CreateBudget")
def create(call: Call) -> Mapping[str, Any]:
    """Create a budget with its tags; AWS refuses an eleventh subscriber and a sixth notification."""
    for entry in call.params.get("NotificationsWithSubscribers") or []:
        if not 1 <= len(entry.get("Subscribers") or []) <= 11:
            raise AwsError("InvalidParameterException", "A notification has between 1 and 11 subscribers.")
    reply = call.forward()
    name = call.params["Budget"]["BudgetName"]
    table("budget tags")[arn(name)] = {
        tag["Key"]: tag["Value"] for tag in call.params.get("ResourceTags") or []
    }
    return reply


@answers("budgets", "DeleteBudget")
def delete(call: Call) -> Mapping[str, Any]:
    """Delete a budget and its tags."""
    reply = call.forward()
    table("budget tags").pop(arn(call.params["BudgetName"]), None)
    return reply


@answers("budgets", "UpdateBudget")
def update(call: Call) -> Mapping[str, Any]:
    """Replace a budget's definition; its notifications stay."""
    new = call.params["NewBudget"]
    budget = _budget(new["BudgetName"])
    kept = {key: budget.budget[key] for key in ("TimePeriod", "LastUpdatedTime")}
    budget.budget = {**kept, **_as_moto_keeps(new)}
    return {}


@answers("budgets", "DescribeSubscribersForNotification")
def subscribers(call: Call) -> Mapping[str, Any]:
    """Whom a notification goes to."""
    return {"Subscribers": list(_notification(call).subscribers)}


@answers("budgets", "CreateSubscriber")
def subscribe(call: Call) -> Mapping[str, Any]:
    """Add a subscriber to a notification."""
    found = _notification(call)
    found.subscribers = [*found.subscribers, call.params["Subscriber"]]
    return {}


@answers("budgets", "DeleteSubscriber")
def unsubscribe(call: Call) -> Mapping[str, Any]:
    """Take a subscriber away; the last one takes the notification with it."""
    found = _notification(call)
    found.subscribers = [entry for entry in found.subscribers if entry != call.params["Subscriber"]]
    if not found.subscribers:
        _budget(call.params["BudgetName"]).notifications.remove(found)
    return {}


@answers("budgets", "ListTagsForResource")
def tags(call: Call) -> Mapping[str, Any]:
    """A budget's tags."""
    _budget(call.params["ResourceARN"].rpartition("/")[2])
    known = table("budget tags").get(call.params["ResourceARN"], {})
    return {"ResourceTags": [{"Key": key, "Value": value} for key, value in sorted(known.items())]}


@answers("budgets", "TagResource")
def tag(call: Call) -> Mapping[str, Any]:
    """Set tags of a budget."""
    _budget(call.params["ResourceARN"].rpartition("/")[2])
    known = table("budget tags").setdefault(call.params["ResourceARN"], {})
    known.update({entry["Key"]: entry["Value"] for entry in call.params["ResourceTags"]})
    return {}


@answers("budgets", "UntagResource")
def untag(call: Call) -> Mapping[str, Any]:
    """Remove tags of a budget."""
    known = table("budget tags").get(call.params["ResourceARN"], {})
    for key in call.params["ResourceTagKeys"]:
        known.pop(key, None)
    return {}
