"""Random digits for automatic names, drawn from the seed that the engine gives to each resource.

The generator is chacha8rand (c2sp.org/chacha8rand) keyed with SHA-256 of the seed: what the original plugins'
random names come from.
"""

import hashlib
import secrets
import struct
from collections.abc import Iterator

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
