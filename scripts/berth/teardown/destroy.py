"""`pulumi destroy`, again where what failed clears with time: bounded, and said while it waits.

A provider itself waits a long time for a network interface to let go of its group or subnet, so what stands
in the way is cleared while the engine runs, too.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from scripts.berth import stack
from scripts.berth.place import Place
from scripts.berth.teardown import state as states

WAITS = (15.0, 30.0, 60.0, 90.0)
"""Seconds before each further attempt."""
PASSING = re.compile(
    r"DependencyViolation|DeleteConflict|ResourceInUse|VolumeInUse|IncorrectState|OperationAborted"
    r"|ScalingActivityInProgress|ResourceContention|has dependencies|is in use|BucketNotEmpty"
    r"|Throttl|RequestLimitExceeded|TooManyRequests|SlowDown|PriorRequestNotComplete"
    r"|InternalError|InternalFailure|ServiceUnavailable|RequestTimeout|NoAnswer|connection reset|i/o timeout"
    r"|status code: 50\d|timed out|timeout while waiting"
)
"""Marks of what may not fail a minute later.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""
_MOST_REASONS, _LONGEST = 3, 300
_ERROR = re.compile(r"error:\s*(.+)")
_COLOUR = re.compile(r"<\{%[^%]*%\}>|\x1b\[[0-9;]*m")


class Between(Protocol):
    """What is done about what stands in the way."""

    def __call__(self, *, running: bool) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One run of the engine.

    left: resources after it. errors: of its failure, the engine's own words. passes: it may not fail later.
    """

    status: int
    left: int
    seconds: float
    errors: tuple[str, ...] = ()
    passes: bool = False

    @property
    def reasons(self) -> tuple[str, ...]:
        """The first few of the errors."""
        return self.errors[:_MOST_REASONS]


@dataclass(frozen=True, kw_only=True)
class Pace:
    """Seconds to wait before each further attempt, and between two looks while the engine runs.

    pause: takes seconds.
    """

    waits: tuple[float, ...] = WAITS
    look_every: float = 60.0
    pause: Callable[[float], None] = time.sleep


def destroy(
    place: Place,
    env: str,
    log: Path,
    say: Callable[[str], None],
    *,
    between: Between,
    quiet: bool = False,
    pace: Pace | None = None,
) -> list[Attempt]:
    """Delete all that is not protected; returns the attempts, the last of which tells how it ended.

    An error in one place does not keep the engine from the rest, so that what costs most goes at once.

    between: called before each further attempt and, with running=True, while the engine runs, to clear what
    stands in the way.
    quiet: what the engine shows goes to the log alone.
    """
    pace = pace or Pace()
    attempts: list[Attempt] = []
    before = len(states.real(stack.exported(place, env)))
    for wait in (*pace.waits, None):
        with _meanwhile(lambda: between(running=True), pace.look_every):
            done = _once(place, env, log, quiet=quiet)
        attempts.append(done)
        again = done.status != 0 and (done.left < before or done.passes)
        before = done.left
        if not again or wait is None:
            return attempts
        for reason in done.reasons:
            say(f"not yet: {reason}")
        between(running=False)
        say(f"{done.left} resources are left; trying again in {wait:.0f} s ({len(pace.waits)} times at most)")
        pace.pause(wait)
    return attempts


@contextmanager
def _meanwhile(act: Callable[[], None], every: float) -> Iterator[None]:
    """Do something every so many seconds until the block ends."""
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(every):
            with suppress(Exception):  # the next look, or the end, will tell
                act()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _once(place: Place, env: str, log: Path, *, quiet: bool) -> Attempt:
    began = time.monotonic()
    flags = ["--yes", "--skip-preview", "--continue-on-error", "--exclude-protected"]
    status = place.run("destroy", "--stack", env, *flags, log=log, quiet=quiet)
    left = len(states.real(stack.exported(place, env)))
    said = log.read_text(errors="replace") if status else ""
    return Attempt(
        status=status,
        left=left,
        seconds=time.monotonic() - began,
        errors=errors(said),
        passes=PASSING.search(messages(said)) is not None,
    )


def errors(said: str) -> tuple[str, ...]:
    """Why a destroy failed, each reason once, in a line; of the engine's output or event log."""
    found: dict[str, None] = {}
    lines = iter(messages(said).splitlines())
    for line in lines:
        if (match := _ERROR.search(line)) and "update failed" not in line:
            reason = match[1].strip()
            # A provider's list of errors, of which it has mostly one.
            more = next(lines, "").strip(" *\t") if reason.endswith("occurred:") else ""
            found.setdefault(f"{reason} {more}".strip()[:_LONGEST])
    return tuple(found)


def messages(said: str) -> str:
    """What the engine printed, without colours; of an event log, which has all properties too, the errors."""
    if said.startswith('{"sequence"'):
        events = [_event(line).get("diagnosticEvent") or {} for line in said.splitlines()]
        failed = [one for one in events if one.get("severity") == "error"]
        said = "\n".join(f"error: {one.get('message', '')}" for one in failed)
    return _COLOUR.sub("", said)


def _event(line: str) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}
