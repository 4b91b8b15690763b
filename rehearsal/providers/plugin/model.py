"""The words that the provider's parts speak to each other: requests, results, failures.

Nothing here knows gRPC or HTTP. Values are the plain Python of `values`: JSON types with Secret and UNKNOWN.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

Values = dict[str, Any]
ChangeKind = Literal["ADD", "ADD_REPLACE", "DELETE", "DELETE_REPLACE", "UPDATE", "UPDATE_REPLACE"]


class Failure(NamedTuple):
    """One property refused: its path as users write it (`spec.ports[0].port`) and why."""

    path: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Call:
    """What every operation on a resource is told."""

    urn: str
    type: str
    name: str
    preview: bool = False
    timeout: float | None = None
    """Seconds, from customTimeouts; None when the user set none."""
    say: Callable[[str], None] = field(default=lambda _: None)
    """Shows a passing status message beside the resource."""
    warn: Callable[[str], None] = field(default=lambda _: None)
    """Shows a warning that stays."""
    cancelled: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, kw_only=True)
class Autonaming:
    """The engine's configured name: a proposal, an order, or no automatic names at all."""

    mode: Literal["PROPOSE", "ENFORCE", "DISABLE"]
    proposed: str = ""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """Inputs as they will be stored, and what is wrong with them."""

    inputs: Values
    failures: list[Failure] = field(default_factory=list)


class Change(NamedTuple):
    """What happens at one path. input_diff: the difference is between inputs, not in the live object."""

    kind: ChangeKind
    input_diff: bool = False

    @property
    def replaces(self) -> bool:
        """The resource has to be replaced because of it."""
        return self.kind.endswith("_REPLACE")


@dataclass(frozen=True, kw_only=True)
class Diff:
    """Every change by path; none at all when empty."""

    changes: dict[str, Change] = field(default_factory=dict)
    delete_before_replace: bool = False


class State(NamedTuple):
    """A resource as stored: its id, inputs and outputs."""

    id: str
    inputs: Values
    outputs: Values


class PartialFailureError(Exception):
    """The resource exists but did not become ready; it is kept in state with the reasons."""

    def __init__(self, state: State, reasons: list[str]) -> None:
        super().__init__("; ".join(reasons))
        self.state = state
        self.reasons = reasons


class Handler(Protocol):
    """What the provider can do with one family of resource types."""

    def check(
        self, call: Call, olds: Values, news: Values, *, seed: bytes, autonaming: Autonaming | None
    ) -> Checked:
        """Normalise and validate inputs; `olds` is empty for a new resource."""

    def diff(self, call: Call, old: State, news: Values, *, ignored: list[str]) -> Diff:
        """Compare checked inputs with the stored resource."""

    def create(self, call: Call, news: Values) -> State:
        """Make it; in a preview, foresee what it will be (the id may be empty)."""

    def read(self, call: Call, known: State) -> State | None:
        """The live state; None when it is gone. With empty inputs and outputs it is an import by id."""

    def update(self, call: Call, old: State, news: Values, *, ignored: list[str]) -> State:
        """Change it in place."""

    def delete(self, call: Call, old: State) -> None:
        """Remove it and wait until it is gone."""
