"""What resources need of an account's quotas, and whether that fits. Pure: nothing here asks.

Amounts, not just "there is some": vCPUs of the right family for AWS's machines, cards for Google Cloud's,
cores and memory for OpenStack's, and the addresses and networks that run out next.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from infra.spend.estimates.lines import Priced, gathered, placed
from infra.spend.quotas import aws, gcp, openstack
from infra.spend.quotas.need import Need

__all__ = ["Granted", "Need", "QuotaLine", "judge", "needs"]

State = Literal["fits", "short", "unknown"]
_TABLES = {"aws": aws.NEEDING, "gcp": gcp.NEEDING, "openstack": openstack.NEEDING}


@dataclass(frozen=True, kw_only=True)
class Granted:
    """What an account has. used: by everything in it, this environment too; None where it is not known."""

    limit: float
    used: float | None = None


@dataclass(frozen=True, kw_only=True)
class QuotaLine:
    """One quota. needed: by this environment in all. free: for it, what it uses already included."""

    code: str
    name: str
    region: str
    unit: str
    needed: float
    used: float | None
    limit: float | None
    free: float | None
    state: State
    note: str = ""


def needs(resources: Iterable[Priced]) -> list[Need]:
    """What the resources need, a line a quota and region, by code."""
    known = placed(list(resources))
    around = gathered(known)
    summed: dict[tuple[str, str], list[Need]] = defaultdict(list)
    for one in known:
        needing = _TABLES.get(one.type.partition(":")[0], {}).get(one.type)
        for need in needing(one, around) if needing else ():
            summed[need.region, need.code].append(need)
    return [_sum(found) for _, found in sorted(summed.items())]


def judge(
    needs_before: Iterable[Need], needs_after: Iterable[Need], granted: Mapping[tuple[str, str], Granted]
) -> list[QuotaLine]:
    """Whether what is needed afterwards fits; what the environment uses before is not counted twice.

    granted: by region and code; what it lacks is unknown, never enough.
    """
    before = {(one.region, one.code): one.amount for one in needs_before}
    return [
        _judged(one, before.get((one.region, one.code), 0.0), granted.get((one.region, one.code)))
        for one in needs_after
    ]


def _sum(found: list[Need]) -> Need:
    first = found[0]
    notes = dict.fromkeys(one.note for one in found if one.note)
    return Need(
        code=first.code,
        name=first.name,
        amount=sum(one.amount for one in found),
        unit=first.unit,
        region=first.region,
        service=first.service,
        note="; ".join(notes),
    )


def _judged(need: Need, before: float, has: Granted | None) -> QuotaLine:
    free = None
    if has is not None and has.used is not None:
        # The machines of before may not all have come up: they free no more than is used.
        free = max(has.limit - max(has.used - before, 0.0), 0.0)
    state: State = "unknown"
    if free is not None:
        state = "fits" if need.amount <= free or need.amount <= before else "short"
    elif has is not None and need.amount > has.limit:
        state = "short"
    return QuotaLine(
        code=need.code,
        name=need.name,
        region=need.region,
        unit=need.unit,
        needed=need.amount,
        used=has.used if has else None,
        limit=has.limit if has else None,
        free=free,
        state=state,
        note=need.note,
    )
