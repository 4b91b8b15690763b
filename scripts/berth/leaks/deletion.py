"""Deletes what is leaked, in the order that the clouds ask for, and again what clears with time.

Nothing that is not classed as leaked is touched, nor what something holds that is not to be deleted.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.spend.leaks import LEAKED, Finding
from rehearsal.errors import BerthError
from scripts.berth.leaks import log as logging
from scripts.berth.leaks import removal
from scripts.berth.place import Place

Key = tuple[str, str]
PAUSE_SECONDS = 5.0
MINUTES = 10.0  # a NAT gateway or a load balancer takes some to let go of its interfaces and addresses


@dataclass(frozen=True, kw_only=True)
class Deleted:
    """What became of a finding. done: it is gone, or going. said: the cloud's words, where it refused."""

    finding: Finding
    done: bool
    said: str = ""


def pause() -> None:
    """Between two tries."""
    time.sleep(PAUSE_SECONDS)


def delete(
    place: Place,
    findings: Sequence[Finding],
    log: Path,
    say: Callable[[str], None],
    *,
    minutes: float = MINUTES,
) -> list[Deleted]:
    """Delete the leaked ones among the findings; each is written to the log before and after.

    minutes: how long to go on trying what others still hold.
    """
    leaked = sorted(
        (one for one in findings if one.cls == LEAKED), key=lambda one: (removal.rank(one.type), one.id)
    )
    outcome: dict[Key, Deleted] = {}
    waiting: list[Finding] = []
    for finding in leaked:
        if finding.blocked_by:
            held = f"held by {', '.join(finding.blocked_by)}, which is not to be deleted"
            outcome[_key(finding)] = _ended(log, say, finding, "kept", held)
        else:
            logging.write(log, finding, "asked")
            waiting.append(finding)
    until = time.monotonic() + minutes * 60
    before: dict[Key, str] = {}
    while waiting:
        last = time.monotonic() >= until
        refusals: dict[Key, str] = {}
        for finding in waiting:
            ended, said = _tried(place, finding)
            if ended or last:
                outcome[_key(finding)] = _ended(log, say, finding, ended or "refused", said)
                continue
            refusals[_key(finding)] = said
            if before.get(_key(finding)) != said:
                say(f"{finding.kind} {finding.id}: not yet: {said}")
        waiting = [finding for finding in waiting if _key(finding) in refusals]
        before = refusals
        if waiting:
            pause()
    return [outcome[_key(finding)] for finding in leaked]


def _key(finding: Finding) -> Key:
    return finding.type, finding.id


def _tried(place: Place, finding: Finding) -> tuple[str, str]:
    """How a try ended, and what was said; without an end where it may go a little later."""
    try:
        removal.remove(place, finding)
    except removal.NotYet as refusal:
        return "", str(refusal)
    except BerthError as refusal:
        return "refused", refusal.message
    return "deleted", ""


def _ended(log: Path, say: Callable[[str], None], finding: Finding, outcome: str, said: str) -> Deleted:
    logging.write(log, finding, outcome, said)
    say(f"{finding.kind} {finding.id}: {outcome}{f': {said}' if said else ''}")
    return Deleted(finding=finding, done=outcome == "deleted", said=said)
