"""Prices in US dollars, without tax: a dated table for warnings and statements, not a bill.

Spot prices move by the hour. `data/aws_spot.csv` has, for a region, the lowest of its zones, as recorded in
mid-2026 by https://github.com/skypilot-org/skypilot-catalog (catalogs/v9/aws/vms.csv at 2c3d7ea).
Network prices are those of us-east-1 in June 2026, https://aws.amazon.com/vpc/pricing/ and
https://aws.amazon.com/privatelink/pricing/; other regions ask up to twice as much.
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from infra.catalog.accelerators import DATA, instance_types

SPOT_AS_OF = "mid-2026"
HOURS_A_MONTH = 730
NAT_GATEWAY_HOUR = 0.045
NAT_GATEWAY_GB = 0.045
INTERFACE_ENDPOINT_HOUR = 0.01
PUBLIC_ADDRESS_HOUR = 0.005
# The regions whose on-demand prices are those of us-east-1. https://aws.amazon.com/ec2/pricing/on-demand/
_LIKE_US_EAST_1 = {"us-east-1", "us-east-2", "us-west-2"}


@dataclass(frozen=True, kw_only=True)
class Price:
    """An hour of a machine in a region. None: not in the table."""

    instance_type: str
    region: str
    on_demand_usd: float | None
    spot_usd: float | None


@cache
def _table() -> dict[tuple[str, str], Price]:
    with (DATA / "aws_spot.csv").open(newline="") as file:
        return {
            (row["instance_type"], row["region"]): Price(
                instance_type=row["instance_type"],
                region=row["region"],
                on_demand_usd=float(row["on_demand_usd"]),
                spot_usd=float(row["spot_usd"]),
            )
            for row in csv.DictReader(file)
        }


def price(instance_type: str, region: str) -> Price:
    """What the tables know of a machine in a region."""
    known = _table().get((instance_type, region))
    if known:
        return known
    machine = instance_types().get(instance_type)
    listed = machine.on_demand_usd if machine and region in _LIKE_US_EAST_1 else None
    return Price(instance_type=instance_type, region=region, on_demand_usd=listed, spot_usd=None)


def lowest_spot(names: Iterable[str], region: str) -> Price | None:
    """The machine whose spot price is the lowest; None where no spot price is known."""
    found = [one for one in (price(name, region) for name in names) if one.spot_usd is not None]
    return min(found, key=lambda one: one.spot_usd or 0.0, default=None)
