"""Accelerators by name, and the AWS machines that carry them.

The table `data/aws_instances.csv` joins EC2's DescribeInstanceTypes and DescribeInstanceTypeOfferings, as
moto 5.2.5 carries them, with AWS's on-demand prices of 2026-07-20 in us-east-1, as
https://github.com/aws/karpenter-provider-aws carries them (pkg/providers/pricing). Which zones offer a type
differs between accounts, so zones are not in it. Bare metal and fractions of a GPU are left out. p3.2xlarge
to p3.16xlarge are priced still, but no region offers them.
"""

import csv
import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

DATA = Path(__file__).parent / "data"
# A candidate may cost this many times what the cheapest one does: a wider choice is interrupted less often,
# and price-capacity-optimized pays more only where the cheap ones are scarce.
_DEAREST = 3.0


@dataclass(frozen=True, kw_only=True)
class Accelerator:
    """A GPU model. capability: CUDA compute capability. memory_gib: of one."""

    name: str
    architecture: str
    capability: tuple[int, int]
    memory_gib: int


@dataclass(frozen=True, kw_only=True)
class InstanceType:
    """A machine of AWS. on_demand_usd: an hour in us-east-1; None where it has no public price there."""

    name: str
    accelerator: str
    count: int
    vcpus: int
    memory_gib: int
    architecture: str
    local_nvme_gb: int
    on_demand_usd: float | None
    regions: frozenset[str]


# https://developer.nvidia.com/cuda-gpus
ACCELERATORS = {
    one.name: one
    for one in (
        Accelerator(name="T4", architecture="turing", capability=(7, 5), memory_gib=16),
        Accelerator(name="V100", architecture="volta", capability=(7, 0), memory_gib=32),
        Accelerator(name="A10G", architecture="ampere", capability=(8, 6), memory_gib=24),
        Accelerator(name="A100", architecture="ampere", capability=(8, 0), memory_gib=40),
        Accelerator(name="A100-80GB", architecture="ampere", capability=(8, 0), memory_gib=80),
        Accelerator(name="L4", architecture="ada", capability=(8, 9), memory_gib=24),
        Accelerator(name="L40S", architecture="ada", capability=(8, 9), memory_gib=48),
        Accelerator(name="H100", architecture="hopper", capability=(9, 0), memory_gib=80),
        Accelerator(name="H200", architecture="hopper", capability=(9, 0), memory_gib=141),
        Accelerator(name="B200", architecture="blackwell", capability=(10, 0), memory_gib=179),
        Accelerator(name="RTX-PRO-6000", architecture="blackwell", capability=(12, 0), memory_gib=96),
    )
}


@cache
def instance_types() -> dict[str, InstanceType]:
    """Every machine of the table by its name."""
    with (DATA / "aws_instances.csv").open(newline="") as file:
        return {row["instance_type"]: _instance_type(row) for row in csv.DictReader(file)}


def regions() -> frozenset[str]:
    """The regions that offer any of the machines."""
    return frozenset().union(*(one.regions for one in instance_types().values()))


def counts(accelerator: str, region: str = "") -> list[int]:
    """How many of an accelerator a machine may have, ascending; in a region, or anywhere."""
    return sorted({one.count for one in _carrying(accelerator, region)})


def regions_with(accelerator: str, count: int) -> list[str]:
    """The regions that offer a machine with exactly so many of an accelerator."""
    return sorted({region for one in _carrying(accelerator) if one.count == count for region in one.regions})


def candidates(accelerator: str, count: int, region: str) -> tuple[InstanceType, ...]:
    """The machines to try for so many of an accelerator, the cheapest first; empty where there are none.

    Those that cost more than three times what the cheapest does are left out.
    """
    fitting = [one for one in _carrying(accelerator, region) if one.count == count]
    fitting.sort(key=lambda one: (one.on_demand_usd is None, one.on_demand_usd or 0.0, one.name))
    cheapest = next((one.on_demand_usd for one in fitting if one.on_demand_usd), None)
    if cheapest is None:
        return tuple(fitting)
    return tuple(one for one in fitting if (one.on_demand_usd or 0.0) <= _DEAREST * cheapest)


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Up to three known names that resemble one, the most similar first; case and separators do not count."""
    plain = {_plain(one): one for one in known}
    close = difflib.get_close_matches(_plain(name), plain, n=3, cutoff=0.5)
    containing = [key for key in plain if key not in close and _plain(name) and _plain(name) in key]
    return [plain[key] for key in [*close, *containing][:3]]


def _plain(name: str) -> str:
    """As people write it: NVIDIA A10G, nvidia-tesla-t4, a10g are one name each."""
    lowered = name.lower().replace("nvidia", "").replace("tesla", "")
    return "".join(character for character in lowered if character.isalnum())


def _carrying(accelerator: str, region: str = "") -> list[InstanceType]:
    return [
        one
        for one in instance_types().values()
        if one.accelerator == accelerator and (not region or region in one.regions)
    ]


def _instance_type(row: dict[str, str]) -> InstanceType:
    price = row["on_demand_usd_us_east_1"]
    return InstanceType(
        name=row["instance_type"],
        accelerator=row["accelerator"],
        count=int(row["accelerators"]),
        vcpus=int(row["vcpus"]),
        memory_gib=int(row["memory_gib"]),
        architecture=row["architecture"],
        local_nvme_gb=int(row["local_nvme_gb"]),
        on_demand_usd=float(price) if price else None,
        regions=frozenset(row["regions"].split()),
    )
