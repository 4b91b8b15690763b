"""Recorded previews of the real engine, and prices that no table changes, for the tests of decisions."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from infra.spend.capacity import ImageState, ZoneLine
from infra.spend.estimate import Line, Priced
from infra.spend.preview import reading
from infra.spend.preview.decision import Found
from infra.spend.preview.reading import Recording
from infra.spend.quota import QuotaLine

DATA = Path(__file__).parent / "data" / "previews"
NOW = datetime(2026, 11, 23, 5, 30, tzinfo=UTC)
# By type and what of it the price hangs on; None: not known.
PRICES: dict[tuple[str, str], float | None] = {
    ("aws:autoscaling/group:Group", "g4dn.xlarge"): 0.2132,
    ("aws:autoscaling/group:Group", "g6.12xlarge"): None,
    ("aws:ebs/volume:Volume", "100"): 0.011,
    ("aws:ebs/volume:Volume", "200"): 0.022,
    ("aws:ec2/natGateway:NatGateway", ""): 0.045,
    ("aws:ec2/instance:Instance", "t3.nano"): 0.0052,
    ("aws:ec2/eip:Eip", ""): 0.005,
    ("aws:s3/bucket:Bucket", ""): 0.0003,
}


def recorded(name: str) -> Recording:
    """A preview of tests/data/previews."""
    file = next(DATA.glob(f"{name}.*"))
    return reading.read(file.read_text())


def lines(resources: Iterable[Priced]) -> list[Line]:
    """In the place of `estimate.lines`."""
    return [line for one in resources for line in _line(one)]


def _line(one: Priced) -> Iterator[Line]:
    machine = one.props.get("mixedInstancesPolicy")
    if machine:
        detail = machine["launchTemplate"]["overrides"][0]["instanceType"]
    else:
        detail = str(one.props.get("instanceType") or one.props.get("size") or "")
    if (one.type, detail) not in PRICES:
        return
    usd = PRICES[one.type, detail]
    what = f"{one.type.rpartition(':')[2]} {detail}".rstrip()
    unit = "$0.045 for each GB through it" if what == "NatGateway" else ""
    source = "https://example.org/prices" if usd is not None else ""
    assumption = "10 GB kept" if what == "Bucket" else ""
    yield Line(
        what=what,
        resource=one.name,
        hourly_usd=usd,
        unit=unit,
        source=source,
        as_of="2026-06",
        assumption=assumption,
    )


def quota(
    *, needed: float, free: float | None, limit: float | None = 64, name: str = "G machines, spot"
) -> QuotaLine:
    """A line of a quota, judged."""
    state: Literal["fits", "short", "unknown"] = "unknown"
    if free is not None:
        state = "fits" if needed <= free else "short"
    return QuotaLine(
        code="L-3819A6DF",
        name=name,
        region="us-east-1",
        unit="vCPUs",
        needed=needed,
        used=0,
        limit=limit,
        free=free,
        state=state,
    )


def zone(name: str, state: Literal["good", "none"] = "good") -> ZoneLine:
    """A zone, judged."""
    return ZoneLine(
        zone=name,
        state=state,
        reason="placement score 9 of 10" if state == "good" else "offers none of the types",
        best="g4dn.xlarge" if state == "good" else "",
        spot_now=0.2102 if state == "good" else None,
        spot_low=0.1788,
        spot_high=0.2231,
        score=9 if state == "good" else None,
    )


IMAGE = ImageState(id="ami-02cc374dc44f22613", there=True, name="debian-13-amd64-20261102")
FINE = Found(
    quota=(quota(needed=4, free=64),), zones=(zone("us-east-1a"), zone("us-east-1b")), images=(IMAGE,)
)
