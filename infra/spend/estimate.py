"""What resources cost by the hour, in US dollars without tax: from dated tables, not a bill. Pure.

`lines` gives what costs or may cost; a type that no table knows gives a line of an unknown price where its
cloud asks money for things, and none where it does not. A price that is not known is None, never 0.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from infra.spend.estimates import aws
from infra.spend.estimates.lines import HOURS_A_MONTH, Context, Line, Priced, Pricing, money, text

__all__ = ["HOURS_A_DAY", "HOURS_A_MONTH", "Line", "Priced", "Total", "lines", "money", "total"]

HOURS_A_DAY = 24
_TABLES: Mapping[str, tuple[Mapping[str, Pricing], tuple[str, ...]]] = {
    "aws": (aws.PRICED, aws.FREE),
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


def lines(resources: Iterable[Priced]) -> list[Line]:
    """What the resources cost, in their order; only what costs or may cost."""
    known = _placed(list(resources))
    by_type: dict[str, list[Priced]] = defaultdict(list)
    for one in known:
        by_type[one.type].append(one)
    around = Context(by_type=by_type)
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


def _placed(resources: list[Priced]) -> list[Priced]:
    """Each with its region: its own, or the one of its cloud's only provider."""
    regions: dict[str, set[str]] = defaultdict(set)
    for one in resources:
        if one.type.startswith("pulumi:providers:"):
            regions[one.type.removeprefix("pulumi:providers:")].add(text(one.props, "region"))
    return [
        one
        if one.region
        else replace(one, region=_own(one) or _only(regions.get(one.type.partition(":")[0], set())))
        for one in resources
    ]


def _own(one: Priced) -> str:
    if not one.type.startswith("aws:"):
        return text(one.props, "region")
    zone = text(one.props, "availabilityZone")
    return text(one.props, "region") or (zone[:-1] if zone[-1:].isalpha() else "")


def _only(found: set[str]) -> str:
    return next(iter(found)) if len(found) == 1 else ""
