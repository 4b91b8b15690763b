"""Made-up spot traces, the same for the same seed.

Each zone is a Markov chain of two states, with spot and without; each region is another one, in order or out:
while a region is out, none of its zones has spot, so that outages within a region go together. The defaults
are after the V100 in nine zones of three AWS regions, 45 days of 2023, in
https://github.com/skypilot-org/spot-traces: spot for 0.7 to 10.4 hours at a time on average, none for 0.8 to
3.6 hours, 17 % to 90 % of the time in all. Prices hardly move: 5 % in a week ("Can't Be Late", section 2.3).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from infra.spend.planner.model import HOUR_S
from infra.spend.planner.traces import Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Climate:
    """What traces are drawn from. Ranges: each zone has a mean of its own within them.

    spot_h, none_h: mean hours with spot and without. outage_every_h, outage_h: of a region, mean hours.
    spot_share: the spot price as a share of the on-demand price; it changes every price_every_h hours on
    average, by price_step at most (a share of itself), and stays within the range.
    """

    spot_h: tuple[float, float] = (0.7, 10.4)
    none_h: tuple[float, float] = (0.8, 3.6)
    outage_every_h: float = 48.0
    outage_h: float = 2.0
    spot_share: tuple[float, float] = (0.25, 0.5)
    price_every_h: float = 24.0
    price_step: float = 0.05


AS_RECORDED = Climate()


def generate(
    zones: Mapping[str, str],
    *,
    hours: float,
    gap_s: int,
    on_demand_usd: float,
    seed: int,
    climate: Climate = AS_RECORDED,
) -> tuple[Trace, ...]:
    """A trace for each zone (zone: region) that began together, with a data point every gap_s seconds."""
    points = round(hours * HOUR_S / gap_s)
    in_order = {
        region: _chain(_chance(seed, region), points, gap_s, (climate.outage_every_h, climate.outage_h))
        for region in set(zones.values())
    }
    traces = []
    for zone, region in zones.items():
        chance = _chance(seed, zone)
        spot_h, none_h = (_between(chance, limits) for limits in (climate.spot_h, climate.none_h))
        own = _chain(chance, points, gap_s, (spot_h, none_h))
        traces.append(
            Trace(
                zone=zone,
                region=region,
                gap_s=gap_s,
                available=tuple(here and there for here, there in zip(own, in_order[region], strict=True)),
                spot_usd=_prices(chance, points, gap_s, on_demand_usd, climate),
                on_demand_usd=on_demand_usd,
            )
        )
    return tuple(traces)


def _chance(seed: int, name: str) -> Random:
    """A source of its own for each name, so that another zone changes nothing for those that were there."""
    return Random(f"{seed}/{name}")  # noqa: S311 - to be repeated, not to be secret


def _between(chance: Random, limits: tuple[float, float]) -> float:
    low, high = limits
    return low + (high - low) * chance.random()


def _chain(chance: Random, points: int, gap_s: int, mean_h: tuple[float, float]) -> tuple[bool, ...]:
    """Up or down at each point: geometric stays of these mean lengths (up, down), at least one gap each."""
    up_h, down_h = mean_h
    leave = {True: gap_s / max(up_h * HOUR_S, gap_s), False: gap_s / max(down_h * HOUR_S, gap_s)}
    up = chance.random() < up_h / (up_h + down_h)
    states = []
    for _ in range(points):
        states.append(up)
        up ^= chance.random() < leave[up]
    return tuple(states)


def _prices(
    chance: Random, points: int, gap_s: int, on_demand_usd: float, climate: Climate
) -> tuple[float, ...]:
    low, high = (share * on_demand_usd for share in climate.spot_share)
    change = gap_s / max(climate.price_every_h * HOUR_S, gap_s)
    price = _between(chance, (low, high))
    prices = []
    for _ in range(points):
        if chance.random() < change:
            factor = 1 + _between(chance, (-climate.price_step, climate.price_step))
            price = min(high, max(low, price * factor))
        prices.append(round(price, 3))
    return tuple(prices)
