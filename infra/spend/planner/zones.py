"""The zones that a job may run in, out of quotes (`infra.spend.offers`), each at its cheapest. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from infra.catalog import prices
from infra.catalog.accelerators import instance_types
from infra.spend.capacity import Capacity
from infra.spend.offers import Quote
from infra.spend.planner.model import Offer


@dataclass(frozen=True, kw_only=True)
class Zone:
    """A zone, and the machines that its two prices are of. spot_type: empty where it has no spot price."""

    offer: Offer
    spot_type: str
    on_demand_type: str


def zones(quotes: Iterable[Quote]) -> tuple[tuple[Zone, ...], tuple[str, ...]]:
    """The zones, the cheapest first, and the names of those that are left out.

    What has a price is taken to be available. A zone without a spot price has no spot; one of a region
    without an on-demand price cannot promise a deadline and is left out. A quote without a zone stands for
    its region, under that name, where no zone of the region is known.
    """
    listed = list(quotes)
    with_zones = {one.region for one in listed if one.zone}
    places = {(one.zone, one.region) for one in listed if one.zone or one.region not in with_zones}
    found, left_out = [], []
    for zone, region in sorted(places):
        name = zone or region
        around = [one for one in listed if one.region == region]
        spot = _cheapest((one.spot_usd, one.instance_type) for one in around if one.zone == zone)
        on_demand = _cheapest((one.on_demand_usd, one.instance_type) for one in around)
        if on_demand is None:
            left_out.append(name)
            continue
        found.append(
            Zone(
                offer=Offer(
                    zone=name,
                    region=region,
                    available=spot is not None and spot[0] < on_demand[0],
                    spot_usd=(spot or on_demand)[0],
                    on_demand_usd=on_demand[0],
                ),
                spot_type=spot[1] if spot else "",
                on_demand_type=on_demand[1],
            )
        )
    found.sort(key=lambda one: (not one.offer.available, one.offer.spot_usd, one.offer.zone))
    return tuple(found), tuple(left_out)


def quotes(lookups: Iterable[Capacity]) -> tuple[Quote, ...]:
    """What was looked up of AWS's zones (`berth capacity`), as quotes; on-demand prices are the tables'.

    Machines that a zone does not offer, or that have no accelerator, are left out.
    """
    known = instance_types()
    return tuple(
        Quote(
            cloud="aws",
            region=lookup.region,
            zone=one.zone,
            instance_type=one.instance_type,
            accelerator=known[one.instance_type].accelerator,
            count=known[one.instance_type].count,
            on_demand_usd=prices.price(one.instance_type, lookup.region).on_demand_usd,
            spot_usd=one.spot_now,
            vcpus=known[one.instance_type].vcpus,
            spot_low_usd=one.spot_low,
            spot_high_usd=one.spot_high,
            placement_score=one.score,
        )
        for lookup in lookups
        for one in lookup.zones
        if one.offered is not False and one.instance_type in known
    )


def _cheapest(prices: Iterable[tuple[float | None, str]]) -> tuple[float, str] | None:
    return min(((usd, name) for usd, name in prices if usd), default=None)
