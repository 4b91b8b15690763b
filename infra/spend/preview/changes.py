"""What a preview changes, by component, with what loses data in front. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from infra.spend.preview import losses, values
from infra.spend.preview.losses import Loss
from infra.spend.preview.reading import PROVIDER, STACK, Recording, State, Step, name_of, type_of

OPS = ("delete", "replace", "update", "create", "import", "forget")
_OP = {
    "create": "create",
    "update": "update",
    "delete": "delete",
    "replace": "replace",
    "create-replacement": "replace",
    "delete-replaced": "replace",
    "import": "import",
    "import-replacement": "replace",
    "discard": "forget",
}
_NOISE = ("tagsAll", "__")


@dataclass(frozen=True, kw_only=True)
class Property:
    """A property that changes. before, after: in words, empty where there is none. forces: a replacement."""

    path: str
    before: str
    after: str
    forces: bool


@dataclass(frozen=True, kw_only=True)
class Change:
    """A resource that changes. kind: its type in short, such as ec2.Vpc. loss: what data goes with it."""

    op: str
    urn: str
    type: str
    kind: str
    name: str
    component: str
    properties: tuple[Property, ...]
    loss: Loss | None
    protected: bool

    @property
    def forced_by(self) -> tuple[Property, ...]:
        """The properties that force the replacement."""
        return tuple(one for one in self.properties if one.forces) if self.op == "replace" else ()


@dataclass(frozen=True, kw_only=True)
class Changes:
    """Every change, and how many resources stay as they are.

    all: by component, those first in which something is lost.
    """

    all: tuple[Change, ...]
    same: int

    @property
    def counts(self) -> Mapping[str, int]:
        """How many of each kind, zeros left out."""
        found = Counter(one.op for one in self.all)
        return {op: found[op] for op in OPS if found[op]}

    @property
    def losses(self) -> tuple[Change, ...]:
        """What loses data, lasting data first."""
        lost = [one for one in self.all if one.loss]
        return tuple(sorted(lost, key=lambda one: one.loss is not None and one.loss.kind != "lasting"))

    @property
    def lasting(self) -> tuple[Change, ...]:
        """What loses lasting data."""
        return tuple(one for one in self.losses if one.loss and one.loss.kind == "lasting")

    @property
    def causes(self) -> tuple[Change, ...]:
        """The replacements that the values themselves ask for; the others follow from them."""
        forced = [one for one in self.all if one.forced_by]
        sure = tuple(one for one in forced if all(map(_is_new, one.forced_by)))
        return sure or tuple(one for one in forced if any(map(_is_new, one.forced_by)))

    def by_component(self) -> Mapping[str, tuple[Change, ...]]:
        """The changes of each component."""
        found: dict[str, list[Change]] = {}
        for one in self.all:
            found.setdefault(one.component, []).append(one)
        return {component: tuple(listed) for component, listed in found.items()}


def of(recording: Recording) -> Changes:
    """The changes of a preview."""
    steps = _by_urn(recording.steps)
    states = {urn: found for urn, step in steps.items() if (found := step.new or step.old)}
    listed = [_change(step, op, states) for step in steps.values() if (op := _op(step)) and _counts(step)]
    listed = _with_machines(listed, steps)
    same = sum(1 for step in steps.values() if not _op(step) and _counts(step) and step.op == "same")
    return Changes(all=tuple(_sorted(listed)), same=same)


def kind(token: str) -> str:
    """A type in short: ec2.Vpc for aws:ec2/vpc:Vpc, Deployment for kubernetes:apps/v1:Deployment."""
    package, _, rest = token.partition(":")
    module, _, short = rest.rpartition(":")
    if package == "kubernetes":
        return short
    if token.startswith(PROVIDER):
        return f"provider {short}"
    head = module.partition("/")[0]
    return f"berth.{short}" if head == "dynamic" else f"{head}.{short}" if head else short


def _is_new(one: Property) -> bool:
    return bool(one.after) and one.after != values.AFTER_UP


def _by_urn(steps: Iterable[Step]) -> dict[str, Step]:
    """One step for each resource: of a replacement's three, the one that says why."""
    found: dict[str, Step] = {}
    for step in steps:
        kept = found.get(step.urn)
        if kept is None or (step.op == "replace" and kept.op != "replace"):
            found[step.urn] = step
    return found


def _op(step: Step) -> str:
    # What an earlier, interrupted replacement left behind is deleted and not made again.
    return "delete" if step.op == "delete-replaced" and step.new is None else _OP.get(step.op, "")


def _counts(step: Step) -> bool:
    state = step.new or step.old
    token = type_of(step.urn)
    if state is None or not state.custom or token == STACK:
        return False
    return not token.startswith(PROVIDER) or _op(step) == "replace"


def _change(step: Step, op: str, states: Mapping[str, State]) -> Change:
    token = type_of(step.urn)
    state = step.old or step.new
    return Change(
        op=op,
        urn=step.urn,
        type=token,
        kind=kind(token),
        name=name_of(step.urn),
        component=_component(step.urn, states),
        properties=_properties(step, op),
        loss=losses.of(step, op),
        protected=bool(state and state.protect and op in {"delete", "replace"}),
    )


def _component(urn: str, states: Mapping[str, State]) -> str:
    """The name of the outermost component that a resource is in; empty where it is in none."""
    inside = ""
    seen: set[str] = set()
    while (state := states.get(urn)) and state.parent and type_of(state.parent) != STACK and urn not in seen:
        seen.add(urn)
        urn = inside = state.parent
    if not inside:
        return name_of(urn) if (own := states.get(urn)) and not own.custom else ""
    return name_of(inside)


def _properties(step: Step, op: str) -> tuple[Property, ...]:
    if op not in {"update", "replace"}:
        return ()
    paths = dict.fromkeys([*step.keys, *step.detailed, *([] if step.detailed else step.diffs)])
    # A key beside the paths below it says nothing more.
    kept = [
        path
        for path in paths
        if not path.startswith(_NOISE)
        and not any(other.startswith((f"{path}.", f"{path}[")) for other in paths)
    ]
    found = [_property(step, path) for path in kept]
    return tuple(sorted(found, key=lambda one: not one.forces))


def _property(step: Step, path: str) -> Property:
    old = step.old.inputs if step.old else {}
    outputs = step.old.outputs if step.old else {}
    return Property(
        path=path,
        before=values.at(old, path) or values.at(outputs, path),
        after=values.at(step.new.inputs if step.new else {}, path),
        forces=_forces(step, path),
    )


def _forces(step: Step, path: str) -> bool:
    """Whether a property forces the replacement; without details the engine names its key alone."""
    if path in step.detailed and any(kind.endswith("-replace") for kind in step.detailed.values()):
        return step.detailed[path].endswith("-replace")
    return re.split(r"[.\[]", path, maxsplit=1)[0] in step.keys


def _with_machines(listed: Sequence[Change], steps: Mapping[str, Step]) -> list[Change]:
    """Groups that replace their machines when they are updated lose what is on the machines."""
    templates = [step for step in steps.values() if type_of(step.urn) == losses.TEMPLATE]
    template = templates[0] if len(templates) == 1 else None
    return [
        Change(**{**vars(one), "loss": losses.of_template(template, steps[one.urn])})
        if one.type == losses.GROUP and one.op == "update"
        else one
        for one in listed
    ]


def _sorted(listed: Sequence[Change]) -> list[Change]:
    weight = {"delete": 1, "replace": 2, "update": 3, "create": 4, "import": 5, "forget": 6}

    def of_one(one: Change) -> int:
        lasting = one.loss is not None and one.loss.kind == "lasting"
        return -2 if lasting else -1 if one.loss else weight[one.op]

    worst: dict[str, int] = {}
    for one in listed:
        worst[one.component] = min(worst.get(one.component, 9), of_one(one))
    order = {name: number for number, name in enumerate(sorted(worst, key=lambda name: (worst[name], name)))}
    return sorted(listed, key=lambda one: (order[one.component], of_one(one), one.name, one.type))
