"""What AWS answers now, put into a snapshot of the dated tables: for `berth prices --live`."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from infra.catalog.machine_prices import Source
from infra.spend import offers
from infra.spend.capacity import Capacity, Wanted
from infra.spend.offers import Ask, Headroom, Quote, Snapshot
from infra.spend.quotas.aws import vcpus
from scripts.berth import capacity
from scripts.berth.place import Place

REGIONS = 6  # how many are asked, the cheapest of the table; each takes about six questions


def looked_up(place: Place, ask: Ask, table: Snapshot, say: Callable[[str], None]) -> Snapshot:
    """The table with what AWS says of its cheapest regions. say: told what could not be asked."""
    regions = _regions(ask, table)
    wanted = {region: _wanted(ask, table, region) for region in regions}
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda region: capacity.live(place, region, wanted[region]), regions))
    for said in dict.fromkeys(said for one in found for said in one.not_asked):
        say(said)
    answered = [one for one in found if not one.unasked]
    if not answered:
        return table
    return Snapshot(
        quotes=tuple(_quotes(ask, table, answered)),
        sources=(*table.sources, _source(answered)),
        headroom=(*table.headroom, *_headroom(ask, answered)),
    )


def _regions(ask: Ask, table: Snapshot) -> list[str]:
    ranked = offers.rank(ask, table)
    return list(dict.fromkeys(one.quote.region for one in ranked if one.quote.cloud == "aws"))[:REGIONS]


def _wanted(ask: Ask, table: Snapshot, region: str) -> Wanted:
    types = tuple(dict.fromkeys(one.instance_type for one in _of(ask, table, region)))
    least = min((vcpus(name) or 0 for name in types), default=0)
    return Wanted(instance_types=types, spot=ask.market == "spot", vcpus=least)


def _of(ask: Ask, table: Snapshot, region: str) -> Iterable[Quote]:
    for one in table.quotes:
        if (one.cloud, one.region, one.accelerator, one.count) == ("aws", region, ask.accelerator, ask.count):
            yield one


def _quotes(ask: Ask, table: Snapshot, answered: Iterable[Capacity]) -> Iterable[Quote]:
    """The table's, but those of a region that has answered by zone as it answered."""
    by_zone = [one for one in answered if any(zone.offered for zone in one.zones)]
    replaced = {one.region for one in by_zone}
    yield from (one for one in table.quotes if one.cloud != "aws" or one.region not in replaced)
    for one in by_zone:
        listed = {quote.instance_type: quote for quote in _of(ask, table, one.region)}
        for zone in one.zones:
            if zone.offered:
                yield replace(
                    listed[zone.instance_type],
                    zone=zone.zone,
                    spot_usd=zone.spot_now,
                    spot_low_usd=zone.spot_low,
                    spot_high_usd=zone.spot_high,
                    placement_score=zone.score,
                )


def _headroom(ask: Ask, answered: Iterable[Capacity]) -> Iterable[Headroom]:
    for one in answered:
        if one.quota_free is not None:
            yield Headroom(
                cloud="aws", region=one.region, market=ask.market, unit="vCPUs", free=int(one.quota_free)
            )


def _source(answered: list[Capacity]) -> Source:
    return Source(
        cloud="aws",
        url=answered[0].source,
        file="",
        commit="",
        as_of=answered[0].asked_at,
        note=f"looked up in {', '.join(one.region for one in answered)}",
    )
