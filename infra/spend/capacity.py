"""Whether machines can be had: zones that offer a type, spot prices, placement scores, images. Pure.

A `Capacity` is what was looked up, is kept as JSON, and can be judged again later. What could not be asked is
None and never counts as an answer.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

# AWS scores spot capacity from 1 (not at all likely) to 10. Where unlikely ends is this project's choice.
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/how-sps-works.html
UNLIKELY = 3
State = Literal["good", "poor", "none", "unknown"]


@dataclass(frozen=True, kw_only=True)
class ZoneCapacity:
    """A type in a zone. offered: None where it could not be asked.

    spot_*: US dollars an hour, now, and the least and most of the last 7 days. score: 1 to 10, of the
    zone for all the types together.
    """

    zone: str
    instance_type: str
    offered: bool | None = None
    spot_now: float | None = None
    spot_low: float | None = None
    spot_high: float | None = None
    score: int | None = None


@dataclass(frozen=True, kw_only=True)
class ImageState:
    """Whether an image can still be started; None where it could not be asked."""

    id: str
    there: bool | None
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """A look-up. asked_at: ISO 8601, UTC. not_asked: what could not be asked, with the reason.

    quota_free: vCPUs that the account's quota still allows for these machines; None where it is not known.
    """

    zones: tuple[ZoneCapacity, ...] = ()
    images: tuple[ImageState, ...] = ()
    region: str = ""
    asked_at: str = ""
    source: str = ""
    not_asked: tuple[str, ...] = ()
    quota_free: float | None = None

    @property
    def unasked(self) -> bool:
        """Whether nothing is known of any zone."""
        return all(one.offered is None and one.spot_now is None for one in self.zones)


@dataclass(frozen=True, kw_only=True)
class ZoneLine:
    """A zone judged. best: the type that costs least there; spot prices are its. offers: types had there."""

    zone: str
    state: State
    reason: str
    best: str = ""
    offers: tuple[str, ...] = ()
    spot_now: float | None = None
    spot_low: float | None = None
    spot_high: float | None = None
    score: int | None = None


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Where to run. why: a sentence a decision."""

    region: str
    zones: tuple[str, ...]
    instance_types: tuple[str, ...]
    why: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is looked for: types in order of preference.

    most_usd: the highest spot price that is paid. vcpus: of the smallest of the types, which a quota counts.
    """

    instance_types: tuple[str, ...]
    spot: bool = True
    most_usd: float | None = None
    zones: tuple[str, ...] = ()
    vcpus: int = 0


def judge(capacity: Capacity, wanted: Wanted) -> list[ZoneLine]:
    """A line a zone, the best first; zones that are wanted and not in the look-up are unknown."""
    asked = {one.zone for one in capacity.zones}
    zones = [_zone(zone, _of(capacity, zone, wanted), wanted) for zone in sorted(asked | set(wanted.zones))]
    return sorted(zones, key=_order)


def missing(capacity: Capacity) -> list[str]:
    """Images that are gone, in a sentence each."""
    return [
        f"the image {one.id}{f' ({one.name})' if one.name else ''} is gone: pin another one"
        for one in capacity.images
        if one.there is False
    ]


def choose(lookups: Iterable[Capacity], wanted: Wanted, *, zones: int) -> Choice | None:
    """The region, zones and types to have. zones: how many at least; None where nothing is known to be had.

    Regions whose quota is short come last; the others are compared by their best zones: how many there are,
    how many are good, then their average price.
    """
    found = []
    for one in lookups:
        lines = [each for each in judge(one, replace(wanted, zones=())) if each.state in {"good", "poor"}]
        if lines:
            best = lines[: max(zones, 1)]
            good = sum(each.state == "good" for each in best)
            priced = [each.spot_now for each in best if each.spot_now is not None]
            usd = sum(priced) / len(priced) if priced else None
            order = (short(one, wanted), len(best) < zones, -good, usd is None, usd or 0.0, one.region)
            found.append((order, one, best))
    if not found:
        return None
    _, capacity, best = min(found, key=lambda each: each[0])
    offered = {name for line in best for name in line.offers}
    types = tuple(name for name in wanted.instance_types if name in offered)
    return Choice(
        region=capacity.region,
        zones=tuple(sorted(line.zone for line in best)),
        instance_types=types,
        why=tuple(_why(capacity, best, wanted, offered)),
    )


def short(capacity: Capacity, wanted: Wanted) -> bool:
    """Whether the quota is known and does not allow the smallest machine."""
    return capacity.quota_free is not None and capacity.quota_free < wanted.vcpus


def record(wanted: Wanted, lookups: Sequence[Capacity]) -> dict[str, Any]:
    """A decision's grounds, as JSON has them."""
    return {"wanted": asdict(wanted), "lookups": [asdict(one) for one in lookups]}


def replay(text: str) -> tuple[Wanted, list[Capacity]]:
    """What `record` kept, out of its JSON.

    Raises:
        ValueError: it is no such JSON; the message names each key that is wrong.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        kept = TypeAdapter(_Recorded).validate_json(text)
    except ValidationError as wrong:
        said = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}".lstrip(": ") for one in wrong.errors()]
        raise ValueError("; ".join(said)) from None
    return kept.wanted, list(kept.lookups)


@dataclass(frozen=True, kw_only=True)
class _Recorded:
    wanted: Wanted
    lookups: tuple[Capacity, ...]


def _of(capacity: Capacity, zone: str, wanted: Wanted) -> list[ZoneCapacity]:
    return [
        one
        for one in capacity.zones
        if one.zone == zone and (not wanted.instance_types or one.instance_type in wanted.instance_types)
    ]


def _zone(zone: str, there: Sequence[ZoneCapacity], wanted: Wanted) -> ZoneLine:
    offered = [one for one in there if one.offered]
    if not offered:
        if there and all(one.offered is False for one in there):
            return ZoneLine(zone=zone, state="none", reason="offers none of the types")
        return ZoneLine(zone=zone, state="unknown", reason="not known what it offers")
    priced = [one for one in offered if one.spot_now is not None]
    best = min(priced, key=lambda one: one.spot_now or 0.0) if priced else offered[0]
    score = max((one.score for one in offered if one.score is not None), default=None)
    state, reason = _verdict(best, score, wanted)
    return ZoneLine(
        zone=zone,
        state=state,
        reason=reason,
        best=best.instance_type,
        offers=tuple(one.instance_type for one in offered),
        spot_now=best.spot_now,
        spot_low=best.spot_low,
        spot_high=best.spot_high,
        score=score,
    )


def _verdict(best: ZoneCapacity, score: int | None, wanted: Wanted) -> tuple[State, str]:
    if not wanted.spot:
        return "good", "offers the type; on-demand capacity is not published"
    most = wanted.most_usd if wanted.most_usd is not None else float("inf")
    said: tuple[State, str] = "good", "offers the type; placement score not known"
    if (best.spot_now or 0.0) > most:
        said = "none", f"the lowest spot price is above max_price {most:g}"
    elif score is not None and score <= UNLIKELY:
        said = "poor", f"placement score {score} of 10: spot capacity is not likely"
    elif (best.spot_high or 0.0) > most:
        said = "poor", f"the spot price was above max_price {most:g} in the last 7 days"
    elif score is not None:
        said = "good", f"placement score {score} of 10"
    elif best.spot_now is None:
        said = "unknown", "offers the type; its spot price and placement score are not known"
    return said


def _order(line: ZoneLine) -> tuple[Any, ...]:
    rank = {"good": 0, "poor": 1, "unknown": 2, "none": 3}[line.state]
    return (rank, line.spot_now is None, line.spot_now or 0.0, -(line.score or 0), line.zone)


def _why(capacity: Capacity, best: Sequence[ZoneLine], wanted: Wanted, offered: set[str]) -> Iterable[str]:
    zones = "1 zone has" if len(best) == 1 else f"{len(best)} zones have"
    yield f"{capacity.region}: {zones} what is wanted"
    if capacity.quota_free is None:
        yield "the quota is not known"
    elif short(capacity, wanted):
        yield f"the quota is short: {wanted.vcpus} vCPUs are needed, {capacity.quota_free:g} are free"
    for line in best:
        cost = f"; {line.best} ${line.spot_now:.4g} as spot" if line.spot_now and wanted.spot else ""
        yield f"{line.zone}: {line.reason}{cost}"
    gone = [name for name in wanted.instance_types if name not in offered]
    if gone:
        yield f"left out, for none of these zones offers them: {', '.join(gone)}"
