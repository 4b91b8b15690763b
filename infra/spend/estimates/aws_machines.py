"""What AWS's machines cost, and their disks.

Where a group may start one of several types, the cheapest is counted and the range is said. A spot price
counts for no more than the highest that is paid.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from infra.catalog import prices
from infra.catalog.accelerators import instance_types
from infra.spend.estimates import aws_fleet
from infra.spend.estimates.aws_disks import disk_line
from infra.spend.estimates.aws_fleet import Fleet
from infra.spend.estimates.lines import Context, Line, Priced, block, blocks, money, service, text, true

_ASSOCIATION = "aws:ec2/eipAssociation:EipAssociation"


def instance(one: Priced, around: Context) -> Iterator[Line]:
    """An instance, its disks, and its public address."""
    yield _machines(one, aws_fleet.instance(one, around))
    yield from _disks(one, [*blocks(one.props, "rootBlockDevice"), *blocks(one.props, "ebsBlockDevices")], 1)
    if true(one.props, "associatePublicIpAddress") and not _has_elastic_address(one, around):
        yield service(one, "public address", ("aws", "public-address"))


def _has_elastic_address(one: Priced, around: Context) -> bool:
    """An Elastic IP takes the place of the machine's own address, and is priced itself."""
    own = text(one.props, "id")
    associated = [
        text(each.props, "instanceId") for each in around.of("aws:ec2/eipAssociation:EipAssociation")
    ]
    associated += [text(each.props, "instance") for each in around.of("aws:ec2/eip:Eip")]
    return bool(own) and own in associated


def group(one: Priced, around: Context) -> Iterator[Line]:
    """The machines that an autoscaling group wants, and their disks."""
    yield from _fleet(one, aws_fleet.group(one, around))


def node_group(one: Priced, around: Context) -> Iterator[Line]:
    """The nodes that a node group of EKS wants, and their disks."""
    yield from _fleet(one, aws_fleet.node_group(one, around))


def _fleet(one: Priced, fleet: Fleet) -> Iterator[Line]:
    yield _machines(one, fleet)
    count = fleet.wanted
    if not count:
        return
    if fleet.template is None:
        yield Line(what="disks of a launch template that is not known", resource=one.name, hourly_usd=None)
        return
    yield from _disks(
        one, [block(each, "ebs") for each in blocks(fleet.template, "blockDeviceMappings")], count
    )
    if true(block(fleet.template, "monitoring"), "enabled"):
        yield service(one, "detailed monitoring", ("aws", "detailed-monitoring"), times=count)
    if any(true(each, "associatePublicIpAddress") for each in blocks(fleet.template, "networkInterfaces")):
        yield service(one, "public address", ("aws", "public-address"), times=count)


def _disks(one: Priced, disks: Iterable[Mapping[str, Any]], count: int) -> Iterator[Line]:
    kept = list(disks)
    if kept:
        yield disk_line(one, "disks", kept, times=count)


def _machines(one: Priced, fleet: Fleet) -> Line:
    found = {name: prices.price(name, one.region) for name in fleet.types}
    usds = {name: each.spot_usd if fleet.spot else each.on_demand_usd for name, each in found.items()}
    priced = {name: usd for name, usd in usds.items() if usd is not None}
    cheapest = min(priced, key=lambda name: priced[name], default=next(iter(fleet.types), "type not known"))
    usd = priced.get(cheapest)
    listed = found.get(cheapest)
    said = list(_said(fleet, priced, usd))
    if usd is not None and fleet.most_usd is not None:
        usd = min(usd, fleet.most_usd)
    if not fleet.wanted:
        each = f"; {money(usd)} an hour for each that it starts" if usd is not None else ""
        said = [f"no machine is wanted now{each}"]
        usd = 0.0
    machine = instance_types().get(cheapest)
    many = f"{fleet.wanted} x " if fleet.wanted > 1 else ""
    return Line(
        what=f"{many}{f'{machine.accelerator} ' if machine else ''}machine "
        f"({cheapest}, {'spot' if fleet.spot else 'on demand'})",
        resource=one.name,
        hourly_usd=None if usd is None else usd * fleet.wanted,
        source=listed.source if listed else "",
        as_of=listed.as_of if listed else "",
        assumption="; ".join(said),
    )


def _said(fleet: Fleet, priced: Mapping[str, float], usd: float | None) -> Iterator[str]:
    if usd is None:
        return
    if fleet.spot:
        yield "in the region's cheapest zone when it was recorded; spot prices move by the hour"
    if fleet.most_usd is not None:
        under = f", which is under the last known price of {money(usd)}" if fleet.most_usd < usd else ""
        yield f"never more than {money(fleet.most_usd)}{under}"
    dearest = max(priced, key=lambda name: priced[name])
    if priced[dearest] > usd:
        yield f"up to {money(priced[dearest])} as {dearest}"
