"""A decision as a comment in Markdown, for GitHub and GitLab. Pure.

It begins with a marker that is not shown, so that CI finds and edits the one comment of an environment. Names
and values come from whoever wrote the change: they stand in code spans, where nothing of them is markup.
"""

from collections.abc import Iterable, Iterator, Sequence

from infra.spend.estimate import HOURS_A_MONTH, Line, money
from infra.spend.preview import words
from infra.spend.preview.changes import Change
from infra.spend.preview.cost import Cost, Row
from infra.spend.preview.decision import Decision
from infra.spend.preview.words import Summary

# GitHub's limit is 65,536. https://github.com/orgs/community/discussions/41331
LONGEST = 60_000
MOST_ROWS = 10
_ZONE = {"good": "✅", "poor": "⚠️", "none": "⛔", "unknown": "▫️"}
_QUOTA = {"short": "⛔", "unknown": "▫️", "fits": "✅"}
_MARK = {"fine": "✅", "note": "▫️", "warn": "⚠️", "bad": "⛔"}


def marker(environment: str) -> str:
    """What a comment on an environment begins with."""
    return f"<!-- berth-preview:{environment} -->"


def render(one: Decision) -> str:
    """The comment. Of one that would be too long, the list of changes is left out, then its end."""
    whole = _joined(one, list(_changes(one)))
    if len(whole) <= LONGEST:
        return whole
    left_out = ["### Changes", "", "Too many to list here; `berth preview` lists them.", ""]
    short = _joined(one, left_out)
    if len(short) <= LONGEST:
        return short
    whole_lines = short[:LONGEST].rpartition("\n")[0]
    return f"{whole_lines}\n\nThere is more than a comment can hold; `berth preview` shows all of it.\n"


def _joined(one: Decision, changes: Iterable[str]) -> str:
    if one.errors:
        # What the program did not come to is not in the changes, so that they would say too little.
        return "\n".join([*_head(one), *_errors(one), *_warnings(one)]).rstrip() + "\n"
    parts = [*_head(one), *_exceeded(one), *_losses(one), *changes]
    parts += [*_cost(one.cost), *_quota(one), *_capacity(one), *_policy(one), *_warnings(one)]
    return "\n".join(parts).rstrip() + "\n"


def _head(one: Decision) -> Iterator[str]:
    yield marker(one.environment)
    yield f"## Preview of {code(one.environment)}: {_title(one)}"
    yield ""
    if one.rehearsed:
        emulated = ": quota and capacity are the emulated one's" if one.found.quota or one.found.zones else ""
        yield f"Rehearsed without an account{emulated}."
        yield ""
    yield "| | | |"
    yield "|---|---|---|"
    for each in words.summary(one):
        yield _summary(each)
    yield ""


def _title(one: Decision) -> str:
    if one.errors:
        return "it fails"
    title = words.counted(one.changes)
    if one.cost is not None and one.cost.rows:
        title += f", {words.totals(one.cost)[0]} an hour"
    return title


def _summary(each: Summary) -> str:
    return f"| {_MARK[each.level]} | **{each.heading}** | {cell(each.text)} |"


def _exceeded(one: Decision) -> Iterator[str]:
    if one.exceeded:
        yield "> [!CAUTION]"
        yield "> Over a threshold:"
        for each in one.exceeded:
            yield f"> - {code('--' + each.threshold)}: {plain(each.reason)}"
        yield ""


def _errors(one: Decision) -> Iterator[str]:
    for error in one.errors:
        yield from fenced(error)


def _losses(one: Decision) -> Iterator[str]:
    if not one.changes.losses:
        return
    yield "### Data that will be lost" if one.changes.lasting else "### What goes with the machines"
    yield ""
    for change, names in words.same_reason(one.changes.losses):
        yield f"- {_lost(change, names)}"
    yield ""


def _lost(change: Change, names: Sequence[str]) -> str:
    loss = change.loss
    if loss is None:
        return ""
    mark = _MARK["bad" if loss.kind == "lasting" else "warn"]
    text = f"{mark} **{words.PAST[change.op]}** {change.kind} {_names(names)}: {loss.what}"
    if change.forced_by:
        text += f". Forced by {codes(words.reasons(change))}"
    text += f". {loss.note[0].upper()}{loss.note[1:]}" if loss.note else ""
    return text + (". It is protected: `up` will refuse" if change.protected else "")


def _changes(one: Decision) -> Iterator[str]:
    if not one.changes.all:
        return
    yield "### Changes"
    yield ""
    yield from _causes(one)
    for component, changes in one.changes.by_component().items():
        yield from _component(component, changes)


def _causes(one: Decision) -> Iterator[str]:
    replaced = one.changes.counts.get("replace", 0)
    causes = one.changes.causes
    if not causes or len(causes) == replaced:
        return
    follow = replaced - len(causes)
    rest = "the other follows" if follow == 1 else f"the other {follow} follow"
    yield f"{replaced} resources are replaced. What asks for it ({rest}):"
    yield ""
    for change in causes[:5]:
        yield f"- {change.kind} {code(change.name)}: {codes(words.reasons(change))}"
    yield ""


def _component(component: str, changes: Sequence[Change]) -> Iterator[str]:
    counts = {op: sum(1 for one in changes if one.op == op) for op in words.PAST}
    listed = ", ".join(f"{number} {words.PAST[op]}" for op, number in counts.items() if number)
    title = f"<b>{html(component)}</b>" if component else "outside every component"
    yield f"<details><summary>{title}: {listed}</summary>"
    yield ""
    for change, names in words.same_reason(changes):
        yield f"- {_changed(change, names)}"
    yield ""
    yield "</details>"
    yield ""


def _changed(change: Change, names: Sequence[str]) -> str:
    kind = change.kind if len(names) == 1 or not change.properties else "resources"
    count = f"{len(names)} {kind}" if len(names) > 1 else kind
    text = f"{words.PAST[change.op]} {count} {_names(names)}"
    if change.op == "replace" and change.forced_by:
        return f"{text}, forced by {codes(words.reasons(change))}"
    return f"{text}: {codes(words.properties(change))}" if change.properties else text


def _names(names: Sequence[str], most: int = 6) -> str:
    listed = ", ".join(code(name) for name in names[:most])
    return listed + (f" and {len(names) - most} more" if len(names) > most else "")


def _cost(cost: Cost | None) -> Iterator[str]:
    if cost is None or not cost.rows:
        return
    hour, month, delta = words.totals(cost)
    notes = Notes()
    yield "### Cost"
    yield ""
    yield "| What | An hour | A month | Resource |"
    yield "|---|--:|--:|---|"
    for row in cost.rows[:MOST_ROWS]:
        yield _row(row, cost, notes)
    yield from _rest(cost.rows[MOST_ROWS:], notes)
    yield f"| **All that is known** | **{hour}** | **{month}** | {delta} |"
    yield ""
    if cost.after.unknown:
        yield f"**{words.unknown(cost)}**" if len(cost.after.unknown) < 8 else words.unknown(cost)
        yield ""
    yield from _usage(cost.rows)
    yield from notes.render()
    yield "US dollars without tax, from dated tables: an estimate, not a bill. A month is 730 hours."
    yield ""


def _row(row: Row, cost: Cost, notes: "Notes") -> str:
    hour, month = words.pair(row, words.price), words.pair(row, words.price_of_month)
    name = f"{cell(words.what(row, cost))}{notes.mark(row.after or row.before)}"
    name, hour, month = (
        f"**{text}**" if row.changes and not cost.first else text for text in (name, hour, month)
    )
    return f"| {name} | {hour} | {month} | {code(row.resource, table=True)} |"


def _rest(rows: Sequence[Row], notes: "Notes") -> Iterator[str]:
    if not rows:
        return
    sums = [
        sum(line.hourly_usd or 0.0 for line in side if line)
        for side in ([row.before for row in rows], [row.after for row in rows])
    ]
    marks = "".join(dict.fromkeys(notes.mark(row.after or row.before) for row in rows))
    hour = words.moved(*map(money, sums))
    month = words.moved(*(words.monthly(usd * HOURS_A_MONTH) for usd in sums))
    yield f"| {words.many(len(rows), 'smaller line')}{marks} | {hour} | {month} | |"


def _usage(rows: Iterable[Row]) -> Iterator[str]:
    found = dict.fromkeys(
        f"{row.after.what}: {row.after.unit}" for row in rows if row.after is not None and row.after.unit
    )
    if found:
        yield f"Beside that by use: {plain('; '.join(found))}."
        yield ""


class Notes:
    """Footnotes: where a price is from, of when it is, and what was assumed. Each is written once."""

    def __init__(self) -> None:
        self._found: dict[str, int] = {}

    def mark(self, line: Line | None) -> str:
        """The footnote's number behind a line."""
        if line is None:
            return ""
        source = f"{line.source}, {line.as_of or 'of no stated date'}" if line.source else ""
        parts = [source if line.hourly_usd is not None else "", line.assumption]
        text = "; ".join(part for part in parts if part)
        if not text:
            return ""
        return f" <sup>{self._found.setdefault(text, len(self._found) + 1)}</sup>"

    def render(self) -> Iterator[str]:
        """The footnotes themselves."""
        if not self._found:
            return
        yield "<details><summary>Where the prices are from, and what is assumed</summary>"
        yield ""
        for text, number in self._found.items():
            yield f"{number}. {plain(text)}"
        yield ""
        yield "</details>"
        yield ""


def _quota(one: Decision) -> Iterator[str]:
    found = one.found
    if not found.quota:
        return
    yield "### Quota"
    yield ""
    yield "| | Quota | Needed | Free | Limit |"
    yield "|---|---|--:|--:|--:|"
    for line in sorted(found.quota, key=lambda each: ("short", "unknown", "fits").index(each.state)):
        mark = f"{_QUOTA[line.state]} {words.QUOTA[line.state]}"
        free, limit = ("not known" if usd is None else f"{usd:g}" for usd in (line.free, line.limit))
        name = f"{cell(line.name)} {code(line.code, table=True)} {line.region}".rstrip()
        needed = f"{line.needed:g} {line.unit}".rstrip()
        yield f"| {mark} | {name} | {needed} | {free} | {limit} |"
    yield ""
    for note in found.quota_notes:
        yield f"{plain(note)}."
        yield ""


def _capacity(one: Decision) -> Iterator[str]:
    found = one.found
    if not found.zones and not found.images:
        return
    yield "### Capacity"
    yield ""
    if found.zones:
        yield "| | Zone | Machine | Spot now | Its last 7 days | Placement score |"
        yield "|---|---|---|--:|--:|--:|"
        for line in found.zones:
            score = words.NOT_KNOWN if line.score is None else f"{line.score} of 10"
            where = f"{_ZONE[line.state]} | {line.zone} | {line.best or ', '.join(line.offers)}"
            yield f"| {where} | {words.spot(line)} | {words.week(line)} | {score} |"
        yield ""
    for image in found.images:
        mark = {True: "✅", False: "⛔", None: "▫️"}[image.there]
        name = f" ({plain(image.name)})" if image.name else ""
        yield f"- {mark} image {code(image.id)} {words.THERE[image.there]}{name}"
    yield from [""] if found.images else []
    for note in found.capacity_notes:
        yield f"{plain(note)}."
        yield ""


def _policy(one: Decision) -> Iterator[str]:
    if not one.findings:
        return
    yield "### Policy"
    yield ""
    for finding in sorted(one.findings, key=lambda each: not each.stops):
        level = "**stops `up`**" if finding.stops else plain(finding.level)
        yield f"- {code(finding.policy)} ({level}): {plain(finding.message)}"
    yield ""


def _warnings(one: Decision) -> Iterator[str]:
    if one.warnings:
        yield "### Warnings"
        yield ""
        for warning in one.warnings:
            yield from fenced(warning)


def code(text: str, *, table: bool = False) -> str:
    """A code span of any text. table: it stands in one."""
    text = " ".join(text.split()) or " "
    run = 1
    while "`" * run in text:
        run += 1
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    span = f"{'`' * run}{pad}{text}{pad}{'`' * run}"
    return span.replace("|", "\\|") if table else span


def codes(texts: Iterable[str]) -> str:
    """Several code spans."""
    return ", ".join(map(code, texts))


def fenced(text: str) -> Iterator[str]:
    """A block of any text."""
    run = 3
    while "`" * run in text:
        run += 1
    yield f"{'`' * run}text"
    yield from text.splitlines()
    yield "`" * run
    yield ""


def html(text: str) -> str:
    """Text between HTML's tags, where Markdown may or may not count."""
    return "".join(f"&#{ord(mark)};" if mark in "&<>@[]*_`" else mark for mark in " ".join(text.split()))


def plain(text: str) -> str:
    """Text in which nothing is markup but what stands in backticks; nobody is mentioned."""
    escaped = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for mark in "*[]~":
        escaped = escaped.replace(mark, f"\\{mark}")
    return escaped.replace("@", "@\u200b")


def cell(text: str) -> str:
    """Text in a table."""
    return plain(text).replace("|", "\\|")
