"""Rows of the price table out of others' tables; pure.

AWS: `catalogs/v9/aws/vms.csv` of skypilot-catalog, which has on-demand and spot prices by zone id. Its Google
Cloud prices are not taken: its on-demand column has other rates too (an H100 at $4.42 an hour in one region
and $10.34 in the next), and nothing tells which is which.
Google Cloud: `pkg/providers/pricing/initial-prices.json` of karpenter-provider-gcp, which is made weekly from
Google's own price catalogue and has whole machines by region.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from infra.catalog.accelerators import instance_types
from infra.catalog.machine_prices import MachinePrice

# A zone of a region, not a local zone (usw2-lax1-az1).
_ZONE = re.compile(r"[a-z]+\d-az\d")
# https://docs.cloud.google.com/compute/docs/accelerator-optimized-machines
_GOOGLE = (
    (re.compile(r"a2-highgpu-(\d+)g|a2-megagpu-(16)g"), "A100"),
    (re.compile(r"a2-ultragpu-(\d+)g"), "A100-80GB"),
    (re.compile(r"a3-(?:highgpu|megagpu|edgegpu)-(\d+)g"), "H100"),
    (re.compile(r"a3-ultragpu-(\d+)g"), "H200"),
    (re.compile(r"a4-highgpu-(\d+)g"), "B200"),
)
# Machines named by their vCPUs; those with less than a whole accelerator are not here.
_GOOGLE_BY_VCPUS = {
    "g2-standard": ("L4", {4: 1, 8: 1, 12: 1, 16: 1, 32: 1, 24: 2, 48: 4, 96: 8}),
    "g4-standard": ("RTX-PRO-6000", {48: 1, 96: 2, 192: 4, 384: 8}),
}


def aws(table: Iterable[Mapping[str, str]]) -> list[MachinePrice]:
    """The machines that the catalogue knows, by zone. table: rows of vms.csv."""
    rows = []
    for row in table:
        machine = instance_types().get(row["InstanceType"])
        if machine is None or not _ZONE.fullmatch(row["AvailabilityZone"]):
            continue
        rows.append(
            MachinePrice(
                cloud="aws",
                instance_type=machine.name,
                accelerator=machine.accelerator,
                count=machine.count,
                region=row["Region"],
                zone=row["AvailabilityZone"],
                on_demand_usd=_usd(row["Price"]),
                spot_usd=_usd(row["SpotPrice"]),
            )
        )
    return rows


def google(prices: Mapping[str, Mapping[str, Mapping[str, float]]]) -> list[MachinePrice]:
    """The machines with accelerators that the catalogue knows, by region. prices: region, market, machine."""
    rows = []
    for region, markets in prices.items():
        on_demand, spot = markets.get("on_demand", {}), markets.get("spot", {})
        for name in {*on_demand, *spot}:
            carried = carries(name)
            if carried is None:
                continue
            accelerator, count = carried
            rows.append(
                MachinePrice(
                    cloud="gcp",
                    instance_type=name,
                    accelerator=accelerator,
                    count=count,
                    region=region,
                    zone="",
                    on_demand_usd=_usd(on_demand.get(name)),
                    spot_usd=_usd(spot.get(name)),
                )
            )
    return rows


def carries(machine: str) -> tuple[str, int] | None:
    """The accelerator of Google's machine type, and how many; None where it has none of the catalogue."""
    for pattern, accelerator in _GOOGLE:
        found = pattern.fullmatch(machine)
        if found:
            return accelerator, int(next(group for group in found.groups() if group))
    family, _, vcpus = machine.rpartition("-")
    accelerator, counts = _GOOGLE_BY_VCPUS.get(family, ("", {}))
    count = counts.get(int(vcpus)) if vcpus.isdecimal() else None
    return (accelerator, count) if count else None


def ordered(rows: Iterable[MachinePrice]) -> list[MachinePrice]:
    """As the table has them; rows without any price, which say nothing, are left out."""
    known = [one for one in rows if one.on_demand_usd is not None or one.spot_usd is not None]
    return sorted(
        known,
        key=lambda one: (one.cloud, one.accelerator, one.count, one.instance_type, one.region, one.zone),
    )


def cells(row: MachinePrice) -> tuple[Any, ...]:
    """A line of the CSV; prices to the hundredth of a cent, as they are billed."""
    return (
        row.cloud,
        row.instance_type,
        row.accelerator,
        row.count,
        row.region,
        row.zone,
        _cell(row.on_demand_usd),
        _cell(row.spot_usd),
    )


def _usd(price: str | float | None) -> float | None:
    """0 and nothing are both said of a price that is not known."""
    return float(price) or None if price not in {"", None} else None


def _cell(usd: float | None) -> str:
    return "" if usd is None else f"{usd:.4f}".rstrip("0").rstrip(".")
