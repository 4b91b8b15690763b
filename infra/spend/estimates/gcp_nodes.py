"""The machines of a node pool of GKE, out of its properties.

A pool's numbers are for one zone. https://cloud.google.com/kubernetes-engine/docs/concepts/regional-clusters
"""

from dataclasses import dataclass

from infra.spend.estimates.lines import Context, Priced, block, number, text, texts, true

# A regional cluster has nodes in three zones unless it names them; the default machine and disk of a pool.
# https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1/NodeConfig
_ZONES, _MACHINE, _DISK_GB, _DISK_KIND = 3, "e2-medium", 100, "pd-balanced"


@dataclass(frozen=True, kw_only=True)
class Nodes:
    """Nodes that are alike. card: as the API has it, nvidia-l4; cards: of one node. wanted: in all zones."""

    machine: str
    card: str
    cards: int
    spot: bool
    wanted: int
    zones: int
    disk_gb: float
    disk_kind: str


def pool(one: Priced, _around: Context) -> Nodes:
    """A node pool."""
    config = block(one.props, "nodeConfig")
    accelerator = block(config, "guestAccelerators")
    named = texts(one.props, "nodeLocations")
    location = text(one.props, "location")
    zones = len(named) or (_ZONES if location.count("-") == 1 else 1)
    scaling = block(one.props, "autoscaling")
    least = number(scaling, "totalMinNodeCount")
    counts = (
        number(one.props, "nodeCount"),
        number(one.props, "initialNodeCount"),
        number(scaling, "minNodeCount"),
    )
    each = next((count for count in counts if count is not None), 0.0)
    return Nodes(
        machine=text(config, "machineType") or _MACHINE,
        card=text(accelerator, "type"),
        cards=int(number(accelerator, "count") or 0),
        spot=true(config, "spot") or true(config, "preemptible"),
        wanted=int(least if least is not None and not each else each * zones),
        zones=zones,
        disk_gb=number(config, "diskSizeGb") or _DISK_GB,
        disk_kind=text(config, "diskType") or _DISK_KIND,
    )
