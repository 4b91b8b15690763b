"""What AWS's resources need of its quotas.

The codes are those of Service Quotas; a region's limits on machines are in vCPUs of a family, spot apart from
on demand.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-on-demand-instances.html
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-spot-limits.html
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from infra.catalog.accelerators import instance_types
from infra.spend.estimates import aws_fleet
from infra.spend.estimates.aws_fleet import Fleet
from infra.spend.estimates.lines import Context, Priced, number, text
from infra.spend.quotas.need import Need, Table


@dataclass(frozen=True, kw_only=True)
class Quota:
    """A quota of AWS. service: as Service Quotas names it."""

    code: str
    name: str
    unit: str = ""
    service: str = "ec2"


# By family of machines: on demand, and spot. The longest prefix counts.
_STANDARD = (
    Quota(code="L-1216C47A", name="standard machines, on demand", unit="vCPUs"),
    Quota(code="L-34B43A08", name="standard machines, spot", unit="vCPUs"),
)
_G = (
    Quota(code="L-DB2E81BA", name="G and VT machines, on demand", unit="vCPUs"),
    Quota(code="L-3819A6DF", name="G and VT machines, spot", unit="vCPUs"),
)
_P = (
    Quota(code="L-417A185B", name="P machines, on demand", unit="vCPUs"),
    Quota(code="L-7212CCBC", name="P2, P3 and P4 machines, spot", unit="vCPUs"),
)
_P5 = (_P[0], Quota(code="L-C4BD4855", name="P5 and P6 machines, spot", unit="vCPUs"))
_FAMILIES: Mapping[str, tuple[Quota, Quota] | None] = {
    **dict.fromkeys("acdhimrtz", _STANDARD),
    **dict.fromkeys(("hpc", "inf", "trn", "dl", "mac", "x", "u", "f"), None),
    "g": _G,
    "vt": _G,
    "p": _P,
    "p5": _P5,
    "p6": _P5,
}
MACHINES = frozenset(one.code for both in (_STANDARD, _G, _P, _P5) for one in both)
VPCS = Quota(code="L-F678F1CE", name="VPCs", service="vpc")
INTERNET_GATEWAYS = Quota(code="L-A4707A72", name="internet gateways", service="vpc")
ADDRESSES = Quota(code="L-0263D0A3", name="Elastic IP addresses", unit="addresses")
APPLICATION_BALANCERS = Quota(
    code="L-53DA6B97", name="application load balancers", service="elasticloadbalancing"
)
NETWORK_BALANCERS = Quota(code="L-69A177A2", name="network load balancers", service="elasticloadbalancing")
CLUSTERS = Quota(code="L-1194D53C", name="EKS clusters", service="eks")
GP3_TIB = Quota(code="L-7A658B76", name="gp3 volumes", unit="TiB", service="ebs")

_SIZE = re.compile(r"^(?P<times>\d*)xlarge$")
_SMALL = {"nano": 2, "micro": 2, "small": 2, "medium": 2, "large": 2}


def vcpus(instance_type: str) -> int | None:
    """The vCPUs of a machine; None where its name does not tell, as with bare metal."""
    listed = instance_types().get(instance_type)
    if listed:
        return listed.vcpus
    size = instance_type.partition(".")[2]
    if size in _SMALL:
        return _SMALL[size]
    found = _SIZE.match(size)
    return 4 * int(found["times"] or 1) if found else None


def family(instance_type: str, *, spot: bool) -> Quota | None:
    """The quota that a machine counts against; None where this table lacks its family."""
    prefix = max((one for one in _FAMILIES if instance_type.startswith(one)), key=len, default="")
    found = _FAMILIES.get(prefix)
    return found[spot] if found else None


def _machines(read: Callable[[Priced, Context], Fleet], one: Priced, around: Context) -> Iterator[Need]:
    """For one machine at least where there may be one: what is not wanted now may be wanted at night."""
    fleet = read(one, around)
    count = max(fleet.wanted, min(fleet.at_most, 1))
    sizes = {name: amount for name in fleet.types if (amount := vcpus(name)) is not None}
    if not count or not sizes:
        return
    least = min(sizes, key=lambda name: sizes[name])
    quota = family(least, spot=fleet.spot)
    if quota is None:
        return
    most = max(sizes, key=lambda name: sizes[name])
    note = f"{least}; {sizes[most] * count} as {most}" if sizes[most] > sizes[least] else ""
    yield _need(quota, one, sizes[least] * count, note)


def _one(quota: Quota, one: Priced, _around: Context) -> Iterator[Need]:
    yield _need(quota, one, 1)


def _balancer(one: Priced, _around: Context) -> Iterator[Need]:
    network = text(one.props, "loadBalancerType") == "network"
    yield _need(NETWORK_BALANCERS if network else APPLICATION_BALANCERS, one, 1)


def _volume(one: Priced, _around: Context) -> Iterator[Need]:
    gib = number(one.props, "size")
    if gib is not None and text(one.props, "type") == "gp3":
        yield _need(GP3_TIB, one, gib / 1024)


def _need(quota: Quota, one: Priced, amount: float, note: str = "") -> Need:
    return Need(
        code=quota.code,
        name=quota.name,
        amount=amount,
        unit=quota.unit,
        region=one.region,
        service=quota.service,
        note=note,
    )


NEEDING: Table = {
    "aws:alb/loadBalancer:LoadBalancer": _balancer,
    "aws:autoscaling/group:Group": partial(_machines, aws_fleet.group),
    "aws:ebs/volume:Volume": _volume,
    "aws:ec2/eip:Eip": partial(_one, ADDRESSES),
    "aws:ec2/instance:Instance": partial(_machines, aws_fleet.instance),
    "aws:ec2/internetGateway:InternetGateway": partial(_one, INTERNET_GATEWAYS),
    "aws:ec2/spotInstanceRequest:SpotInstanceRequest": partial(_machines, aws_fleet.instance),
    "aws:ec2/vpc:Vpc": partial(_one, VPCS),
    "aws:eks/cluster:Cluster": partial(_one, CLUSTERS),
    "aws:eks/nodeGroup:NodeGroup": partial(_machines, aws_fleet.node_group),
    "aws:lb/loadBalancer:LoadBalancer": _balancer,
}
