"""Names: which characters, how long, and what makes one change. Pure."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

LONGEST_LABEL = 63
_HASH = 8


def digest(content: Mapping[str, Any]) -> str:
    """Eight hexadecimal digits that change when, and only when, the content does (its key order aside)."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:_HASH]


def dns_label(*parts: str) -> str:
    """Parts joined by '-' as one DNS label, at most 63 characters: a longer one ends in a digest."""
    label = "-".join(parts)
    if len(label) <= LONGEST_LABEL:
        return label
    ending = hashlib.sha256(label.encode()).hexdigest()[:_HASH]
    return f"{label[: LONGEST_LABEL - _HASH - 1].rstrip('-')}-{ending}"


def run_prefix(model: str, run: str) -> str:
    """Where in the bucket a training run keeps its checkpoints, model and results."""
    return f"runs/{model}/{run}"


def image_reference(server: str, repository: str, tag: str) -> str:
    return f"{server}/{repository}:{tag}"
