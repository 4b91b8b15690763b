"""Automatic names: `<resource name>-<8 hex>`, drawn from the seed that the engine gives to each resource.

The same seed gives the same name, so that a preview and the update after it agree where the engine repeats
the seed.
"""

from collections.abc import Mapping
from typing import Any

from rehearsal.providers.plugin.model import Autonaming, Failure, Values
from rehearsal.providers.plugin.seed import suffix
from rehearsal.providers.plugin.values import UNKNOWN, reveal

AUTONAMED = "pulumi.com/autonamed"


def is_autonamed(obj: Mapping[str, Any]) -> bool:
    """Whether the object's name was given automatically."""
    metadata = obj.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    return isinstance(annotations, dict) and reveal(annotations.get(AUTONAMED)) == "true"


def assign(
    news: Values, olds: Values, *, logical: str, seed: bytes, autonaming: Autonaming | None
) -> tuple[Values, list[Failure]]:
    """Return the inputs with a name: the user's, the previous automatic one, or a new one."""
    metadata = news.get("metadata")
    if metadata is UNKNOWN:
        return news, []
    metadata = dict(metadata or {})
    if metadata.get("name") is not None or metadata.get("generateName") is not None:
        return news, []
    if autonaming is not None and autonaming.mode == "DISABLE":
        reason = "automatic names are disabled in this project's configuration: give a name"
        return news, [Failure("metadata.name", reason)]
    old_name = (olds.get("metadata") or {}).get("name") if is_autonamed(olds) else None
    metadata["name"] = old_name or (
        autonaming.proposed if autonaming and autonaming.proposed else f"{logical}-{suffix(seed)}"
    )
    annotations = metadata.get("annotations")
    if annotations is not UNKNOWN:
        metadata["annotations"] = {**(annotations or {}), AUTONAMED: "true"}
    return {**news, "metadata": metadata}, []
