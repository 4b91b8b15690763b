"""`berth doctor`: what is missing on this machine, and how to get it. Changes nothing."""

import json
import shutil
import sys
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rehearsal.errors import BerthError
from scripts.berth import inside
from scripts.berth.aws import connect
from scripts.berth.place import account

# What the commands call for an account, and where it is from or when it is needed.
PROGRAMS = {
    "kubectl": "for environments on Kubernetes; berth rehearse env has one",
    "ssh": "for machines: the package openssh-client",
    "aws": f"for machines with access ssm or instance-connect: {connect.CLI}",
    "session-manager-plugin": f"for machines with access ssm: {connect.PLUGIN}",
}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing looked at. kind: ok; todo (`./scripts/up` does it by itself); missing (the user does it)."""

    what: str
    kind: str
    detail: str
    remedy: str = ""


def examine(*, as_json: bool) -> int:
    """Print every finding; the exit status is 1 where a rehearsal cannot work."""
    found = {"rehearsal": _rehearsal(), "account": _account()}
    impossible = any(finding.kind == "missing" for finding in found["rehearsal"])
    if as_json:
        print(
            json.dumps({title: [asdict(f) for f in findings] for title, findings in found.items()}, indent=2)
        )
        return int(impossible)
    console = Console()
    marks = {"ok": "[green]ok[/]", "todo": "[yellow]to do[/]", "missing": "[red]missing[/]"}
    titles = {"rehearsal": "To rehearse (`./scripts/up`)", "account": "To act on an account (optional)"}
    for title, findings in found.items():
        console.print(f"[bold]{titles[title]}[/]")
        table = Table(box=None, show_header=False, pad_edge=False)
        for finding in findings:
            detail = finding.detail + (f"\n→ {finding.remedy}" if finding.remedy else "")
            table.add_row(f"  {marks[finding.kind]}", finding.what, Text(detail))
        console.print(table)
    return int(impossible)


def _rehearsal() -> list[Finding]:
    from rehearsal import bringup, session, system

    where = inside.here()
    record = session.load(where)
    findings = [Finding(what="Python", kind="ok", detail=f"{sys.version.split()[0]}, {sys.executable}")]
    try:
        system.preflight(where, built=record is not None)
        findings.append(Finding(what="machine", kind="ok", detail="root, CPU, memory, disk and ports fit"))
    except BerthError as obstacle:
        findings.append(Finding(what="machine", kind="missing", detail=obstacle.message))
    inside.leave_shims_alone(where)
    plan = bringup.plan(where, record.choice if record else session.Choice())
    return findings + [
        Finding(what=line.name, kind="ok" if line.done else "todo", detail=line.detail) for line in plan
    ]


def _account() -> list[Finding]:
    findings = []
    try:
        place = account()
        findings.append(Finding(what="Pulumi", kind="ok", detail=f"{place.engine}, logged in"))
    except BerthError as obstacle:
        findings.append(Finding(what="Pulumi", kind="missing", detail=obstacle.message, remedy=obstacle.hint))
    return findings + [_program(name, remedy) for name, remedy in PROGRAMS.items()]


def _program(name: str, remedy: str) -> Finding:
    found = shutil.which(name)
    if found:
        return Finding(what=name, kind="ok", detail=found)
    return Finding(what=name, kind="missing", detail="not on PATH", remedy=remedy)
