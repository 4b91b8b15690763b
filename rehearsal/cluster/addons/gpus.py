"""Simulated GPUs: an extended resource of the node, without a device behind it.

Pods that ask for `nvidia.com/gpu` are scheduled and counted as on a GPU node; they get no device and compute
on the CPU. The labels are those of GPU feature discovery, and say that it is a simulation.
"""

from typing import Any

from rehearsal.cluster.addons.api import MERGE, Api
from rehearsal.cluster.layout import NODE_NAME
from rehearsal.errors import BerthError

RESOURCE = "nvidia.com/gpu"
PRODUCT = "Simulated-GPU"
_NODE = f"/api/v1/nodes/{NODE_NAME}"


def ensure(api: Api, count: int) -> None:
    """Give the node this many GPUs; 0 removes them. Nothing is written where it is so already.

    Raises:
        BerthError: a negative count.
        Refused: the API server's answer.
    """
    if count < 0:
        raise BerthError(f"gpus: {count} is not a number of GPUs", "Give 0 or more, such as `gpus: 2`.")
    node = api.call("GET", _NODE)
    known = node["metadata"].get("labels", {})
    labels = {name: value for name, value in _labels(count).items() if known.get(name) != value}
    if labels:
        api.call("PATCH", _NODE, {"metadata": {"labels": labels}}, kind=MERGE)
    wanted = str(count) if count else None
    status = node["status"]
    if any(status.get(part, {}).get(RESOURCE) != wanted for part in ("capacity", "allocatable")):
        # Both: kubelet derives the second from the first only at its next update, seconds later.
        change = {"status": {part: {RESOURCE: wanted} for part in ("capacity", "allocatable")}}
        api.call("PATCH", f"{_NODE}/status", change, kind=MERGE)


def _labels(count: int) -> dict[str, Any]:
    labels = {
        "nvidia.com/gpu.present": "true",
        "nvidia.com/gpu.count": str(count),
        "nvidia.com/gpu.product": PRODUCT,
        "berth.dev/simulated": "true",
    }
    return labels if count else dict.fromkeys(labels)
