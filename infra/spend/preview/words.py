"""The words of a decision that both its Markdown and its terminal view use. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from infra.spend.capacity import ZoneLine
from infra.spend.estimate import HOURS_A_MONTH, Line, Total, money
from infra.spend.preview.changes import Change, Changes, Property
from infra.spend.preview.cost import Cost, Row
from infra.spend.preview.decision import Decision, Lifetime

Level = Literal["fine", "note", "warn", "bad"]
PAST = {
    "delete": "deleted",
    "replace": "replaced",
    "update": "updated",
    "create": "created",
    "import": "imported",
    "forget": "left alone",
}
SIGN = {"create": "+", "update": "~", "replace": "±", "delete": "-", "import": "=", "forget": "!"}
NOT_KNOWN = "not known"
ARROW = "→"
QUOTA = {"short": "too small", "unknown": "not known", "fits": "fits"}
THERE = {True: "is there", False: "is gone", None: "could not be looked up"}


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A line at the top: its heading, the text, and how grave it is."""

    heading: str
    text: str
    level: Level = "fine"


def counted(changes: Changes) -> str:
    """`2 created, 1 replaced`, or `no changes`."""
    return ", ".join(f"{number} {PAST[op]}" for op, number in changes.counts.items()) or "no changes"


def many(number: int, one: str, more: str = "") -> str:
    """`1 disk`, `2 disks`."""
    return f"{number} {one if number == 1 else more or one + 's'}"


def moved(before: str, after: str) -> str:
    """`before → after`, or the one where they are the same."""
    return after if before == after else f"{before} {ARROW} {after}"


def hourly(usd: float) -> str:
    """Dollars for an hour: $0.284."""
    if usd == 0:
        return "$0"
    return f"${usd:,.3f}" if abs(usd) < 100 else f"${usd:,.2f}"


def monthly(usd: float) -> str:
    """Dollars for a month: $20.73, $207."""
    if usd == 0:
        return "$0"
    return f"${usd:,.2f}" if abs(usd) < 100 else f"${usd:,.0f}"


def signed(usd: float, text: str) -> str:
    """A difference with its sign."""
    return f"+{text}" if usd >= 0 else text.replace("$-", "-$")


def price(line: Line | None) -> str:
    """An hour of a line; a dash where there is nothing to pay for."""
    if line is None:
        return "-"
    return NOT_KNOWN if line.hourly_usd is None else money(line.hourly_usd)


def price_of_month(line: Line | None) -> str:
    """A month of a line."""
    if line is None:
        return "-"
    return NOT_KNOWN if line.hourly_usd is None else monthly(line.hourly_usd * HOURS_A_MONTH)


def what(row: Row, cost: Cost) -> str:
    """What a row pays for; new or gone, unless everything is."""
    sides = [line.what for line in (row.before, row.after) if line]
    text = f" {ARROW} ".join(dict.fromkeys(sides))
    if cost.first or cost.last or (row.before and row.after):
        return text
    return f"{'new' if row.after else 'gone'}: {text}"


def pair(row: Row, of: Callable[[Line | None], str]) -> str:
    """A price of a row before and after; the one where the other side is not there."""
    return moved(of(row.before), of(row.after)) if row.before and row.after else of(row.after or row.before)


def totals(cost: Cost) -> tuple[str, str, str]:
    """An hour, a month, and the difference that the preview makes, in words."""
    hour = moved(*(least(hourly(one.hourly_usd), one) for one in (cost.before, cost.after)))
    month = moved(*(least(monthly(one.monthly_usd), one) for one in (cost.before, cost.after)))
    if cost.uneven:
        return hour, month, "the difference is not known"
    if abs(cost.monthly_delta) < 0.005:
        return hour, month, "no difference"
    difference = signed(cost.monthly_delta, monthly(cost.monthly_delta))
    return hour, month, f"{difference} a month"


def least(text: str, total: Total) -> str:
    """A sum, which is the least that it may be where a price is not known."""
    return f"at least {text}" if total.unknown else text


def unknown(cost: Cost) -> str:
    """Which prices are not known, in words; empty where all are."""
    names = cost.after.unknown
    if not names:
        return ""
    return f"{many(len(names), 'price')} not known, not counted: {', '.join(names)}"


def spot(line: ZoneLine) -> str:
    """The spot price of a zone's best machine now."""
    return NOT_KNOWN if line.spot_now is None else f"${line.spot_now:.4f}"


def week(line: ZoneLine) -> str:
    """Between what that price was in the last 7 days."""
    if line.spot_low is None or line.spot_high is None:
        return NOT_KNOWN
    return moved(f"${line.spot_low:.4f}", f"${line.spot_high:.4f}").replace(ARROW, "to")


def lifetime(one: Lifetime) -> Summary:
    """When it ends."""
    if one.ends is None:
        return Summary(heading="Lifetime", text="no end is set", level="note")
    if one.ended:
        text = f"ended {stamp(one.ends)}: `up` is refused until `berth extend` sets a later end"
        return Summary(heading="Lifetime", text=text, level="bad")
    text = f"ends {stamp(one.ends)}, in {span(one.hours_left or 0.0)}"
    if one.before and one.before != one.ends:
        text += f" (deployed: {stamp(one.before)})"
    return Summary(heading="Lifetime", text=text)


def stamp(when: datetime) -> str:
    """2026-11-23 13:17 UTC."""
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def span(hours: float) -> str:
    """`7 h 50 min`, `3 days`."""
    if hours >= 48:
        return f"{hours / 24:.0f} days"
    minutes = round(hours * 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def summary(one: Decision) -> list[Summary]:
    """The decision in a line a section."""
    if one.errors:
        text = "the preview failed: neither they nor the cost are known, and nothing was looked up"
        return [Summary(heading="Changes", text=text, level="bad"), lifetime(one.lifetime)]
    sections = (_changes, _data, _cost, _quota, _capacity, _policy)
    found = [section(one) for section in sections]
    return [*(each for each in found if each), lifetime(one.lifetime)]


def _changes(one: Decision) -> Summary:
    same = f"; {one.changes.same} stay as they are" if one.changes.same else ""
    return Summary(heading="Changes", text=f"{counted(one.changes)}{same}")


def _data(one: Decision) -> Summary | None:
    lasting = len(one.changes.lasting)
    if lasting:
        text = f"{many(lasting, 'resource')} with lasting data will be deleted or replaced"
        return Summary(heading="Data", text=text, level="bad")
    if not one.changes.losses:
        return None
    text = "machines are deleted or replaced with what is on their own disks"
    return Summary(heading="Data", text=text, level="warn")


def _cost(one: Decision) -> Summary:
    if one.cost is None:
        return Summary(heading="Cost", text=NOT_KNOWN, level="note")
    if not one.cost.rows:
        return Summary(heading="Cost", text="nothing here has a price of its own")
    hour, month, delta = totals(one.cost)
    said = unknown(one.cost)
    parts = [f"{hour} an hour, {month} a month ({delta})", *([said] if said else [])]
    after, budget = one.cost.after, one.cost.budget_usd
    if budget is not None and after.monthly_usd > budget:
        parts.append(f"a whole month is over the budget of {monthly(budget)}")
    left = one.lifetime.hours_left
    if left and after.hourly_usd:
        parts.append(f"{least(monthly(after.hourly_usd * left), after)} until the lifetime ends")
    # A month's budget is not reached by what ends before.
    spent = after.hourly_usd * min(left or HOURS_A_MONTH, HOURS_A_MONTH)
    over = budget is not None and spent > budget
    return Summary(heading="Cost", text="; ".join(parts), level="warn" if over or said else "fine")


def _quota(one: Decision) -> Summary:
    lines = one.found.quota
    if one.short:
        listed = ", ".join(
            f"{line.name} needs {line.needed:g} {line.unit}".rstrip()
            + f", has {(line.limit if line.free is None else line.free) or 0:g}"
            for line in one.short
        )
        return Summary(heading="Quota", text=f"too small: {listed}", level="bad")
    if not lines:
        notes = one.found.quota_notes
        text = notes[0] if notes else "nothing here counts against one"
        return Summary(heading="Quota", text=text, level="note" if notes else "fine")
    open_ = sum(1 for line in lines if line.state == "unknown")
    if not open_:
        return Summary(heading="Quota", text=f"room in {many(len(lines), 'quota')}")
    text = "; ".join([f"{NOT_KNOWN} for {open_} of {many(len(lines), 'quota')}", *one.found.quota_notes[:1]])
    return Summary(heading="Quota", text=text, level="note")


def _capacity(one: Decision) -> Summary:
    found = one.found
    if found.gone:
        return Summary(heading="Capacity", text=f"image gone: {', '.join(found.gone)}", level="bad")
    if not found.zones:
        notes = found.capacity_notes
        return Summary(heading="Capacity", text=notes[0] if notes else "no machines to look up", level="note")
    if found.nowhere:
        return Summary(heading="Capacity", text="no zone can have the machine", level="bad")
    best = found.zones[0]
    level: Level = {"good": "fine", "poor": "warn"}.get(best.state, "note")  # type: ignore[assignment]
    return Summary(heading="Capacity", text=f"{best.zone}: {best.reason}", level=level)


def _policy(one: Decision) -> Summary:
    if one.stopped:
        names = ", ".join(dict.fromkeys(finding.policy for finding in one.stopped))
        return Summary(heading="Policy", text=f"`up` is refused by {names}", level="bad")
    if one.findings:
        return Summary(heading="Policy", text=many(len(one.findings), "finding"), level="warn")
    if not one.judged:
        return Summary(heading="Policy", text="not judged: the policy pack is not installed", level="note")
    return Summary(heading="Policy", text="no finding")


def properties(change: Change, most: int = 4) -> list[str]:
    """The properties that change, the forcing ones first."""
    listed = [prop(one) for one in change.properties[:most]]
    more = len(change.properties) - most
    return [*listed, *([f"{more} more"] if more > 0 else [])]


def prop(one: Property) -> str:
    """`cidrBlock: 10.42.0.0/16 → 10.77.0.0/16`."""
    if one.before == one.after:
        return f"{one.path} changes"
    return f"{one.path}: {one.before or 'none'} {ARROW} {one.after or 'none'}"


def reasons(change: Change) -> list[str]:
    """The properties that force a replacement, in words."""
    return ["its provider changes" if one.path == "provider" else prop(one) for one in change.forced_by]


def same_reason(changes: Sequence[Change]) -> list[tuple[Change, list[str]]]:
    """Changes of a kind for the same reason as one: the first, and the names of all."""
    found: dict[tuple[object, ...], tuple[Change, list[str]]] = {}
    for one in changes:
        kind = one.kind if one.loss or not one.properties else ""
        key = (one.op, one.loss, tuple((each.path, each.after) for each in one.properties), kind)
        found.setdefault(key, (one, []))[1].append(one.name)
    return list(found.values())
