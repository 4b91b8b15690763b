"""What a cloud makes and charges for what Kubernetes asks of it: load balancers and disks.

Which cloud is seen from the cluster among the resources; without one the cluster is the machine at hand,
where both are free and are said to be.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from infra.spend.estimates.aws_disks import disk_line
from infra.spend.estimates.lines import (
    Context,
    Line,
    Priced,
    Pricing,
    block,
    blocks,
    number,
    rate,
    service,
    text,
)

_BYTES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_BYTES |= {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)([KMGT]i|[kMGT]|)")
_CLUSTERS = {
    "aws": "aws:eks/cluster:Cluster",
    "gcp": "gcp:container/cluster:Cluster",
    "openstack": "openstack:containerinfra/cluster:Cluster",
}
_HERE = "free: it is on this machine"


def gib(quantity: str) -> float | None:
    """10Gi as 10.0; None where it is no quantity of Kubernetes."""
    found = _QUANTITY.fullmatch(quantity)
    return float(found[1]) * _BYTES[found[2]] / _BYTES["Gi"] if found else None


def _service(one: Priced, around: Context) -> Iterator[Line]:
    if text(block(one.props, "spec"), "type") != "LoadBalancer":
        return
    cloud, there = _cloud(one, around)
    if cloud == "aws":
        yield service(
            there,
            "load balancer of a Service",
            ("aws", "network-load-balancer"),
            unit=rate(("aws", "network-load-balancer-capacity"), "capacity unit and hour"),
            assumption="a network load balancer",
        )
    elif cloud == "gcp":
        yield service(there, "load balancer of a Service", ("gcp", "forwarding-rule"))
    else:
        yield _unpriced(one, "load balancer of a Service", cloud)


def _claim(one: Priced, around: Context) -> Iterator[Line]:
    yield _disk(one, around, block(one.props, "spec"), 1)


def _volume(one: Priced, around: Context) -> Iterator[Line]:
    """A volume that a claim among the resources has asked for is paid for with the claim."""
    spec = block(one.props, "spec")
    claim = text(block(spec, "claimRef"), "name")
    claims = {text(block(each.props, "metadata"), "name") for each in around.of(CLAIM)}
    if not claim or claim not in claims:
        yield _disk(one, around, {"resources": {"requests": block(spec, "capacity")}}, 1)


def _stateful_set(one: Priced, around: Context) -> Iterator[Line]:
    spec = block(one.props, "spec")
    replicas = number(spec, "replicas")
    for template in blocks(spec, "volumeClaimTemplates"):
        yield _disk(one, around, block(template, "spec"), 1 if replicas is None else int(replicas))


def _disk(one: Priced, around: Context, spec: Mapping[str, Any], times: int) -> Line:
    cloud, there = _cloud(one, around)
    size = gib(text(block(block(spec, "resources"), "requests"), "storage"))
    what = f"disk of a claim ({'of unknown size' if size is None else f'{size:g} GiB'})"
    if cloud == "aws":
        return disk_line(there, "disk of a claim", [{"volumeSize": size}], times=times, assumption="gp3")
    if cloud == "gcp":
        amount = None if size is None else size * times
        return service(there, what, ("gcp", "persistent-disk-balanced"), times=amount)
    return _unpriced(one, what, cloud)


def _cloud(one: Priced, around: Context) -> tuple[str, Priced]:
    """The cluster's cloud, and the resource in the cluster's region; no cloud where it is this machine."""
    for cloud, token in _CLUSTERS.items():
        for cluster in around.of(token):
            return cloud, Priced(type=one.type, name=one.name, props=one.props, region=cluster.region)
    return "", one


def _unpriced(one: Priced, what: str, cloud: str) -> Line:
    if cloud:
        return Line(what=what, resource=one.name, hourly_usd=None)
    return Line(what=what, resource=one.name, hourly_usd=0.0, assumption=_HERE)


CLAIM = "kubernetes:core/v1:PersistentVolumeClaim"
PRICED: Mapping[str, Pricing] = {
    "kubernetes:apps/v1:StatefulSet": _stateful_set,
    CLAIM: _claim,
    "kubernetes:core/v1:PersistentVolume": _volume,
    "kubernetes:core/v1:Service": _service,
}
# Everything else runs on the nodes, which are paid for.
FREE: tuple[str, ...] = ("kubernetes:",)
