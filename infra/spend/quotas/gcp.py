"""What Google Cloud's resources need of its quotas: cards by model, ordinary and spot apart.

The names are those of Compute Engine's quotas. https://cloud.google.com/compute/resource-usage#gpu_quota
"""

from collections.abc import Iterator

from infra.spend.estimates import gcp_nodes
from infra.spend.estimates.lines import Context, Priced
from infra.spend.quotas.need import Need, Table

# The quota's name of a card that the API calls nvidia-l4, nvidia-tesla-t4, …
_ALL_REGIONS = "GPUS_ALL_REGIONS"


def _nodes(one: Priced, around: Context) -> Iterator[Need]:
    nodes = gcp_nodes.pool(one, around)
    cards = nodes.cards * max(nodes.wanted, 1)
    if not cards:
        return
    model = nodes.card.removeprefix("nvidia-").removeprefix("tesla-").replace("-", "_").upper()
    code = f"{'PREEMPTIBLE_' if nodes.spot else ''}NVIDIA_{model}_GPUS"
    market = "spot" if nodes.spot else "on demand"
    yield Need(code=code, name=f"{model} cards, {market}", amount=cards, unit="cards", region=one.region)
    yield Need(code=_ALL_REGIONS, name="cards in all regions", amount=cards, unit="cards", region="global")


NEEDING: Table = {"gcp:container/nodePool:NodePool": _nodes}
