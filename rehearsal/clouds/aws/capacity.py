"""Prices and capacity of instance types: made up, the same at every look, and shaped like the real ones.

On-demand prices (data file) are https://aws.amazon.com/ec2/pricing/on-demand/ for Linux in us-east-1.
A spot price is the on-demand price times a share that belongs to the pool (type and zone); it moves within a
week and changes four times a day. The placement score of a pool falls with its size.
"""

import hashlib
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from rehearsal.clouds.aws.emulator import data, regions_of

SLOT = timedelta(hours=6)
WEEK_SLOTS = 28
HISTORY = timedelta(
    days=90
)  # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-spot-instances-history.html
_USUAL_VCPU_PRICE = 0.048  # of m5, for types that the data file does not name
_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


@cache
def _prices() -> dict[str, float]:
    prices: dict[str, float] = data("prices.json")["us-east-1"]
    return prices


@cache
def vcpus(instance_type: str) -> int:
    """Virtual CPUs of a type, the unit of quotas; LookupError for a type that does not exist."""
    return int(details(instance_type)["VCpuInfo"]["DefaultVCpus"])


def details(instance_type: str) -> dict[str, Any]:
    """What DescribeInstanceTypes says of a type."""
    from moto.ec2.models.instance_types import INSTANCE_TYPES

    found: dict[str, Any] | None = INSTANCE_TYPES.get(instance_type)
    if found is None:
        raise LookupError(f"no instance type {instance_type}")
    return found


def zones(instance_type: str, region: str) -> list[str]:
    """The zones of a region that offer a type, from moto's copy of the real list."""
    return _offered(region).get(instance_type, [])


@cache
def _offered(region: str) -> dict[str, list[str]]:
    from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS

    regions_of("ec2")
    offered: dict[str, list[str]] = {}
    for row in INSTANCE_TYPE_OFFERINGS["availability-zone"].get(region, []):
        offered.setdefault(row["InstanceType"], []).append(row["Location"])
    return {name: sorted(places) for name, places in offered.items()}


def on_demand(instance_type: str) -> float:
    """USD an hour."""
    return _prices().get(instance_type) or vcpus(instance_type) * _USUAL_VCPU_PRICE


def priced() -> list[str]:
    """The types whose on-demand price is known."""
    return sorted(_prices())


def spot(instance_type: str, zone: str, at: datetime) -> float:
    """USD an hour in a zone at a moment."""
    slot, _ = _slot(instance_type, zone, at)
    return _price(instance_type, zone, slot)


def history(
    instance_type: str, zone: str, start: datetime, end: datetime
) -> Iterator[tuple[datetime, float]]:
    """The price at `start` and every change until `end`, newest first."""
    last, _ = _slot(instance_type, zone, end)
    first, _ = _slot(instance_type, zone, max(start, end - HISTORY))
    for slot in range(last, first - 1, -1):
        yield _EPOCH + slot * SLOT + _offset(instance_type, zone), _price(instance_type, zone, slot)


def score(instance_types: list[str], zone: str, capacity: int) -> int:
    """Likelihood, 1 to 10, that so many instances of any of the types are to be had in a zone.

    Fewer than three types score low:
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-placement-score.html
    """
    pools = [size(name, zone) for name in instance_types if zone in zones(name, zone[:-1])]
    if not pools:
        return 1
    likely = min(1.0, sum(pools) / max(capacity, 1) / 4)
    best = 9 if len(instance_types) >= 3 else 4
    return max(1, round(best * likely))


def size(instance_type: str, zone: str) -> int:
    """How deep a pool is, in instances: larger types and scarcer zones have less."""
    return 1 + int(40 * _share(f"size/{instance_type}/{zone}") / math.sqrt(vcpus(instance_type)))


def _slot(instance_type: str, zone: str, at: datetime) -> tuple[int, datetime]:
    moment = at if at.tzinfo else at.replace(tzinfo=UTC)
    number = int((moment - _EPOCH - _offset(instance_type, zone)) / SLOT)
    return number, _EPOCH + number * SLOT + _offset(instance_type, zone)


def _offset(instance_type: str, zone: str) -> timedelta:
    return timedelta(minutes=int(359 * _share(f"offset/{instance_type}/{zone}")))


def _price(instance_type: str, zone: str, slot: int) -> float:
    pool = f"{instance_type}/{zone}"
    share = 0.30 + 0.32 * _share(f"share/{pool}")
    week = 0.10 * math.sin(2 * math.pi * (slot / WEEK_SLOTS + _share(f"phase/{pool}")))
    jitter = 0.04 * (_share(f"jitter/{pool}/{slot}") - 0.5)
    return round(on_demand(instance_type) * share * (1 + week + jitter), 4)


def _share(key: str) -> float:
    """A number between 0 and 1 that belongs to a key."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) / 2**64
