"""Budgets and whom they warn.

https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_Operations_AWS_Budgets.html
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from rehearsal.providers.aws.api import Api
from rehearsal.providers.aws.errors import AwsError
from rehearsal.providers.aws.shapes import capital
from rehearsal.providers.aws.table import Autoname, Tagging, Type
from rehearsal.providers.aws.tagging import tag_list, tag_map
from rehearsal.providers.plugin.model import Failure, Values

_TIME: Final = "%Y-%m-%d_%H:%M"
_KINDS: Final = {"subscriberEmailAddresses": "EMAIL", "subscriberSnsTopicArns": "SNS"}
_NOTIFICATION: Final = {
    "comparisonOperator": "ComparisonOperator",
    "notificationType": "NotificationType",
    "threshold": "Threshold",
    "thresholdType": "ThresholdType",
}
_COSTS: Final = (
    "includeCredit",
    "includeDiscount",
    "includeOtherSubscription",
    "includeRecurring",
    "includeRefund",
    "includeSubscription",
    "includeSupport",
    "includeTax",
    "includeUpfront",
    "useAmortized",
    "useBlended",
)


def _same_amount(one: Any, other: Any) -> bool:
    try:
        return Decimal(one) == Decimal(other)
    except (InvalidOperation, TypeError):
        return bool(one == other)


def _account(api: Api, values: Values) -> str:
    return str(values.get("accountId") or api.account.id)


def _where(identity: str) -> dict[str, str]:
    account, _, name = identity.partition(":")
    return {"AccountId": account, "BudgetName": name}


def _budget(new: Values) -> Values:
    made: Values = {
        "BudgetName": new["name"],
        "BudgetType": new["budgetType"],
        "TimeUnit": new["timeUnit"],
    }
    if new.get("limitAmount"):
        made["BudgetLimit"] = {"Amount": new["limitAmount"], "Unit": new.get("limitUnit", "USD")}
    if new.get("costFilters"):
        made["CostFilters"] = {item["name"]: item["values"] for item in new["costFilters"]}
    if types := new.get("costTypes"):
        made["CostTypes"] = {capital(key): types[key] for key in _COSTS if types.get(key) is not None}
    period = {"Start": new.get("timePeriodStart"), "End": new.get("timePeriodEnd")}
    times = {key: datetime.strptime(text, _TIME).replace(tzinfo=UTC) for key, text in period.items() if text}
    if times:
        made["TimePeriod"] = times
    return made


def _notifications(values: Values) -> list[Values]:
    """Notifications with their subscribers, in the API's form."""
    return [
        {
            "Notification": {theirs: item[ours] for ours, theirs in _NOTIFICATION.items()},
            "Subscribers": [
                {"SubscriptionType": kind, "Address": address}
                for prop, kind in _KINDS.items()
                for address in item.get(prop) or ()
            ],
        }
        for item in values.get("notifications") or ()
    ]


def _create(api: Api, new: Values) -> str:
    account = _account(api, new)
    api.call(
        "create_budget",
        AccountId=account,
        Budget=_budget(new),
        NotificationsWithSubscribers=_notifications(new) or None,
        ResourceTags=tag_list(new.get("tags")) or None,
    )
    return f"{account}:{new['name']}"


def _update(api: Api, identity: str, old: Values, new: Values) -> None:
    del old
    api.call("update_budget", AccountId=_where(identity)["AccountId"], NewBudget=_budget(new))


def _update_notifications(api: Api, identity: str, old: Values, new: Values) -> None:
    """A notification has no id: those that are not wanted go, the others come."""
    del old
    where = _where(identity)
    wanted = _notifications(new)
    present = _present(api, where)
    for item in present:
        if item not in wanted:
            api.call("delete_notification", Notification=item["Notification"], **where)
    for item in wanted:
        if item not in present:
            api.call("create_notification", **item, **where)


def _present(api: Api, where: dict[str, str]) -> list[Values]:
    try:
        found = api.all("describe_notifications_for_budget", "Notifications", **where)
    except AwsError as error:
        if error.gone:  # a budget without any
            return []
        raise
    notifications = [{theirs: item.get(theirs) for theirs in _NOTIFICATION.values()} for item in found]
    return [
        {
            "Notification": notification,
            "Subscribers": api.all(
                "describe_subscribers_for_notification",
                "Subscribers",
                Notification=notification,
                **where,
            ),
        }
        for notification in notifications
    ]


def _shown_notification(item: Values) -> Values:
    return {
        **{ours: item["Notification"][theirs] for ours, theirs in _NOTIFICATION.items()},
        **{
            prop: [one["Address"] for one in item["Subscribers"] if one["SubscriptionType"] == kind]
            for prop, kind in _KINDS.items()
        },
    }


def _read(api: Api, identity: str, known: Values) -> Values | None:
    where = _where(identity)
    found = api.call("describe_budget", **where)["Budget"]
    arn = f"arn:{api.account.partition}:budgets::{where['AccountId']}:budget/{where['BudgetName']}"
    limit = found.get("BudgetLimit") or {}
    amount = limit.get("Amount", "")
    period = found.get("TimePeriod") or {}
    types = found.get("CostTypes") or {}
    filters = found.get("CostFilters") or {}
    return {
        "accountId": where["AccountId"],
        "arn": arn,
        "budgetType": found["BudgetType"],
        "costFilters": [{"name": name, "values": values} for name, values in filters.items()],
        "costTypes": {key: bool(types[capital(key)]) for key in _COSTS if capital(key) in types},
        "limitAmount": known["limitAmount"] if _same_amount(known.get("limitAmount"), amount) else amount,
        "limitUnit": limit.get("Unit", ""),
        "name": where["BudgetName"],
        "notifications": [_shown_notification(item) for item in _present(api, where)],
        "tags": tag_map(api.call("list_tags_for_resource", ResourceARN=arn).get("ResourceTags")),
        "timePeriodEnd": _time(period.get("End")),
        "timePeriodStart": _time(period.get("Start")),
        "timeUnit": found["TimeUnit"],
    }


def _time(moment: Any) -> str:
    return moment.astimezone(UTC).strftime(_TIME) if isinstance(moment, datetime) else str(moment or "")


def _find(api: Api, new: Values) -> list[str]:
    account = _account(api, new)
    names = [budget["BudgetName"] for budget in api.all("describe_budgets", "Budgets", AccountId=account)]
    return [f"{account}:{name}" for name in names if name == new["name"]]


def _write_tags(api: Api, identity: str, known: Values, tags: dict[str, str]) -> None:
    del identity
    api.call("tag_resource", ResourceARN=known["arn"], ResourceTags=tag_list(tags))


def _remove_tags(api: Api, identity: str, known: Values, keys: list[str]) -> None:
    del identity
    api.call("untag_resource", ResourceARN=known["arn"], ResourceTagKeys=keys)


def _check(values: Values) -> Iterator[Failure]:
    for index, item in enumerate(values.get("notifications") or ()):
        if isinstance(item, dict) and not any(item.get(prop) for prop in _KINDS):
            yield Failure(f"notifications[{index}]", "nobody is notified: give an address or a topic")
    for prop in ("timePeriodStart", "timePeriodEnd"):
        text = values.get(prop)
        if isinstance(text, str):
            try:
                datetime.strptime(text, _TIME).replace(tzinfo=UTC)
            except ValueError:
                yield Failure(prop, "expected a time such as 2026-01-31_00:00")


_CHANGING: Final = (
    "costFilters",
    "costTypes",
    "limitAmount",
    "limitUnit",
    "timePeriodEnd",
    "timePeriodStart",
    "timeUnit",
)

TYPES = [
    Type(
        "aws:budgets/budget:Budget",
        "budgets",
        create=_create,
        read=_read,
        delete=lambda api, identity, _: api.call("delete_budget", **_where(identity)),
        find=_find,
        update={**dict.fromkeys(_CHANGING, _update), "notifications": _update_notifications},
        replace_on=frozenset({"accountId", "budgetType", "name", "namePrefix"}),
        tags=Tagging(write=_write_tags, remove=_remove_tags),
        autoname=Autoname(longest=100),
        defaults={"timePeriodEnd": "2087-06-15_00:00"},
        computed=frozenset(
            {"accountId", "costFilters", "costTypes", "limitAmount", "limitUnit", "timePeriodStart"}
        ),
        choices={
            "timeUnit": ("DAILY", "MONTHLY", "QUARTERLY", "ANNUALLY"),
            "notifications.comparisonOperator": ("GREATER_THAN", "LESS_THAN", "EQUAL_TO"),
            "notifications.notificationType": ("ACTUAL", "FORECASTED"),
            "notifications.thresholdType": ("PERCENTAGE", "ABSOLUTE_VALUE"),
        },
        same={"limitAmount": _same_amount},
        check=_check,
    )
]
