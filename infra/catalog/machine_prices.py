"""What machines with accelerators cost by zone on AWS and Google Cloud: US dollars an hour, without tax.

`data/machine_prices.csv` is made by `python -m scripts.prices`, and `data/machine_prices.json` says from what
and of which date. A zone of AWS is its id, which is the same for every account (use1-az1), and local zones
are left out; on Google Cloud a region's zones cost the same, so that a row is a region. An empty zone is the
cheapest of the region. What is not known is None, never 0.

Google attaches a T4 or a V100 to an N1 machine of any size, so that there is no one price of them here; and
its V100 has 16 GiB, not the catalogue's 32.
"""

import csv
import json
from dataclasses import dataclass
from functools import cache

from infra.catalog import prices
from infra.catalog.accelerators import DATA, instance_types

CLOUDS = {"aws": "AWS", "gcp": "Google Cloud"}
COLUMNS = (
    "cloud",
    "instance_type",
    "accelerator",
    "accelerators",
    "region",
    "zone",
    "on_demand_usd",
    "spot_usd",
)


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where prices are from. as_of: a date, or as near to one as is known. note: what it has, or lacks."""

    cloud: str
    url: str
    file: str
    commit: str
    as_of: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class MachinePrice:
    """An hour of a machine. zone: empty where it is the cheapest of the region. None: not known."""

    cloud: str
    instance_type: str
    accelerator: str
    count: int
    region: str
    zone: str
    on_demand_usd: float | None
    spot_usd: float | None


# What `prices` adds on AWS for machines and regions that the table lacks.
_LISTED = Source(
    cloud="aws",
    url="https://github.com/aws/karpenter-provider-aws",
    file="pkg/providers/pricing/zz_generated.pricing_aws.go",
    commit="",
    as_of="2026-07-20",
    note="on demand in us-east-1, us-east-2 and us-west-2, for machines that the first table lacks",
)


@cache
def table() -> tuple[MachinePrice, ...]:
    """Every row of the table."""
    with (DATA / "machine_prices.csv").open(newline="") as file:
        return tuple(_price(row) for row in csv.DictReader(file))


@cache
def sources() -> tuple[Source, ...]:
    """Where the prices are from."""
    found = json.loads((DATA / "machine_prices.json").read_text())
    return (*(Source(**one) for one in found["sources"]), _LISTED)


def offered(accelerator: str) -> tuple[MachinePrice, ...]:
    """The machines with an accelerator wherever they are offered, with the prices that are known.

    On AWS, a machine and region that the table lacks has an empty zone and what `prices` knows of it.
    """
    rows = [one for one in table() if one.accelerator == accelerator]
    priced = {(one.instance_type, one.region) for one in rows if one.cloud == "aws"}
    for machine in instance_types().values():
        if machine.accelerator != accelerator:
            continue
        for region in sorted(machine.regions - {region for name, region in priced if name == machine.name}):
            known = prices.price(machine.name, region)
            rows.append(
                MachinePrice(
                    cloud="aws",
                    instance_type=machine.name,
                    accelerator=accelerator,
                    count=machine.count,
                    region=region,
                    zone="",
                    on_demand_usd=known.on_demand_usd,
                    spot_usd=known.spot_usd,
                )
            )
    return tuple(rows)


def _price(row: dict[str, str]) -> MachinePrice:
    return MachinePrice(
        cloud=row["cloud"],
        instance_type=row["instance_type"],
        accelerator=row["accelerator"],
        count=int(row["accelerators"]),
        region=row["region"],
        zone=row["zone"],
        on_demand_usd=float(row["on_demand_usd"]) if row["on_demand_usd"] else None,
        spot_usd=float(row["spot_usd"]) if row["spot_usd"] else None,
    )
