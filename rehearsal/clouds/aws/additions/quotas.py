"""Service Quotas for EC2 (the table is in limits.py); other services' are moto's.

https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/
"""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rehearsal.clouds.aws import limits
from rehearsal.clouds.aws.additions import answers
from rehearsal.clouds.aws.calls import AwsError, Call
from rehearsal.clouds.aws.emulator import ACCOUNT
from rehearsal.clouds.aws.store import table

_MISSING = "The request failed because the specified service or quota does not exist."


@answers("service-quotas", "GetServiceQuota", "GetAWSDefaultServiceQuota")
def get_quota(call: Call) -> Mapping[str, Any]:
    """One quota: the applied value, or AWS's default."""
    if call.params["ServiceCode"] != "ec2":
        return call.forward()
    return {"Quota": _shown(_wanted(call), call, default="Default" in call.operation)}


@answers("service-quotas", "ListServiceQuotas", "ListAWSDefaultServiceQuotas")
def list_quotas(call: Call) -> Mapping[str, Any]:
    """All quotas of a service on one page."""
    if call.params["ServiceCode"] != "ec2":
        return call.moto_operation("ListAWSDefaultServiceQuotas")(ServiceCode=call.params["ServiceCode"])
    return {"Quotas": [_shown(row, call, default="Default" in call.operation) for row in limits.quotas()]}


@answers("service-quotas", "RequestServiceQuotaIncrease")
def request_increase(call: Call) -> Mapping[str, Any]:
    """Open a request; nobody ever decides it (the administration can change the quota)."""
    row = _wanted(call)
    desired = float(call.params["DesiredValue"])
    if desired <= row["value"]:
        raise AwsError(
            "InvalidResourceStateException",
            "The desired value must be greater than the current quota value.",
        )
    request = {
        "Id": uuid.uuid4().hex,
        "ServiceCode": "ec2",
        "QuotaCode": row["code"],
        "QuotaName": row["name"],
        "DesiredValue": desired,
        "Status": "PENDING",
        "Created": datetime.now(UTC),
        "Requester": f'{{"accountId":"{ACCOUNT}"}}',
        "Unit": "None",
    }
    table("quota requests")[request["Id"]] = request
    return {"RequestedQuota": request}


@answers("service-quotas", "ListRequestedServiceQuotaChangeHistory")
def requested_changes(_: Call) -> Mapping[str, Any]:
    """The requests made so far."""
    return {"RequestedQuotas": list(table("quota requests").values())}


@answers("service-quotas", "ListServices")
def services(_: Call) -> Mapping[str, Any]:
    """The services whose quotas are known here."""
    return {
        "Services": [
            {"ServiceCode": "ec2", "ServiceName": "Amazon Elastic Compute Cloud (Amazon EC2)"},
            {"ServiceCode": "vpc", "ServiceName": "Amazon Virtual Private Cloud (Amazon VPC)"},
        ]
    }


def _wanted(call: Call) -> dict[str, Any]:
    row = limits.quota(call.params["QuotaCode"]) if call.params["ServiceCode"] == "ec2" else None
    if row is None:
        raise AwsError("NoSuchResourceException", _MISSING)
    return row


def _shown(row: dict[str, Any], call: Call, *, default: bool) -> dict[str, Any]:
    return {
        "ServiceCode": "ec2",
        "ServiceName": "Amazon Elastic Compute Cloud (Amazon EC2)",
        "QuotaArn": f"arn:aws:servicequotas:{call.region}:{ACCOUNT}:ec2/{row['code']}",
        "QuotaCode": row["code"],
        "QuotaName": row["name"],
        "Value": float(row["default"] if default else row["value"]),
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }
