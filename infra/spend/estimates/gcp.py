"""What Google Cloud's resources cost."""

from collections.abc import Iterator, Mapping

from infra.catalog import gcp_prices
from infra.spend.estimates import gcp_nodes
from infra.spend.estimates.gcp_nodes import Nodes
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
    true,
)

# What usage is taken to be where nothing says it.
BUCKET_GB = 10
_DISK_GB = 10  # the boot disk's least; an image may need more
_DISKS = {
    "pd-standard": "persistent-disk-standard",
    "pd-balanced": "persistent-disk-balanced",
    "pd-ssd": "persistent-disk-ssd",
}


def _cluster(one: Priced, around: Context) -> Iterator[Line]:
    yield service(
        one,
        "GKE control plane",
        ("gcp", "gke-control-plane"),
        assumption="the first zonal or Autopilot cluster of a billing account is free, which is not counted",
    )
    if true(one.props, "enableAutopilot"):
        yield Line(
            what="Autopilot's pods", resource=one.name, hourly_usd=None, unit="by what the pods ask for"
        )
    elif not true(one.props, "removeDefaultNodePool") and number(one.props, "initialNodeCount"):
        yield from _pool(one, around)


def _pool(one: Priced, around: Context) -> Iterator[Line]:
    nodes = gcp_nodes.pool(one, around)
    yield _machines(one, nodes)
    if nodes.wanted:
        yield _disk_line(one, nodes.disk_gb, nodes.disk_kind, times=nodes.wanted)


def _instance(one: Priced, _around: Context) -> Iterator[Line]:
    cards = block(one.props, "guestAccelerators")
    scheduling = block(one.props, "scheduling")
    boot = block(block(one.props, "bootDisk"), "initializeParams")
    yield _machines(
        one,
        Nodes(
            machine=text(one.props, "machineType"),
            card=text(cards, "type"),
            cards=int(number(cards, "count") or 0),
            spot=text(scheduling, "provisioningModel") == "SPOT" or true(scheduling, "preemptible"),
            wanted=1,
            zones=1,
            disk_gb=number(boot, "size") or _DISK_GB,
            disk_kind=text(boot, "type") or "pd-standard",
        ),
    )
    yield _disk_line(one, number(boot, "size") or _DISK_GB, text(boot, "type") or "pd-standard")
    if any("accessConfigs" in each for each in blocks(one.props, "networkInterfaces")):
        yield from _address(one, _around)


def _machines(one: Priced, nodes: Nodes) -> Line:
    """A card that is attached to an N1 machine has a price of its own, which the tables lack."""
    found = gcp_prices.price(nodes.machine, one.region)
    usd = found.spot_usd if nodes.spot else found.on_demand_usd
    attached = nodes.cards and not found.carries
    many = f"{nodes.wanted} x " if nodes.wanted > 1 else ""
    card = f" with {nodes.cards} {nodes.card}" if nodes.card else ""
    hourly = None if usd is None or attached else usd * nodes.wanted
    said = ["the price of the attached cards is not in the tables"] if attached else []
    if nodes.spot and hourly:
        said.append("spot prices move once a month at most")
    if not nodes.wanted:
        hourly, said = 0.0, ["no node is wanted now"]
    return Line(
        what=f"{many}machine ({nodes.machine}{card}, {'spot' if nodes.spot else 'on demand'})",
        resource=one.name,
        hourly_usd=hourly,
        source=found.source,
        as_of=found.as_of,
        assumption="; ".join(said),
    )


def _disk(one: Priced, _around: Context) -> Iterator[Line]:
    yield _disk_line(one, number(one.props, "size"), text(one.props, "type") or "pd-standard")


def _disk_line(one: Priced, size: float | None, kind: str, *, times: int = 1) -> Line:
    many = f"{times} x " if times > 1 else ""
    shown = f"{size:g} GB" if size is not None else "of unknown size"
    what = f"disk ({many}{shown} {kind})"
    if kind not in _DISKS:
        return Line(what=what, resource=one.name, hourly_usd=None)
    return service(one, what, ("gcp", _DISKS[kind]), times=None if size is None else size * times)


def _address(one: Priced, _around: Context) -> Iterator[Line]:
    if text(one.props, "addressType") == "INTERNAL":
        return
    yield service(one, "public address", ("gcp", "public-address-of-nat"), assumption="in use")


def _nat(one: Priced, _around: Context) -> Iterator[Line]:
    yield service(
        one,
        "Cloud NAT",
        ("gcp", "nat-machine-up-to-32"),
        unit=rate(("gcp", "nat-data"), "GiB through it"),
        assumption="for one machine; each more costs the same, up to 32",
    )


def _rule(one: Priced, _around: Context) -> Iterator[Line]:
    yield service(one, "forwarding rule", ("gcp", "forwarding-rule"), assumption="one of the first five")


def _bucket(one: Priced, _around: Context) -> Iterator[Line]:
    yield service(
        one,
        "object storage",
        ("gcp", "storage-standard"),
        times=BUCKET_GB,
        unit=rate(("gcp", "storage-standard"), "GB kept a month"),
        assumption=f"{BUCKET_GB} GB kept",
    )


PRICED: Mapping[str, Pricing] = {
    "gcp:compute/address:Address": _address,
    "gcp:compute/disk:Disk": _disk,
    "gcp:compute/forwardingRule:ForwardingRule": _rule,
    "gcp:compute/globalForwardingRule:GlobalForwardingRule": _rule,
    "gcp:compute/instance:Instance": _instance,
    "gcp:compute/routerNat:RouterNat": _nat,
    "gcp:container/cluster:Cluster": _cluster,
    "gcp:container/nodePool:NodePool": _pool,
    "gcp:storage/bucket:Bucket": _bucket,
}
# Types that begin so are free, or are paid for with what they belong to.
FREE: tuple[str, ...] = (
    "gcp:billing/",
    "gcp:compute/firewall",
    "gcp:compute/network",
    "gcp:compute/route",
    "gcp:compute/subnetwork",
    "gcp:organizations/",
    "gcp:projects/",
    "gcp:serviceaccount/",
    "gcp:serviceAccount/",
    "gcp:storage/bucketIAM",
    "gcp:storage/bucketObject:",
)
