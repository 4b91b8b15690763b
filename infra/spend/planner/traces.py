"""Spot traces: when a zone had spot machines, and at what price.

The format is that of https://github.com/skypilot-org/spot-traces, a JSON object with `metadata.gap_seconds`,
a list `data` with a number for each gap and, in some files, a list `prices` (dollars an hour). What the
numbers mean has to be known, see `Reading`: two conventions are about.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from math import inf
from typing import Any

from infra.spend.planner.model import NO_TRANSFERS, Offer, Outlook, Transfers


class Reading(Enum):
    """What a number in `data` counts.

    AVAILABLE: machines that could be had. So says the README of the public traces, and so read, their
    availability is what the paper reports of them: 79 % in us-west-2b where it says 70 % to 90 %, above half
    in six zones of nine where it says in 72 % of the cases (sections 6.4 and 7.2 of "Can't Be Late").
    PREEMPTED: 0 where the machine could be had, anything else where it could not. So the simulators derived
    from that paper's read theirs.
    """

    AVAILABLE = "available"
    PREEMPTED = "preempted"

    def to_be_had(self, number: int, machines: int) -> bool:
        """Whether a number of the trace means that this many machines could be had."""
        return number >= machines if self is Reading.AVAILABLE else number == 0


class TraceError(ValueError):
    """A trace that cannot be read, or traces that do not go together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A zone's past: for each gap whether spot was available, and its price in dollars an hour.

    on_demand_usd: dollars an hour, constant. Raises TraceError where the two series differ in length or are
    empty, or a price or gap is not more than zero.
    """

    zone: str
    region: str
    gap_s: int
    available: tuple[bool, ...]
    spot_usd: tuple[float, ...]
    on_demand_usd: float

    def __post_init__(self) -> None:
        if not self.available or len(self.available) != len(self.spot_usd):
            raise TraceError(
                f"{self.zone}: {len(self.available)} data points and {len(self.spot_usd)} prices; "
                "as many of each, and one at least"
            )
        if self.gap_s <= 0 or not all(0 < price < inf for price in (*self.spot_usd, self.on_demand_usd)):
            raise TraceError(f"{self.zone}: gaps and prices are more than zero, such as 300 s and 0.918")

    @property
    def availability(self) -> float:
        """The share of the time that spot was available, 0 to 1."""
        return sum(self.available) / len(self.available)


def parse(
    text: str,
    *,
    zone: str,
    region: str,
    on_demand_usd: float,
    spot_usd: float | None = None,
    reading: Reading = Reading.AVAILABLE,
    machines: int = 1,
) -> Trace:
    """A trace from the public format.

    spot_usd: the price (dollars an hour) where the file has none. machines: how many the job needs at once.
    Raises TraceError where the text is not such a trace or no price is known.
    """
    try:
        content: dict[str, Any] = json.loads(text)
        gap_s = content["metadata"]["gap_seconds"]
        available = tuple(reading.to_be_had(int(number), machines) for number in content["data"])
        prices = content.get("prices")
        recorded = None if prices is None else tuple(float(price) for price in prices)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        example = '{"metadata": {"gap_seconds": 300}, "data": [1, 0]}'
        raise TraceError(f"{zone}: no spot trace, such as {example}: {error!r}") from None
    if recorded is None and spot_usd is None:
        raise TraceError(f"{zone}: the trace has no prices, and no spot price was given")
    if not isinstance(gap_s, int) or isinstance(gap_s, bool):
        raise TraceError(f"{zone}: gap_seconds is {gap_s!r}, not a whole number such as 300")
    return Trace(
        zone=zone,
        region=region,
        gap_s=gap_s,
        available=available,
        spot_usd=recorded if recorded is not None else (spot_usd or 0.0,) * len(available),
        on_demand_usd=on_demand_usd,
    )


def dump(trace: Trace) -> str:
    """The trace in the public format, prices included, as one line of JSON."""
    content = {
        "metadata": {"gap_seconds": trace.gap_s},
        "data": [1 if available else 0 for available in trace.available],
        "prices": list(trace.spot_usd),
    }
    return json.dumps(content, separators=(",", ":")) + "\n"


def outlooks(traces: Sequence[Trace], transfers: Transfers = NO_TRANSFERS) -> tuple[Outlook, ...]:
    """What was known at each step of traces that began together, until the first of them ends.

    Spot at the on-demand price or above counts as not available: whoever sets that as the maximum price is
    interrupted then. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-interruptions.html
    Raises TraceError without traces, with a zone twice, or where the gaps differ.
    """
    gaps = {trace.gap_s for trace in traces}
    if len(gaps) != 1 or len({trace.zone for trace in traces}) != len(traces):
        raise TraceError("one trace at least, each of another zone, all with the same gap_seconds")
    (step_s,) = gaps
    return tuple(
        Outlook(offers=tuple(_offer(trace, step) for trace in traces), step_s=step_s, transfers=transfers)
        for step in range(min(len(trace.available) for trace in traces))
    )


def _offer(trace: Trace, step: int) -> Offer:
    price = trace.spot_usd[step]
    return Offer(
        zone=trace.zone,
        region=trace.region,
        available=trace.available[step] and price < trace.on_demand_usd,
        spot_usd=price,
        on_demand_usd=trace.on_demand_usd,
    )
