"""What EBS volumes cost: storage, and for gp3 what goes beyond 3,000 IOPS and 125 MB/s.

https://aws.amazon.com/ebs/pricing/
"""

from collections.abc import Mapping, Sequence
from typing import Any

from infra.catalog import service_prices
from infra.spend.estimates.lines import HOURS_A_MONTH, Line, Priced, number, service, text

_FREE_IOPS = 3000
_FREE_THROUGHPUT = 125


def disk_line(
    one: Priced,
    what: str,
    disks: Sequence[Mapping[str, Any]],
    *,
    size: str = "volumeSize",
    kind: str = "volumeType",
    times: int = 1,
    assumption: str = "",
) -> Line:
    """The disks of a resource together. size, kind: the names of the properties. times: how many of each."""
    hours = [_hourly(disk, size=size, kind=kind) for disk in disks]
    sizes = [number(disk, size) for disk in disks]
    known = [hour for hour in hours if hour is not None]
    gib = sum(one or 0.0 for one in sizes)
    line = service(one, "", ("aws", "ebs-gp3-storage"))
    detail = f"{gib:g} GiB" if None not in sizes else "of unknown size"
    kinds = "+".join(sorted({text(disk, kind) or "gp3" for disk in disks}))
    many = f"{times} x " if times != 1 else ""
    return Line(
        what=f"{what} ({many}{detail} {kinds})",
        resource=one.name,
        hourly_usd=sum(known) * times if len(known) == len(hours) else None,
        source=line.source,
        as_of=line.as_of,
        assumption="; ".join(filter(None, (assumption, line.assumption))),
    )


def _hourly(disk: Mapping[str, Any], *, size: str, kind: str) -> float | None:
    storage = service_prices.table().get(("aws", f"ebs-{text(disk, kind) or 'gp3'}-storage"))
    gib = number(disk, size)
    if storage is None or storage.usd is None or gib is None:
        return None
    month = gib * storage.usd
    if (text(disk, kind) or "gp3") == "gp3":
        month += _over(disk, "iops", _FREE_IOPS, "ebs-gp3-iops-over-3000")
        month += _over(disk, "throughput", _FREE_THROUGHPUT, "ebs-gp3-throughput-over-125")
    return month / HOURS_A_MONTH


def _over(disk: Mapping[str, Any], key: str, free: int, item: str) -> float:
    usd = service_prices.price("aws", item).usd or 0.0
    return max((number(disk, key) or 0.0) - free, 0.0) * usd
