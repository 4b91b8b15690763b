"""What AWS's machines cost: one instance, an autoscaling group, an EKS node group; and their disks.

A group's machines are those of its launch template with the types that its policy names: the cheapest is
counted, and the range is said. A spot price counts for no more than the highest that the group pays.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from infra.catalog import machine_prices, prices
from infra.catalog.accelerators import instance_types
from infra.spend.estimates.aws_disks import disk_line
from infra.spend.estimates.lines import (
    Context,
    Line,
    Priced,
    block,
    blocks,
    known,
    money,
    number,
    service,
    text,
    texts,
    true,
)

_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"


def instance(one: Priced, _around: Context) -> Iterator[Line]:
    """An instance, its disks, and its public address."""
    options = block(one.props, "instanceMarketOptions")
    spot = text(options, "marketType") == "spot"
    most = number(block(options, "spotOptions"), "maxPrice")
    yield _machines(one, [text(one.props, "instanceType")], spot=spot, most=most, count=1)
    disks = [*blocks(one.props, "rootBlockDevice"), *blocks(one.props, "ebsBlockDevices")]
    if disks:
        yield disk_line(one, "its disks", disks)
    if true(one.props, "associatePublicIpAddress"):
        yield service(one, "public address", ("aws", "public-address"))


def group(one: Priced, around: Context) -> Iterator[Line]:
    """The machines that an autoscaling group wants, and their disks."""
    policy = block(one.props, "mixedInstancesPolicy")
    chosen = block(policy, "launchTemplate")
    template = _template(
        one, around, block(chosen, "launchTemplateSpecification") or block(one.props, "launchTemplate")
    )
    own = template.props if template else {}
    names = [text(each, "instanceType") for each in blocks(chosen, "overrides")]
    names = [name for name in names if name] or [text(own, "instanceType")]
    spread = block(policy, "instancesDistribution")
    share = number(spread, "onDemandPercentageAboveBaseCapacity")
    market = block(own, "instanceMarketOptions")
    spot = share == 0 or text(market, "marketType") == "spot"
    most = number(spread, "spotMaxPrice") or number(block(market, "spotOptions"), "maxPrice")
    wanted = number(one.props, "desiredCapacity")
    count = int(wanted if wanted is not None else number(one.props, "minSize") or 0)
    yield from _fleet(one, names, own, spot=spot, most=most, count=count, template_known=bool(template))


def node_group(one: Priced, around: Context) -> Iterator[Line]:
    """The nodes that an EKS node group wants, and their disks."""
    template = _template(one, around, block(one.props, "launchTemplate"))
    own = template.props if template else {"blockDeviceMappings": [{"ebs": _node_disk(one)}]}
    names = texts(one.props, "instanceTypes") or [text(own, "instanceType") or "t3.medium"]
    wanted = number(block(one.props, "scalingConfig"), "desiredSize")
    spot = text(one.props, "capacityType") == "SPOT"
    yield from _fleet(one, names, own, spot=spot, most=None, count=int(wanted or 0), template_known=True)


def _node_disk(one: Priced) -> dict[str, Any]:
    # https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateNodegroup.html: 20 GiB unless it is said.
    return {"volumeSize": number(one.props, "diskSize") or 20, "volumeType": "gp3"}


def _fleet(
    one: Priced,
    names: Sequence[str],
    template: Mapping[str, Any],
    *,
    spot: bool,
    most: float | None,
    count: int,
    template_known: bool,
) -> Iterator[Line]:
    yield _machines(one, names, spot=spot, most=most, count=count)
    if not count:
        return
    disks = [block(each, "ebs") for each in blocks(template, "blockDeviceMappings")]
    if disks:
        yield disk_line(one, "their disks" if count > 1 else "its disks", disks, times=count)
    if not template_known:
        yield Line(what="disks: the launch template is not known", resource=one.name, hourly_usd=None)
    if true(block(template, "monitoring"), "enabled"):
        yield service(one, "detailed monitoring", ("aws", "detailed-monitoring"), times=count)
    if any(true(each, "associatePublicIpAddress") for each in blocks(template, "networkInterfaces")):
        yield service(one, "public address", ("aws", "public-address"), times=count)


def _machines(one: Priced, names: Sequence[str], *, spot: bool, most: float | None, count: int) -> Line:
    market = "spot" if spot else "on demand"
    found = {name: _price(name, one.region, spot=spot) for name in names}
    priced = {name: usd for name, usd in found.items() if usd is not None}
    cheapest = min(priced, key=lambda name: priced[name]) if priced else (names[0] or "type not known")
    usd = priced.get(cheapest)
    said = []
    if usd is not None and most is not None and usd > most:
        said.append(f"never more than {money(most)}, which is under the last known price {money(usd)}")
        usd = most
    elif spot and most is not None:
        said.append(f"never more than {money(most)} an hour")
    if spot and usd is not None:
        said.append("the region's cheapest zone when it was recorded; spot prices move by the hour")
    if len(priced) > 1:
        dearest = max(priced, key=lambda name: priced[name])
        said.append(f"up to {money(priced[dearest])} as {dearest}")
    machine = instance_types().get(cheapest)
    kind = f"{machine.accelerator} machine" if machine else "machine"
    if not count:
        each = f"; {money(usd)} an hour for each that it starts" if usd is not None else ""
        return Line(
            what=f"{kind} ({cheapest}, {market})",
            resource=one.name,
            hourly_usd=0.0,
            source=_source(cheapest, one.region, spot=spot)[0],
            as_of=_source(cheapest, one.region, spot=spot)[1],
            assumption=f"no machine is wanted{each}",
        )
    source, as_of = _source(cheapest, one.region, spot=spot)
    many = f"{count} x " if count > 1 else ""
    return Line(
        what=f"{many}{kind} ({cheapest}, {market})",
        resource=one.name,
        hourly_usd=None if usd is None else usd * count,
        source=source,
        as_of=as_of,
        assumption="; ".join(said),
    )


def _price(name: str, region: str, *, spot: bool) -> float | None:
    listed = prices.price(name, region)
    return listed.spot_usd if spot else listed.on_demand_usd


def _source(name: str, region: str, *, spot: bool) -> tuple[str, str]:
    del name, region, spot
    first = next(one for one in machine_prices.sources() if one.cloud == "aws")
    return first.url, first.as_of


def _template(one: Priced, around: Context, asked: Mapping[str, Any]) -> Priced | None:
    """The launch template that is asked for: by id or name, else the only one there is."""
    templates = around.of(_TEMPLATE)
    wanted = text(asked, "launchTemplateId") or text(asked, "id") or text(asked, "launchTemplateName")
    for each in templates:
        if wanted and wanted in {text(each.props, "id"), text(each.props, "name")}:
            return each
    del one
    return templates[0] if len(templates) == 1 and known(asked) else None
