"""What the account has of an environment beside its state: what may be cleared away, what is to be told."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from infra.spend.leaks import IN_USE, LEAKED, PROTECTED, TOO_YOUNG, Finding
from rehearsal.errors import BerthError
from scripts.berth.place import Place
from scripts.berth.teardown.order import holds_data

CLEAR_MINUTES = 1.0
"""How long to try on before the engine has another turn, which may be what it waits for."""


@dataclass(frozen=True, kw_only=True)
class Left:
    """What was found. unknown: why the account could not be asked, empty where it could."""

    findings: tuple[Finding, ...] = ()
    unknown: str = ""

    @property
    def counted(self) -> list[Finding]:
        """All that is not meant to stay."""
        return [one for one in self.findings if one.cls != PROTECTED]

    @property
    def kept(self) -> list[Finding]:
        """What is protected: it costs, and it is meant to."""
        return [one for one in self.findings if one.cls == PROTECTED]


def look(
    place: Place, env: str, *, clusters: Iterable[str] = (), region: str = "", destroyed: bool = False
) -> Left:
    """Ask the account. Where it does not answer, that is what is found."""
    from scripts.berth import leaks

    try:
        found = leaks.find(place, env, clusters=clusters, region=region, destroyed=destroyed)
    except BerthError as problem:
        return Left(unknown=problem.message)
    return Left(findings=tuple(found))


def in_the_way(found: Sequence[Finding]) -> list[Finding]:
    """What may be deleted, and can hold a network or a group: all that is leaked, but for lasting data."""
    return [one for one in found if one.cls == LEAKED and not holds_data(one.type)]


def however_young(found: Sequence[Finding]) -> list[Finding]:
    """The same, where our destroy has the stack: no `up` is about to put what is young into the state."""
    return [replace(one, cls=LEAKED) if one.cls == TOO_YOUNG else one for one in found]


def clear(
    place: Place, found: Sequence[Finding], say: Callable[[str], None], *, minutes: float = CLEAR_MINUTES
) -> list[str]:
    """Delete what is leaked of these findings, each written down; returns what has gone."""
    from scripts.berth import leaks

    if not found:
        return []
    done = leaks.delete(place, found, leaks.log_of(place), say, minutes=minutes)
    return [f"{one.finding.kind} {one.finding.id}" for one in done if one.done]


def strangers(found: Sequence[Finding]) -> list[str]:
    """What may hold the environment's network or groups, and is not to be deleted: in a line each."""
    return [
        f"{one.kind} {one.id} ({one.cls}: {one.reason})"
        for one in found
        if one.type and one.cls not in {LEAKED, PROTECTED, IN_USE} and not holds_data(one.type)
    ]
