"""One region of an account, as finders and deletions speak to it."""

from dataclasses import dataclass
from typing import Any

from scripts.berth.aws.clients import client
from scripts.berth.place import Place


@dataclass(frozen=True, kw_only=True)
class Region:
    """A region of the account that a place acts on. environment: the one that is asked for; empty for all."""

    place: Place
    name: str
    environment: str = ""

    def client(self, service: str) -> Any:
        """A client of a service."""
        return client(self.place, service, self.name)
