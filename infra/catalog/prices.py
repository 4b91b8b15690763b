"""What a machine of AWS costs in a region, in US dollars without tax: from dated tables, not a bill.

Spot prices move by the hour; that of a region is the lowest of its zones, when it was recorded. The tables
are `machine_prices` by zone, and for us-east-1 and the regions that cost the same two more: what
`aws_instances.csv` has of accelerators, and `aws_plain_instances.csv` of machines without. Both are AWS's
prices of 2026-07-20, as https://github.com/aws/karpenter-provider-aws carries them (pkg/providers/pricing at
6fc13b523).
"""

import csv
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from infra.catalog import machine_prices
from infra.catalog.accelerators import DATA
from infra.catalog.machine_prices import LISTED, MachinePrice, listed, source_of

HOURS_A_MONTH = 730


@dataclass(frozen=True, kw_only=True)
class Price:
    """An hour of a machine in a region. None: not in the tables. source, as_of: empty where nothing is."""

    instance_type: str
    region: str
    on_demand_usd: float | None
    spot_usd: float | None
    source: str = ""
    as_of: str = ""


@cache
def _by_region() -> dict[tuple[str, str], list[MachinePrice]]:
    rows = defaultdict(list)
    for one in machine_prices.table():
        if one.cloud == "aws":
            rows[one.instance_type, one.region].append(one)
    return rows


@cache
def _plain() -> dict[str, float]:
    with (DATA / "aws_plain_instances.csv").open(newline="") as file:
        return {row["instance_type"]: float(row["on_demand_usd_us_east_1"]) for row in csv.DictReader(file)}


def price(instance_type: str, region: str) -> Price:
    """What the tables know of a machine in a region."""
    rows = _by_region().get((instance_type, region), [])
    on_demand = min((one.on_demand_usd for one in rows if one.on_demand_usd), default=None)
    spot = min((one.spot_usd for one in rows if one.spot_usd), default=None)
    from_table = on_demand is not None
    if on_demand is None:
        on_demand = listed(instance_type, region, _plain().get(instance_type))
    source = source_of("aws") if from_table or spot is not None else LISTED
    known = on_demand is not None or spot is not None
    return Price(
        instance_type=instance_type,
        region=region,
        on_demand_usd=on_demand,
        spot_usd=spot,
        source=source.url if known else "",
        as_of=source.as_of if known else "",
    )


def lowest_spot(names: Iterable[str], region: str) -> Price | None:
    """The machine whose spot price is the lowest; None where no spot price is known."""
    found = [one for one in (price(name, region) for name in names) if one.spot_usd is not None]
    return min(found, key=lambda one: one.spot_usd or 0.0, default=None)
