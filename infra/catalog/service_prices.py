"""What is paid for beside the machines: disks, control planes, load balancers, addresses, NAT, egress.

US dollars without tax, in the region that stands beside each; other regions ask up to twice as much.
`data/service_prices.csv` has for each the unit, the page that it was read from, and the date that the page
gives, which is empty where it gives none. An empty price was not found on any page: it is not known, and is
not 0.
"""

import csv
from dataclasses import dataclass
from functools import cache

from infra.catalog.accelerators import DATA


@dataclass(frozen=True, kw_only=True)
class ServicePrice:
    """usd: for one unit, such as an hour or a GB in a month (730 hours); None where it is not known."""

    cloud: str
    item: str
    unit: str
    region: str
    usd: float | None
    as_of: str
    source: str


@cache
def table() -> dict[tuple[str, str], ServicePrice]:
    """Every price by its cloud and item."""
    with (DATA / "service_prices.csv").open(newline="") as file:
        return {(row["cloud"], row["item"]): _price(row) for row in csv.DictReader(file)}


def price(cloud: str, item: str) -> ServicePrice:
    """The price of an item, such as ("aws", "nat-gateway"). Raises KeyError for one not in the table."""
    return table()[cloud, item]


def _price(row: dict[str, str]) -> ServicePrice:
    return ServicePrice(
        cloud=row["cloud"],
        item=row["item"],
        unit=row["unit"],
        region=row["region"],
        usd=float(row["usd"]) if row["usd"] else None,
        as_of=row["as_of"],
        source=row["source"],
    )
