"""What a preview costs before and after, line by line. Pure; the prices are `infra.spend.estimate`'s."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from infra.spend import estimate
from infra.spend.estimate import Line, Priced, Total
from infra.spend.estimates.lines import number
from infra.spend.preview.reading import Recording, State, Step, name_of, type_of

_BUDGET = "aws:budgets/budget:Budget"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One thing that costs, before and after; None on the side where it is not there."""

    resource: str
    before: Line | None
    after: Line | None

    @property
    def weight(self) -> float:
        """What it costs at most in an hour; what is not known weighs most."""
        found = [line.hourly_usd for line in (self.before, self.after) if line]
        return max(float("inf") if usd is None else usd for usd in found)

    @property
    def changes(self) -> bool:
        """Whether its price or what it is changes."""
        return _price(self.before) != _price(self.after)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """rows: the dearest first. budget_usd: the limit of a month that the environment has; None without."""

    before: Total
    after: Total
    rows: tuple[Row, ...]
    budget_usd: float | None = None

    @property
    def hourly_delta(self) -> float:
        """US dollars an hour, of what is known."""
        return self.after.hourly_usd - self.before.hourly_usd

    @property
    def monthly_delta(self) -> float:
        """US dollars a month, of what is known."""
        return self.hourly_delta * estimate.HOURS_A_MONTH

    @property
    def first(self) -> bool:
        """Whether nothing of this is there yet."""
        return all(row.before is None for row in self.rows)

    @property
    def last(self) -> bool:
        """Whether nothing of this will be left."""
        return all(row.after is None for row in self.rows)

    @property
    def uneven(self) -> bool:
        """Whether something of unknown price comes, goes or changes, so that no difference can be had."""
        return any(
            row.changes and any(line and line.hourly_usd is None for line in (row.before, row.after))
            for row in self.rows
        )


def of(recording: Recording) -> Cost:
    """The cost of a preview that lists what stays as it is too."""
    old, new = before(recording), after(recording)
    lines_before, lines_after = estimate.lines(old), estimate.lines(new)
    rows = sorted(_rows(lines_before, lines_after), key=lambda row: (-row.weight, row.resource))
    return Cost(
        before=estimate.total(lines_before),
        after=estimate.total(lines_after),
        rows=tuple(rows),
        budget_usd=_budget(new),
    )


def before(recording: Recording) -> list[Priced]:
    """The resources as they are."""
    found: dict[str, State] = {}
    for step in recording.steps:
        if step.old is not None and step.old.custom:
            found.setdefault(step.urn, step.old)
    return [
        Priced(type=type_of(urn), name=name_of(urn), props={**state.outputs, **state.inputs})
        for urn, state in found.items()
    ]


def after(recording: Recording) -> list[Priced]:
    """The resources as they would be."""
    found: dict[str, Priced] = {}
    for step in recording.steps:
        if step.new is None or not step.new.custom:
            continue
        props = {**_kept(step), **step.new.outputs, **step.new.inputs}
        found[step.urn] = Priced(type=type_of(step.urn), name=name_of(step.urn), props=props)
    return list(found.values())


def _kept(step: Step) -> dict[str, object]:
    """What the cloud said of a resource that stays the same one."""
    return dict(step.old.outputs) if step.old and step.op in {"same", "update"} else {}


def _rows(old: Sequence[Line], new: Sequence[Line]) -> Iterable[Row]:
    """Lines of both sides in pairs: by what they are, else in the order in which a resource has them."""
    resources = dict.fromkeys(line.resource for line in [*old, *new])
    for resource in resources:
        left = [line for line in old if line.resource == resource]
        right = [line for line in new if line.resource == resource]
        for line in list(left):
            twin = next((other for other in right if other.what == line.what), None)
            if twin is not None:
                left.remove(line)
                right.remove(twin)
                yield Row(resource=resource, before=line, after=twin)
        for number_, line in enumerate(left):
            yield Row(resource=resource, before=line, after=right[number_] if number_ < len(right) else None)
        for line in right[len(left) :]:
            yield Row(resource=resource, before=None, after=line)


def _budget(resources: Iterable[Priced]) -> float | None:
    limits = [
        number(one.props, "limitAmount")
        for one in resources
        if one.type == _BUDGET and one.props.get("timeUnit") == "MONTHLY"
    ]
    known = [limit for limit in limits if limit is not None]
    return min(known) if known else None


def _price(line: Line | None) -> tuple[str, float | None]:
    return (line.what, line.hourly_usd) if line else ("", 0.0)
