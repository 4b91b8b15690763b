"""EC2's quotas: their values, and how much of each is used.

Codes and names: https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html. vCPUs are
counted per market and instance family; a new account has few or none of those for GPUs.
"""

import re
from typing import Any

from rehearsal.clouds.aws import capacity
from rehearsal.clouds.aws.calls import AwsError
from rehearsal.clouds.aws.emulator import backends, data
from rehearsal.clouds.aws.store import table

ELASTIC_ADDRESSES = "L-0263D0A3"


def quotas() -> list[dict[str, Any]]:
    """Every quota: code, name, default, value, market, families."""
    changed = table("quotas")
    rows: list[dict[str, Any]] = data("quotas.json")
    return [{**row, "value": changed.get(row["code"], row["value"])} for row in rows]


def quota(code: str) -> dict[str, Any] | None:
    """One quota."""
    return next((row for row in quotas() if row["code"] == code), None)


def change(code: str, value: float) -> None:
    """Set what the account has been granted; LookupError for a code that is not there."""
    if quota(code) is None:
        raise LookupError(f"no quota {code}")
    table("quotas")[code] = value


def family(instance_type: str) -> tuple[str, str]:
    """The letters and the full name of a type's family: g4dn.xlarge → (g, g4dn)."""
    name = instance_type.partition(".")[0]
    letters = re.match(r"[a-z]+", name)
    return (letters[0] if letters else name), name


def applies(row: dict[str, Any], instance_type: str, market: str) -> bool:
    """Whether instances of a type count against a quota."""
    return row["market"] == market and bool(set(family(instance_type)) & set(row["families"]))


def used(row: dict[str, Any], region: str) -> int:
    """VCPUs (or addresses) that count against a quota now."""
    with backends() as backend:
        ec2 = backend("ec2", region)
        if row["code"] == ELASTIC_ADDRESSES:
            return len(ec2.addresses)
        return sum(
            capacity.vcpus(instance.instance_type)
            for instance in ec2.all_instances()
            if instance.state in ("pending", "running")
            and applies(row, instance.instance_type, "spot" if instance.lifecycle == "spot" else "on-demand")
        )


def require(instance_type: str, count: int, *, spot: bool, region: str) -> None:
    """Refuse instances that the account's quota does not cover.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html

    Raises:
        AwsError: VcpuLimitExceeded, or MaxSpotInstanceCountExceeded.
    """
    market = "spot" if spot else "on-demand"
    wanted = capacity.vcpus(instance_type) * count
    for row in quotas():
        if not applies(row, instance_type, market) or used(row, region) + wanted <= row["value"]:
            continue
        if spot:
            raise AwsError("MaxSpotInstanceCountExceeded", "Max spot instance count exceeded")
        raise AwsError(
            "VcpuLimitExceeded",
            "You have requested more vCPU capacity than your current vCPU limit of "
            f"{row['value']:g} allows for the instance bucket that the specified instance type belongs to. "
            "Please visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this "
            "limit.",
        )
