"""The order in which a stack's resources are deleted, and the data that goes with them. Pure.

The order is the engine's own: a resource goes once everything that needs it has gone, and all that is not
held any more goes at once.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.spend.preview import losses as data_losses
from infra.spend.preview import reading
from scripts.berth.teardown.state import Resource, State, real, resources


@dataclass(frozen=True, kw_only=True)
class Step:
    """What is deleted at the same time. parts: by outermost component, kinds with their numbers."""

    number: int
    parts: Mapping[str, Mapping[str, int]]

    def __str__(self) -> str:
        return "; ".join(f"{name}: {_listed(kinds)}" for name, kinds in self.parts.items())


@dataclass(frozen=True, kw_only=True)
class Loss:
    """Data that a teardown ends. fate: `deleted`, `snapshot` (saved first) or `kept` (protected, stays)."""

    resource: Resource
    what: str
    fate: str

    @property
    def name(self) -> str:
        return self.resource.name


def steps(state: State) -> list[Step]:
    """The steps of a destroy, the first first; components and providers do not count."""
    known = resources(state)
    level = _levels(known)
    by_urn = {one.urn: one for one in known}
    found: dict[int, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for one in known:
        if one.real:
            found[level[one.urn]][_component(one, by_urn)][one.kind] += 1
    return [
        Step(number=number, parts={name: dict(found[at][name]) for name in sorted(found[at])})
        for number, at in enumerate(sorted(found), 1)
    ]


def losses(state: State, *, all_disks: bool = False) -> list[Loss]:
    """The data that goes, stays or is saved. all_disks: those that are not protected are saved as well."""
    found = []
    for one in real(state):
        data = _data(one)
        if data is None and not one.protected:
            continue
        fate = "kept" if one.protected else "deleted"
        if one.type in SAVED and (one.protected or all_disks):
            fate = "snapshot"
        note = f"; {data.note}" if data and data.note else ""
        what = f"{data.what}{note}" if data else "protected"
        found.append(Loss(resource=one, what=what, fate=fate))
    return found


def holds_data(kind: str) -> bool:
    """Whether deleting a resource of this type, Pulumi's token, ends lasting data."""
    found = _lost(kind, {}, retained=False)
    return found is not None and found.kind == "lasting"


def _data(one: Resource) -> data_losses.Loss | None:
    return _lost(one.type, one.props, retained=one.retained)


def _lost(kind: str, props: Mapping[str, Any], *, retained: bool) -> data_losses.Loss | None:
    urn = f"urn:pulumi:stack::project::{kind}::name"
    old = reading.State(
        urn=urn, custom=True, parent="", protect=False, retained=retained, inputs=props, outputs={}
    )
    # As if it were replaced: an object that the program made is its bucket's loss.
    return data_losses.of(reading.Step(op="replace", urn=urn, old=old, new=None), "replace")


def _levels(known: Sequence[Resource]) -> dict[str, int]:
    """By URN: 0 for what nothing needs, else one more than the highest of those that need it."""
    level = {one.urn: 0 for one in known}
    # The state has each resource after what it needs, so that backwards every holder comes first.
    for one in reversed(known):
        own = level[one.urn] + (1 if one.real else 0)
        for needed in one.needs:
            level[needed] = max(level.get(needed, 0), own)
    return level


def _component(one: Resource, by_urn: Mapping[str, Resource]) -> str:
    outermost = one
    while (parent := by_urn.get(outermost.parent)) is not None and not parent.type.startswith("pulumi:"):
        outermost = parent
    return outermost.name


def _listed(kinds: Mapping[str, int]) -> str:
    return ", ".join(kind if count == 1 else f"{count} {kind}" for kind, count in sorted(kinds.items()))


SAVED = frozenset({"aws:ebs/volume:Volume", "aws:ec2/instance:Instance", "aws:autoscaling/group:Group"})
"""Types whose disks AWS makes snapshots of."""
