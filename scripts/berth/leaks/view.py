"""How findings are shown, and as JSON."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from infra.spend.leaks import CLASSES, LEAKED, UNCERTAIN, Finding

STYLES = {LEAKED: "bold red", UNCERTAIN: "bold yellow"}
INDENT = 11  # below the name: a price has 7 characters


def report(console: Console, findings: Sequence[Finding]) -> None:
    """Every finding, class by class, the dearest first; with what it costs a day and why it is classed so."""
    if not findings:
        console.print("Nothing lives that the state does not have.", highlight=False)
        return
    several = len({one.environment for one in findings if one.environment}) > 1
    for cls in CLASSES:
        of = [one for one in findings if one.cls == cls]
        if of:
            console.print(Text(f"{len(of)} {cls}: {sum_of(of)}", style=STYLES.get(cls, "bold")))
        for finding in sorted(of, key=_cost, reverse=True):
            whose = [finding.environment if several else "", finding.owner]
            of_whom = " of ".join(["", *filter(None, reversed(whose))])
            console.print(Text(f"  {_usd(finding.daily_usd):>7}  {_named(finding)}{of_whom}"), soft_wrap=True)
            why = finding.reason
            if finding.blocked_by:
                why += f"; held by {', '.join(finding.blocked_by)}"
            console.print(Padding(Text(why, style="dim"), (0, 0, 0, INDENT)))


def _named(finding: Finding) -> str:
    """Kind, name and id; of an ARN only what tells one from another."""
    short = finding.id.rpartition(":")[2] if finding.id.startswith("arn:") else finding.id
    words = [finding.kind, finding.name if finding.name not in short else "", short]
    return " ".join(word for word in words if word and not word.startswith("?")) or finding.name


def _cost(finding: Finding) -> float:
    return float("inf") if finding.daily_usd is None else finding.daily_usd


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
