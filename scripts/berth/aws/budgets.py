"""Reads an environment's budget at AWS: what was spent, what is foreseen, which alerts were sent.

AWS works it out up to three times a day, foresees nothing before it knows about five weeks of costs, and
counts the environment's tag only once that is activated for cost allocation.
https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-best-practices.html
https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_Budget.html
"""

from datetime import datetime
from typing import Any

from infra.outputs import AwsVmDeployed
from infra.spend.spent import Alert, Kind, Spent, alert
from scripts.berth.aws.clients import asking, client, code_of
from scripts.berth.place import Place

KINDS: dict[str, Kind] = {"ACTUAL": "actual", "FORECASTED": "forecast"}


def spent(place: Place, outputs: AwsVmDeployed) -> Spent | None:
    """The budget as AWS sees it now; None where it was deleted.

    Raises:
        BerthError: AWS does not answer, or does not let the caller look.
    """
    from botocore.exceptions import ClientError

    budgets = client(place, "budgets", outputs.region)
    whose = {"AccountId": outputs.account_id, "BudgetName": outputs.budget_name}
    with asking(f"the budget {outputs.budget_name}"):
        try:
            found = budgets.describe_budget(**whose)["Budget"]
            pages = budgets.get_paginator("describe_notifications_for_budget").paginate(**whose)
            notifications = [one for page in pages for one in page.get("Notifications", ())]
        except ClientError as error:
            if code_of(error) == "NotFoundException":
                return None
            raise
    limit = _usd(found.get("BudgetLimit")) or 0.0
    sums = found.get("CalculatedSpend") or {}
    updated = found.get("LastUpdatedTime")
    return Spent(
        name=outputs.budget_name,
        limit_usd=limit,
        actual_usd=_usd(sums.get("ActualSpend")) or 0.0,
        forecast_usd=_usd(sums.get("ForecastedSpend")),
        alerts=tuple(_alert(limit, one) for one in notifications),
        as_of=f"{updated:%Y-%m-%dT%H:%M:%SZ}" if isinstance(updated, datetime) else "",
    )


def _alert(limit: float, notification: Any) -> Alert:
    state = notification.get("NotificationState")
    return alert(
        limit,
        float(notification["Threshold"]),
        KINDS.get(notification["NotificationType"], "actual"),
        percent=notification.get("ThresholdType", "PERCENTAGE") == "PERCENTAGE",
        told=None if state is None else state == "ALARM",
    )


def _usd(spend: Any) -> float | None:
    return float(spend["Amount"]) if spend and spend.get("Amount") is not None else None
