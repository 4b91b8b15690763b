"""A decision for a terminal, in colour where it has some. Pure but for printing."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from infra.spend.preview import words
from infra.spend.preview.changes import Change
from infra.spend.preview.cost import Cost
from infra.spend.preview.decision import Decision

MOST_ROWS = 8
_STYLE = {"fine": "green", "note": "dim", "warn": "yellow", "bad": "bold red"}
_COLOUR = {
    "create": "green",
    "update": "yellow",
    "replace": "magenta",
    "delete": "red",
    "import": "cyan",
    "forget": "dim",
}


def show(console: Console, one: Decision) -> None:
    """Print it: what loses data first, the summary last, next to the prompt."""
    if not one.errors:
        for change in one.changes.losses:
            _loss(console, change)
        _changes(console, one)
        _cost(console, one.cost)
        _quota(console, one)
        _capacity(console, one)
    for finding in one.findings:
        style = "bold red" if finding.stops else "yellow"
        console.print(Text.assemble((f"{finding.policy}: ", style), finding.message), soft_wrap=True)
    for warning in one.warnings:
        console.print(Text.assemble(("warning: ", "yellow"), warning), soft_wrap=True)
    for error in one.errors:
        console.print(Text.assemble(("error: ", "bold red"), error), soft_wrap=True)
    _summary(console, one)


def _loss(console: Console, change: Change) -> None:
    if change.loss is None:
        return
    lasting = change.loss.kind == "lasting"
    heading = ("DATA LOSS ", "bold red") if lasting else ("scratch   ", "yellow")
    text = Text.assemble(heading, (f"{change.kind} {change.name}", "bold"))
    text.append(f" is {words.PAST[change.op]}: {change.loss.what}")
    if change.forced_by:
        text.append(f"; forced by {'; '.join(words.reasons(change))}")
    if change.loss.note:
        text.append(f" ({change.loss.note})", style="dim")
    if change.protected:
        text.append(" (protected: `up` will refuse)", style="dim")
    console.print(text, soft_wrap=True)


def _changes(console: Console, one: Decision) -> None:
    for component, changes in one.changes.by_component().items():
        console.print(Text(component or "outside every component", style="bold"))
        for change, names in words.same_reason(changes):
            console.print(_changed(change, names), soft_wrap=True)


def _changed(change: Change, names: Sequence[str]) -> Text:
    text = Text.assemble((f"  {words.SIGN[change.op]} ", _COLOUR[change.op]))
    listed = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    kind = change.kind if len(names) == 1 or not change.properties else f"{len(names)} resources"
    text.append(f"{kind} ", style="dim")
    text.append(listed, style=_COLOUR[change.op])
    if change.properties:
        said = words.reasons(change) or words.properties(change)
        text.append("  forced by " if change.forced_by else "  ", style="dim")
        text.append("; ".join(said), style="dim")
    return text


def _cost(console: Console, cost: Cost | None) -> None:
    if cost is None or not cost.rows:
        return
    table = Table(box=None, pad_edge=False, title="Cost", title_justify="left", title_style="bold")
    for heading in ("what", "an hour", "a month", "resource"):
        table.add_column(
            heading, justify="right" if heading.startswith("a ") or "hour" in heading else "left"
        )
    for row in cost.rows[:MOST_ROWS]:
        table.add_row(
            Text(words.what(row, cost)),
            words.pair(row, words.price),
            words.pair(row, words.price_of_month),
            Text(row.resource, style="dim"),
            style="yellow" if row.changes and row.before is not None else "",
        )
    more = len(cost.rows) - MOST_ROWS
    if more > 0:
        table.add_row(Text(f"{words.many(more, 'smaller line')}: --markdown or --json", style="dim"))
    console.print(table)
    lines = [row.after for row in cost.rows if row.after and row.after.source]
    dates = ", ".join(dict.fromkeys(line.as_of or "no stated date" for line in lines))
    as_of = f"Prices as of {dates}; an" if dates else "An"
    console.print(Text(f"{as_of} estimate, not a bill.", style="dim"))


def _quota(console: Console, one: Decision) -> None:
    if not one.found.quota:
        return
    table = Table(box=None, pad_edge=False, title="Quota", title_justify="left", title_style="bold")
    for heading in ("", "quota", "code", "needed", "free", "limit"):
        table.add_column(heading)
    for line in one.found.quota:
        free, limit = ("not known" if each is None else f"{each:g}" for each in (line.free, line.limit))
        style = {"short": "bold red", "unknown": "dim", "fits": "green"}[line.state]
        state = Text(words.QUOTA[line.state], style=style)
        table.add_row(state, line.name, line.code, f"{line.needed:g} {line.unit}".rstrip(), free, limit)
    console.print(table)
    for note in one.found.quota_notes:
        console.print(Text(note, style="dim"), soft_wrap=True)


def _capacity(console: Console, one: Decision) -> None:
    zones = one.found.zones
    if zones:
        table = Table(box=None, pad_edge=False, title="Capacity", title_justify="left", title_style="bold")
        for heading in ("zone", "machine", "spot now", "last 7 days", "judged"):
            table.add_column(heading)
        for line in zones:
            style = {"good": "green", "poor": "yellow", "none": "bold red", "unknown": "dim"}[line.state]
            table.add_row(
                line.zone, line.best, words.spot(line), words.week(line), Text(line.reason, style=style)
            )
        console.print(table)
    for image in one.found.images:
        style = {True: "green", False: "bold red", None: "dim"}[image.there]
        console.print(Text(f"image {image.id} {words.THERE[image.there]}", style=style))
    for note in one.found.capacity_notes:
        console.print(Text(note, style="dim"), soft_wrap=True)


def _summary(console: Console, one: Decision) -> None:
    console.print()
    for each in words.summary(one):
        text = Text.assemble((f"{each.heading:<10}", "bold"), (each.text, _STYLE[each.level]))
        console.print(text, soft_wrap=True)
    for exceeded in one.exceeded:
        console.print(
            Text(f"over --{exceeded.threshold}: {exceeded.reason}", style="bold red"), soft_wrap=True
        )
