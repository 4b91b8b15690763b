"""The record of every deletion: a line of JSON before it is asked for, and one with how it went."""

import getpass
import json
import os
from datetime import UTC, datetime
from pathlib import Path

from infra.spend.leaks import Finding
from scripts.berth.place import Place


def log_of(place: Place) -> Path:
    """Where deletions in a place are written down; kept, never emptied by berth.

    https://specifications.freedesktop.org/basedir-spec/latest/ has state of a user that is kept between runs.
    """
    if place.rehearsed:
        return Path(place.environ["BERTH_STATE"]) / "logs" / "deletions.jsonl"
    state = place.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(state) / "berth" / "deletions.jsonl"


def write(log: Path, finding: Finding, outcome: str, said: str = "", now: datetime | None = None) -> None:
    """Add a line. outcome: asked, deleted, refused or kept."""
    row = {
        "time": (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "by": _user(),
        "outcome": outcome,
        "environment": finding.environment,
        "owner": finding.owner,
        "type": finding.type,
        "id": finding.id,
        "region": finding.region,
        "name": finding.name,
        "why": finding.reason,
        "daily_usd": finding.daily_usd,
        **({"said": said} if said else {}),
    }
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as file:
        file.write(json.dumps(row) + "\n")
        file.flush()
        os.fsync(file.fileno())


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
