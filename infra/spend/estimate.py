"""What resources cost by the hour, in US dollars without tax: from dated tables, not a bill. Pure.

`lines` gives what costs or may cost; a type that no table knows gives a line of an unknown price where its
cloud asks money for things, and none where it does not. A price that is not known is None, never 0.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from infra.catalog.billing_units import BillingUnits
from infra.spend.estimates import aws, gcp, kubernetes, openstack
from infra.spend.estimates.lines import HOURS_A_MONTH, Context, Line, Priced, Pricing, gathered, money, placed

__all__ = ["HOURS_A_DAY", "HOURS_A_MONTH", "Line", "Priced", "Total", "lines", "money", "total"]

HOURS_A_DAY = 24
_TABLES: Mapping[str, tuple[Mapping[str, Pricing], tuple[str, ...]]] = {
    "aws": (aws.PRICED, aws.FREE),
    "gcp": (gcp.PRICED, gcp.FREE),
    "kubernetes": (kubernetes.PRICED, kubernetes.FREE),
    "openstack": (openstack.PRICED, openstack.FREE),
}


@dataclass(frozen=True, kw_only=True)
class Total:
    """A sum. hourly_usd: of what is known. unknown: names of the resources with a part of unknown price."""

    hourly_usd: float
    unknown: tuple[str, ...]

    @property
    def daily_usd(self) -> float:
        """24 hours of it."""
        return self.hourly_usd * HOURS_A_DAY

    @property
    def monthly_usd(self) -> float:
        """730 hours of it."""
        return self.hourly_usd * HOURS_A_MONTH


def lines(resources: Iterable[Priced], billing: BillingUnits | None = None) -> list[Line]:
    """What the resources cost, in their order; only what costs or may cost.

    billing: an OpenStack operator's prices, where they are not those of a cloud that is known.
    """
    known = placed(list(resources))
    around = gathered(known, billing)
    return [line for one in known for line in _priced(one, around)]


def total(found: Iterable[Line]) -> Total:
    """The sum of lines."""
    kept = list(found)
    return Total(
        hourly_usd=sum(one.hourly_usd for one in kept if one.hourly_usd is not None),
        unknown=tuple(dict.fromkeys(one.resource for one in kept if one.hourly_usd is None)),
    )


def _priced(one: Priced, around: Context) -> Iterable[Line]:
    cloud = one.type.partition(":")[0]
    if cloud not in _TABLES:
        return ()
    priced, free = _TABLES[cloud]
    if one.type in priced:
        return priced[one.type](one, around)
    if one.type.startswith(free):
        return ()
    return (Line(what=f"{one.type}: no price in the tables", resource=one.name, hourly_usd=None),)
