"""What a machine of Google Cloud costs in a region: US dollars an hour, without tax.

Machines with accelerators are in `machine_prices`; `data/gcp_plain_instances.csv` has the small machines
without, from the same table of Google's own prices (its commit and date are those of `machine_prices`).
"""

import csv
from dataclasses import dataclass
from functools import cache

from infra.catalog import machine_prices
from infra.catalog.accelerators import DATA


@dataclass(frozen=True, kw_only=True)
class GcpPrice:
    """None: not in the tables. carries: whether the machine has its accelerators built in."""

    on_demand_usd: float | None = None
    spot_usd: float | None = None
    carries: bool = False
    source: str = ""
    as_of: str = ""


@cache
def _table() -> dict[tuple[str, str], tuple[float | None, float | None, bool]]:
    with (DATA / "gcp_plain_instances.csv").open(newline="") as file:
        plain = {
            (row["instance_type"], row["region"]): (_usd(row["on_demand_usd"]), _usd(row["spot_usd"]), False)
            for row in csv.DictReader(file)
        }
    return plain | {
        (one.instance_type, one.region): (one.on_demand_usd, one.spot_usd, True)
        for one in machine_prices.table()
        if one.cloud == "gcp"
    }


def price(machine: str, region: str) -> GcpPrice:
    """What the tables know of a machine in a region."""
    found = _table().get((machine, region))
    if found is None:
        return GcpPrice()
    source = machine_prices.source_of("gcp")
    return GcpPrice(
        on_demand_usd=found[0],
        spot_usd=found[1],
        carries=found[2],
        source=source.url,
        as_of=source.as_of,
    )


def _usd(text: str) -> float | None:
    return float(text) if text else None
