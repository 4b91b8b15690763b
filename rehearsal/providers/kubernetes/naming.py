"""Automatic names: `<resource name>-<8 hex>`, drawn from the seed that the engine gives to each resource.

The same seed gives the same name, so that a preview and the update after it agree where the engine repeats
the seed. The generator is chacha8rand (c2sp.org/chacha8rand) keyed with SHA-256 of the seed: what the
original plugin's random names come from.
"""

import hashlib
import secrets
import struct
from collections.abc import Iterator, Mapping
from typing import Any

from rehearsal.providers.kubernetes.model import Autonaming, Failure, Values
from rehearsal.providers.kubernetes.values import UNKNOWN, reveal

AUTONAMED = "pulumi.com/autonamed"
_HEX = "0123456789abcdef"
_ROUNDS = 8
_LANES = 4
_MASK = 0xFFFFFFFF


def suffix(seed: bytes, length: int = 8) -> str:
    """Hexadecimal digits that the seed determines, 100 at most; fresh ones without a seed."""
    if not seed:
        return secrets.token_hex(length)[:length]
    words = _words(hashlib.sha256(seed).digest())
    return "".join(_HEX[next(words) % len(_HEX)] for _ in range(length))


def _words(key: bytes) -> Iterator[int]:
    """The generator's 64-bit words, until it would take a new key from its own stream."""
    limit = 2**64 - 1 - (2**64 - 1) % len(_HEX)
    for counter in range(0, 16, _LANES):
        lanes = [_block(key, counter + lane) for lane in range(_LANES)]
        mixed = [lane[word] for word in range(16) for lane in lanes]
        for low, high in zip(mixed[::2], mixed[1::2], strict=True):
            word = high << 32 | low
            if word < limit:  # the last few would favour the first digits
                yield word


def _block(key: bytes, counter: int) -> list[int]:
    """One ChaCha8 block; only the key is added at the end, as chacha8rand has it."""
    words = struct.unpack("<8I", key)
    x = [*struct.unpack("<4I", b"expand 32-byte k"), *words, counter, 0, 0, 0]
    for _ in range(_ROUNDS // 2):
        for column in range(4):
            _quarter(x, column, 4 + column, 8 + column, 12 + column)
        for column in range(4):
            _quarter(x, column, 4 + (column + 1) % 4, 8 + (column + 2) % 4, 12 + (column + 3) % 4)
    return [*x[:4], *((a + b) & _MASK for a, b in zip(x[4:12], words, strict=True)), *x[12:]]


def _quarter(x: list[int], *index: int) -> None:
    a, b, c, d = index
    for first, second, target, shift in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        x[first] = (x[first] + x[second]) & _MASK
        mixed = x[target] ^ x[first]
        x[target] = ((mixed << shift) & _MASK) | (mixed >> (32 - shift))


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
