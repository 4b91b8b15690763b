"""How findings are shown, and as JSON."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from infra.spend.leaks import CLASSES, LEAKED, UNCERTAIN, Finding

STYLES = {LEAKED: "red", UNCERTAIN: "yellow"}


def report(console: Console, findings: Sequence[Finding]) -> None:
    """Every finding by class, and what the leaked and the uncertain ones cost a day."""
    if not findings:
        console.print("Nothing lives that the state does not have.", highlight=False)
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("class", "what", "id", "owner", "a day", "why"):
        table.add_column(heading, overflow="fold", no_wrap=heading in {"class", "a day"})
    for finding in sorted(findings, key=lambda one: CLASSES.index(one.cls)):
        why = finding.reason
        if finding.blocked_by:
            why += f"; held by {', '.join(finding.blocked_by)}"
        named = finding.name and finding.name not in finding.id
        what = f"{finding.kind} {finding.name}" if named else finding.kind or finding.name
        table.add_row(
            Text(finding.cls, style=STYLES.get(finding.cls, "")),
            Text(what),
            Text("" if finding.id.startswith("?") else finding.id),
            Text(finding.owner),
            Text(_usd(finding.daily_usd)),
            Text(why),
        )
    console.print(table)
    for cls in (LEAKED, UNCERTAIN):
        of = [one for one in findings if one.cls == cls]
        if of:
            console.print(Text(f"{len(of)} {cls}: {sum_of(of)}"), soft_wrap=True)


def sum_of(findings: Sequence[Finding]) -> str:
    """What they cost, in words: "$4.21 a day, and 1 without a known price"."""
    known = sum(one.daily_usd for one in findings if one.daily_usd is not None)
    unknown = sum(one.daily_usd is None for one in findings)
    return f"${known:.2f} a day" + (f", and {unknown} without a known price" if unknown else "")


def as_mapping(findings: Sequence[Finding]) -> dict[str, Any]:
    """For --json: the findings, and for each class how many there are and what they cost a day."""
    return {
        "findings": [
            {
                "id": one.id,
                "type": one.type,
                "region": one.region,
                "name": one.name,
                "environment": one.environment,
                "owner": one.owner,
                "created": one.created.strftime("%Y-%m-%dT%H:%M:%SZ") if one.created else None,
                "class": one.cls,
                "reason": one.reason,
                "blocked_by": list(one.blocked_by),
                "daily_usd": one.daily_usd,
                "arn": one.arn,
            }
            for one in findings
        ],
        "classes": {
            cls: {
                "count": len(of),
                "daily_usd": sum(one.daily_usd for one in of if one.daily_usd is not None),
                "without_price": sum(one.daily_usd is None for one in of),
            }
            for cls in CLASSES
            if (of := [one for one in findings if one.cls == cls])
        },
    }


def _usd(daily: float | None) -> str:
    if daily is None:
        return "?"
    return f"${daily:.2f}" if daily else "free"
