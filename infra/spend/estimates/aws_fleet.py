"""The machines that a resource of AWS starts: their types, market and number, out of its properties.

What the number is where a property is missing is AWS's own rule: a group wants its least size.
https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CreateAutoScalingGroup.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.spend.estimates.lines import Context, Priced, block, blocks, known, number, text, texts

_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
# https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateNodegroup.html
_NODE_TYPE, _NODE_GIB = "t3.medium", 20


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """Machines of one resource.

    types: those that are tried; empty where not known. most_usd: the highest spot price that is paid.
    wanted: how many now; at_most: how many there may be. template: the properties that they are started with,
    None where they are not known.
    """

    types: tuple[str, ...]
    spot: bool
    wanted: int
    at_most: int
    most_usd: float | None
    template: Mapping[str, Any] | None


def instance(one: Priced, _around: Context) -> Fleet:
    """An instance on its own, or a spot request for one."""
    asked = one.type.endswith(":SpotInstanceRequest")
    options = block(one.props, "instanceMarketOptions")
    name = text(one.props, "instanceType")
    return Fleet(
        types=(name,) if name else (),
        spot=asked or text(options, "marketType") == "spot" or text(one.props, "instanceLifecycle") == "spot",
        wanted=1,
        at_most=1,
        most_usd=number(one.props, "spotPrice") or number(block(options, "spotOptions"), "maxPrice"),
        template=one.props,
    )


def group(one: Priced, around: Context) -> Fleet:
    """An autoscaling group, with its launch template and what its policy says instead."""
    policy = block(one.props, "mixedInstancesPolicy")
    chosen = block(policy, "launchTemplate")
    asked = block(chosen, "launchTemplateSpecification") or block(one.props, "launchTemplate")
    template = _template(around, asked)
    own = template or {}
    names = [text(each, "instanceType") for each in blocks(chosen, "overrides")] or [
        text(own, "instanceType")
    ]
    spread = block(policy, "instancesDistribution")
    market = block(own, "instanceMarketOptions")
    # Absent, the share is 100: on demand.
    share = number(spread, "onDemandPercentageAboveBaseCapacity")
    least = int(number(one.props, "minSize") or 0)
    wanted = number(one.props, "desiredCapacity")
    return Fleet(
        types=tuple(name for name in names if name),
        spot=share == 0 or text(market, "marketType") == "spot",
        wanted=least if wanted is None else int(wanted),
        at_most=int(number(one.props, "maxSize") or 0),
        most_usd=number(spread, "spotMaxPrice") or number(block(market, "spotOptions"), "maxPrice"),
        template=template,
    )


def node_group(one: Priced, around: Context) -> Fleet:
    """A managed node group of EKS."""
    asked = block(one.props, "launchTemplate")
    template = _template(around, asked) if asked else _of_nodes(one)
    types = texts(one.props, "instanceTypes") or [text(template or {}, "instanceType") or _NODE_TYPE]
    scaling = block(one.props, "scalingConfig")
    return Fleet(
        types=tuple(name for name in types if name),
        spot=text(one.props, "capacityType") == "SPOT",
        wanted=int(number(scaling, "desiredSize") or 0),
        at_most=int(number(scaling, "maxSize") or 0),
        most_usd=None,
        template=template,
    )


def _of_nodes(one: Priced) -> Mapping[str, Any]:
    size = number(one.props, "diskSize") or _NODE_GIB
    return {"blockDeviceMappings": [{"ebs": {"volumeSize": size, "volumeType": "gp3"}}]}


def _template(around: Context, asked: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The launch template that is asked for: by id or name, or the only one there is."""
    templates = [one.props for one in around.of(_TEMPLATE)]
    ids = [asked.get(key) for key in ("launchTemplateId", "id", "launchTemplateName", "name") if key in asked]
    told = {str(known(one)) for one in ids if known(one)}
    for each in templates:
        if told & {text(each, "id"), text(each, "name")} - {""}:
            return each
    return templates[0] if asked and len(templates) == 1 else None
