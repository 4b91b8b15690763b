"""A trained model's files: weights named by their own checksum, and `model.json`, which names them.

`model.json` is written last, so a reader sees the old model or the new one, never half of each.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from workloads.common.storage import Store, sha256

FORMAT = "berth-digits/1"
MANIFEST = "model.json"


class BadModel(Exception):
    """The model's files do not belong together or are not ours; the message says which."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a model is, without its weights.

    accuracy: share of the held-out images that it gets right.
    weights: file name beside the manifest; sha256 of that file.
    """

    height: int
    width: int
    classes: int
    pixel_max: int
    channels: int
    accuracy: float
    parameters: int
    torch: str
    weights: str
    sha256: str
    format: str = FORMAT


def save(store: Store, prefix: str, weights: bytes, about: Mapping[str, Any]) -> Manifest:
    """Write a model under a prefix (`""` or ending with `/`); about: the manifest but for the weights."""
    digest = sha256(weights)
    manifest = Manifest(**about, weights=f"model-{digest[:16]}.safetensors", sha256=digest)
    store.put(prefix + manifest.weights, weights, {"sha256": digest})
    store.put(prefix + MANIFEST, json.dumps(asdict(manifest), indent=2).encode())
    for key in store.keys(f"{prefix}model-"):
        if key != prefix + manifest.weights and key.endswith(".safetensors"):
            store.delete(key)
    return manifest


def load(store: Store, key: str) -> tuple[Manifest, bytes]:
    """Read a model by the key of its manifest, or by the prefix above it.

    Raises:
        NotFound: not there (yet).
        StorageError: the storage cannot be reached.
        BadModel: damaged, or not a model of ours.
    """
    if not key.endswith(".json"):
        key = f"{key.rstrip('/')}/{MANIFEST}" if key.rstrip("/") else MANIFEST
    data, _ = store.get(key)
    manifest = _parse(data, store.describe(key))
    weights_key = key.rpartition("/")[0] + "/" + manifest.weights if "/" in key else manifest.weights
    weights, _ = store.get(weights_key)
    if sha256(weights) != manifest.sha256:
        raise BadModel(
            f"{store.describe(weights_key)} is damaged: SHA-256 {sha256(weights)}, expected {manifest.sha256}"
        )
    return manifest, weights


def _parse(data: bytes, where: str) -> Manifest:
    try:
        content = json.loads(data)
        known = {field.name for field in fields(Manifest)}
        manifest = Manifest(**{name: value for name, value in content.items() if name in known})
    except (ValueError, TypeError, AttributeError) as reason:
        raise BadModel(f"{where} is not a model's manifest: {reason}") from None
    if manifest.format != FORMAT:
        raise BadModel(f"{where} has the format {manifest.format!r}; this program reads {FORMAT!r}")
    return manifest
