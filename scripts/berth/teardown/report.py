"""What `berth down` shows before it asks, and tells at its end; the same as JSON."""

from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.text import Text

from infra.spend.leaks import IN_USE
from scripts.berth import leaks
from scripts.berth.leaks import view
from scripts.berth.place import Place
from scripts.berth.teardown.down import Outcome, Plan

_FATES = {"deleted": "[red]lost[/]", "snapshot": "[green]saved[/]", "kept": "[green]stays[/]"}
_MEANS = {"deleted": "", "snapshot": ", in a snapshot", "kept": ": it is protected"}


def plan(console: Console, place: Place, found: Plan) -> None:
    """The order, the data and what is in the way."""
    where = "the rehearsal" if place.rehearsed else "your account"
    console.print(f"[bold]{found.env}[/] in {where}: {found.count} resources{_costs(found)}", highlight=False)
    for step in found.steps:
        console.print(Text(f"  {step.number}. {step}"), soft_wrap=True)
    if found.losses:
        console.print("[bold]Data[/]")
    for loss in found.losses:
        text = Text.from_markup(f"  {_FATES[loss.fate]:<5} ")
        text.append(f"{loss.resource.kind} {loss.name}: {loss.what}{_MEANS[loss.fate]}")
        console.print(text, soft_wrap=True)
    for cluster, why in found.silent:
        console.print(f"[yellow]forgotten[/] {why} ({_short(cluster.provider)})", highlight=False)
    if found.behind.unknown:
        console.print(
            f"[yellow]not known[/] what else there is: {_first(found.behind.unknown)}", highlight=False
        )
    if behind := [one for one in found.behind.findings if one.cls != IN_USE]:
        console.print("[bold]Not in the state[/]")
        leaks.report(console, behind)


def outcome(console: Console, place: Place, done: Outcome) -> None:
    """What went, and what is left with its cost a day."""
    for one in done.snapshots:
        console.print(f"saved {one.id}: {one.of}'s {one.volume}, {one.gib} GiB", highlight=False)
    if done.attempts and done.attempts[-1].status:
        for reason in done.attempts[-1].reasons:
            console.print(Text(f"not deleted: {reason}"), soft_wrap=True)
        console.print(f"The engine's log is {done.log}", highlight=False)
    for resource in done.remaining:
        mark = "protected" if resource.protected else "not deleted"
        console.print(Text(f"  in the state still: {resource.kind} {resource.name} ({mark})"), soft_wrap=True)
    if done.left.findings:
        leaks.report(console, done.left.findings)
    went = f"{done.resources - len(done.remaining)} of {done.resources} resources destroyed"
    attempts = f" in {len(done.attempts)} attempts" if len(done.attempts) > 1 else ""
    console.print(f"{done.env}: {went}{attempts}, {done.seconds:.0f} s", highlight=False)
    if done.left.unknown:
        console.print(f"[yellow]The account could not be asked what is left[/]: {_first(done.left.unknown)}")
    if done.complete:
        kept = f", but for what is protected ({view.sum_of(done.left.kept)})" if done.left.kept else ""
        console.print(f"[green]Nothing is left[/]{kept}.", highlight=False)
        return
    number = len(done.remaining) + len(done.left.counted)
    things = "1 thing is" if number == 1 else f"{number} things are"
    if number:
        console.print(
            f"[red]{things} left[/]; those not in the state: {view.sum_of(done.left.counted)}.",
            highlight=False,
        )
    for line in _next(place, done):
        console.print(f"  {line}", highlight=False)


def as_mapping(done: Outcome) -> dict[str, Any]:
    """The outcome, for `--json`."""
    known = [one.daily_usd for one in done.left.counted if one.daily_usd is not None]
    return {
        "environment": done.env,
        "complete": done.complete,
        "resources": done.resources,
        "resolved_operations": done.resolved,
        "attempts": [asdict(one) for one in done.attempts],
        "snapshots": [asdict(one) for one in done.snapshots],
        "drained": done.drained,
        "forgotten": done.forgotten,
        "cleared": done.cleared,
        "notes": done.notes,
        "remaining": [
            {"type": one.type, "name": one.name, "id": one.id, "protected": one.protected}
            for one in done.remaining
        ],
        "left": leaks.as_mapping(done.left.counted)["findings"],
        "kept": leaks.as_mapping(done.left.kept)["findings"],
        "left_daily_usd": sum(known),
        "left_of_unknown_price": [one.id for one in done.left.counted if one.daily_usd is None],
        "account_not_asked": done.left.unknown or None,
        "log": str(done.log) if done.log else None,
        "seconds": round(done.seconds, 1),
    }


def _next(place: Place, done: Outcome) -> list[str]:
    lines = []
    if any(one.cls == "leaked" for one in done.left.counted):
        lines.append(f"Delete what is leaked: {place.prefix} leaks {done.env} --delete")
    if any(one.protected for one in done.remaining):
        lines.append(
            "Protected resources stay until their protection is lifted: `pulumi state unprotect URN`"
        )
    lines.append(f"Go on: {place.prefix} down {done.env}")
    return lines


def _costs(found: Plan) -> str:
    if not found.hourly_usd:
        return ""
    unknown = f", {len(found.unpriced)} of unknown price beside" if found.unpriced else ""
    return f", about ${found.hourly_usd:.3f} an hour{unknown}"


def _short(urn: str) -> str:
    return urn.rpartition("::")[2]


def _first(text: str) -> str:
    return text.splitlines()[0]
