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


# The regions whose on-demand prices are those of us-east-1. https://aws.amazon.com/ec2/pricing/on-demand/
_LIKE_US_EAST_1 = {"us-east-1", "us-east-2", "us-west-2"}
# What is known on AWS of machines and regions that the table lacks.
LISTED = Source(
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
    return (*(Source(**one) for one in found["sources"]), LISTED)


def offered(accelerator: str) -> tuple[MachinePrice, ...]:
    """The machines with an accelerator wherever they are offered, with the prices that are known.

    On AWS, a machine and region that the table lacks has an empty zone, and its listed price if it has one.
    """
    rows = [one for one in table() if one.accelerator == accelerator]
    priced = {(one.instance_type, one.region) for one in rows if one.cloud == "aws"}
    for machine in instance_types().values():
        if machine.accelerator != accelerator:
            continue
        known = {region for name, region in priced if name == machine.name}
        rows.extend(
            MachinePrice(
                cloud="aws",
                instance_type=machine.name,
                accelerator=accelerator,
                count=machine.count,
                region=region,
                zone="",
                on_demand_usd=listed(machine.name, region),
                spot_usd=None,
            )
            for region in sorted(machine.regions - known)
        )
    return tuple(rows)


def listed(instance_type: str, region: str, usd: float | None = None) -> float | None:
    """What a machine of AWS costs on demand in the regions that cost the same. usd: of one without a GPU."""
    machine = instance_types().get(instance_type)
    known = machine.on_demand_usd if machine else usd
    return known if region in _LIKE_US_EAST_1 else None


def source_of(cloud: str) -> Source:
    """Where the table has a cloud's prices from."""
    return next(one for one in sources() if one.cloud == cloud)


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
