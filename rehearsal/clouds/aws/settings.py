"""What the emulated account was started with."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from rehearsal import addresses


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where things are, and whom the account lets in.

    registry: address of the image registry. run: the rehearsal's run directory, for consoles and the own
    address. sources: directory that plays NVIDIA's package host. access_keys: id to secret; empty: any.
    """

    registry: str = addresses.REGISTRY
    registry_password: str = "password"  # noqa: S105  # of a private test; a rehearsal's is random
    run: Path | None = None
    sources: Path | None = None
    access_keys: dict[str, str] = field(default_factory=dict)


_current = [Settings()]


def current() -> Settings:
    """The settings of this process."""
    return _current[0]


def use(settings: Settings) -> None:
    """Replace the settings, at the start of the process."""
    _current[0] = settings


def read_keys(file: Path) -> dict[str, str]:
    """Access key id to secret, from a file {"access_key_id": …, "secret_access_key": …}."""
    content = json.loads(file.read_text())
    return {content["access_key_id"]: content["secret_access_key"]}
