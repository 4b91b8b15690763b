"""Where a machine with an accelerator is best had: offers in order, each with its reason. Pure.

What is ranked is a snapshot: prices, and, where somebody has looked them up, spot prices of the last days,
placement scores and free quota. It is read from and written to JSON together with what was asked, so that a
decision can be made again from what was known then. What a snapshot lacks is said, and never taken for 0.

Order: what the quota allows before what it does not; then known prices before unknown ones; then what is
likely to be had before what is not; then by price. A spot price counts for no less than the middle of its
range, since a low that has just been reached does not last. On demand, a region's zones cost the same and are
one offer.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from infra.catalog import machine_prices
from infra.catalog.accelerators import instance_types
from infra.catalog.machine_prices import Source

# AWS scores from 1 to 10 how likely spot capacity is had; 1 is "not at all likely". Where unlikely ends is
# this project's choice. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/how-sps-works.html
_UNLIKELY = 3
_WHOLE_PERCENT = 0.01
_GOOD, _SCARCE, _UNPRICED, _OVER_QUOTA = range(4)


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What is looked for. count: accelerators of one machine. regions: prefixes. Empty tuples allow all."""

    accelerator: str
    count: int = 1
    market: Literal["on-demand", "spot"] = "on-demand"
    clouds: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Quote:
    """A machine in a zone; prices in US dollars an hour, None (or 0) where not known.

    zone: empty where the price is a region's. vcpus: what a quota in vCPUs counts. spot_low_usd and
    spot_high_usd: of the last days. placement_score: 1 (not at all likely) to 10.
    """

    cloud: str
    region: str
    zone: str
    instance_type: str
    accelerator: str
    count: int
    on_demand_usd: float | None = None
    spot_usd: float | None = None
    vcpus: int | None = None
    spot_low_usd: float | None = None
    spot_high_usd: float | None = None
    placement_score: int | None = None


@dataclass(frozen=True, kw_only=True)
class Headroom:
    """What an account's quota still allows in a region for the accelerator that is looked for."""

    cloud: str
    region: str
    market: Literal["on-demand", "spot"]
    unit: Literal["vCPUs", "accelerators"]
    free: int


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What was known, and from where."""

    quotes: tuple[Quote, ...]
    sources: tuple[Source, ...] = ()
    headroom: tuple[Headroom, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A quote in its place (the best is 1). usd_hour: in the market that was asked for; None: not known.

    unknown: what would have been ranked by, had it been known.
    """

    place: int
    quote: Quote
    usd_hour: float | None
    usd_accelerator_hour: float | None
    reason: str
    unknown: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A decision's grounds."""

    ask: Ask
    snapshot: Snapshot


@dataclass(frozen=True, kw_only=True)
class _Judged:
    """counted_usd: what is ranked by. against: what speaks against it; empty if nothing does."""

    quote: Quote
    group: int
    usd: float | None
    counted_usd: float
    against: str
    unknown: tuple[str, ...]


def rank(ask: Ask, snapshot: Snapshot) -> tuple[Offer, ...]:
    """The offers that fit, the best first; empty where none does."""
    judged = sorted((_judge(ask, one, snapshot) for one in _chosen(ask, snapshot.quotes)), key=_order)
    return tuple(
        Offer(
            place=place,
            quote=one.quote,
            usd_hour=one.usd,
            usd_accelerator_hour=None if one.usd is None else one.usd / one.quote.count,
            reason=_reason(ask, one, judged[0]),
            unknown=one.unknown,
        )
        for place, one in enumerate(judged, start=1)
    )


def counts(quotes: Iterable[Quote], accelerator: str) -> list[int]:
    """How many of an accelerator the quoted machines have, ascending."""
    return sorted({one.count for one in quotes if one.accelerator == accelerator})


def from_tables(accelerator: str) -> Snapshot:
    """What the catalogue's dated tables know of an accelerator; nothing is looked up."""
    return Snapshot(
        quotes=tuple(
            Quote(
                cloud=one.cloud,
                region=one.region,
                zone=one.zone,
                instance_type=one.instance_type,
                accelerator=one.accelerator,
                count=one.count,
                on_demand_usd=one.on_demand_usd,
                spot_usd=one.spot_usd,
                vcpus=instance_types()[one.instance_type].vcpus if one.cloud == "aws" else None,
            )
            for one in machine_prices.offered(accelerator)
        ),
        sources=machine_prices.sources(),
    )


def record(ask: Ask, snapshot: Snapshot) -> dict[str, Any]:
    """The grounds of a decision, as JSON has them: what was asked, and the quotes that fit."""
    fitting = tuple(one for one in snapshot.quotes if _fits(ask, one))
    kept = Snapshot(quotes=fitting, sources=snapshot.sources, headroom=snapshot.headroom)
    return asdict(Recorded(ask=ask, snapshot=kept))


def replay(text: str) -> Recorded:
    """What `record` kept, out of its JSON; other keys beside it are ignored.

    Raises:
        ValueError: it is no such JSON; the message names each key that is wrong.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(Recorded).validate_json(text)
    except ValidationError as wrong:
        said = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}".lstrip(": ") for one in wrong.errors()]
        raise ValueError("; ".join(said)) from None


def _fits(ask: Ask, quote: Quote) -> bool:
    return (
        (quote.accelerator, quote.count) == (ask.accelerator, ask.count)
        and (not ask.clouds or quote.cloud in ask.clouds)
        and (not ask.regions or quote.region.startswith(ask.regions))
    )


def _chosen(ask: Ask, quotes: Iterable[Quote]) -> list[Quote]:
    fitting = [one for one in quotes if _fits(ask, one)]
    if ask.market == "spot":
        return fitting
    regional = {
        (one.cloud, one.region, one.instance_type, one.on_demand_usd): replace(one, zone="")
        for one in fitting
    }
    return list(regional.values())


def _judge(ask: Ask, quote: Quote, snapshot: Snapshot) -> _Judged:
    spot = ask.market == "spot"
    usd = (quote.spot_usd if spot else quote.on_demand_usd) or None  # nothing is free: 0 is not known
    score = quote.placement_score if spot else None
    unknown = []
    short, quota_known = _quota(ask, quote, snapshot)
    counted = usd or 0.0
    if spot:
        if not quote.zone and quote.cloud != "gcp":  # Google's zones of a region cost the same
            unknown.append("zone")
        if quote.spot_low_usd is None or quote.spot_high_usd is None:
            unknown.append("spot history")
        else:
            counted = max(counted, (quote.spot_low_usd + quote.spot_high_usd) / 2)
        if score is None:
            unknown.append("placement score")
    if not quota_known:
        unknown.append("quota")
    group, against = _GOOD, ""
    if short:
        group, against = _OVER_QUOTA, short
    elif usd is None:
        group, against = _UNPRICED, "no price known"
    elif score is not None and score <= _UNLIKELY:
        group, against = _SCARCE, f"placement score {score} of 10: not likely to be had"
    if usd is None:
        unknown.insert(0, "price")
    return _Judged(
        quote=quote, group=group, usd=usd, counted_usd=counted, against=against, unknown=tuple(unknown)
    )


def _quota(ask: Ask, quote: Quote, snapshot: Snapshot) -> tuple[str, bool]:
    """What is missing in words, empty if nothing is; and whether that is known."""
    for one in snapshot.headroom:
        if (one.cloud, one.region, one.market) != (quote.cloud, quote.region, ask.market):
            continue
        needed = quote.vcpus if one.unit == "vCPUs" else quote.count
        if needed is None:
            continue
        if needed > one.free:
            return f"quota: needs {needed} {one.unit}, {one.free} are free", True
        return "", True
    return "", False


def _order(one: _Judged) -> tuple[Any, ...]:
    quote = one.quote
    return (
        one.group,
        one.usd is None,
        one.counted_usd,
        -(quote.placement_score or 0),
        quote.cloud,
        quote.region,
        quote.zone,
        quote.instance_type,
    )


def _reason(ask: Ask, one: _Judged, best: _Judged) -> str:
    if one.against:
        return one.against
    if one is best:
        words = ["lowest price"]
    elif one.counted_usd > best.counted_usd:
        more = one.counted_usd / best.counted_usd - 1
        words = [f"+{more:.0%}" if more >= _WHOLE_PERCENT else f"+{more:.1%}"]
    else:
        words = ["the same price"]
    if one.usd is not None and one.counted_usd > one.usd:
        low, high = one.quote.spot_low_usd, one.quote.spot_high_usd
        words.append(f"counted as ${one.counted_usd:.4g}: it moved from ${low:.4g} to ${high:.4g}")
    listed = one.quote.on_demand_usd
    if ask.market == "spot" and one.usd is not None and listed is not None and one.usd >= listed:
        words.append("no cheaper than on demand")
    return "; ".join(words)
