"""The bootstrap installs the very uv that the rest is installed with, and every lock has hashes."""

import re

import pytest

from rehearsal.paths import CHECKOUT

REQUIREMENTS = CHECKOUT / "requirements"


def pins(name: str) -> dict[str, set[str]]:
    """Package pin to hashes."""
    found: dict[str, set[str]] = {}
    current = ""
    for line in (REQUIREMENTS / name).read_text().splitlines():
        if match := re.match(r"(\S+==\S+)", line):
            current = match[1]
            found[current] = set()
        found.get(current, set()).update(re.findall(r"--hash=(sha256:[0-9a-f]{64})", line))
    return found


def test_the_bootstraps_uv_is_the_locked_one() -> None:
    (pin,) = pins("bootstrap.txt")
    assert pin.startswith("uv==")
    assert pins("bootstrap.txt")[pin] == pins("dev.txt")[pin]


@pytest.mark.parametrize("name", sorted(path.name for path in REQUIREMENTS.glob("*.txt")))
def test_every_pin_has_a_hash(name: str) -> None:
    assert all(pins(name).values())
