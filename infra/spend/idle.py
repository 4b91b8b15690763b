"""Whether a GPU is idle, from what its machine wrote down of its use. Pure.

What is not known counts as use: a machine that was not heard from is never called idle.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

# How `infra/machine/program/usage.py` writes: a slot every five minutes, and the slots of a day.
SLOT = timedelta(minutes=5)
KEPT = timedelta(hours=24)
# Asking the driver takes a while itself; a slot that is missing, at a restart say, is still bridged.
_GAP = 2.5 * SLOT

State = Literal["idle", "quiet", "busy", "unknown"]


@dataclass(frozen=True, kw_only=True)
class Slot:
    """Five minutes that ended at `end`. mean, max: percent of time in which the busiest GPU did anything."""

    end: datetime
    mean: float
    max: float


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A machine with GPUs. group: what is set to 0 to end it, an auto-scaling group or a node pool."""

    id: str
    group: str
    about: str
    slots: tuple[Slot, ...]


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """quiet: for how long the use has been under the threshold. mean, max: in that time, percent."""

    state: State
    quiet: timedelta
    mean: float
    max: float
    reason: str


def judge(slots: Sequence[Slot], *, below: float, least: timedelta, now: datetime) -> Judgement:
    """`idle` where the mean of every slot of `least` and longer, up to now, is under `below` percent.

    `quiet` is under it, but not for long enough; `unknown` is without a word of the last minutes.
    """
    ordered = sorted(slots, key=lambda slot: slot.end)
    if not ordered:
        return _unknown("has written nothing about its GPUs yet")
    newest = ordered[-1]
    if now - newest.end > _GAP + SLOT:
        return _unknown(f"last wrote about its GPUs at {newest.end.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
    low = list(_low(ordered, below))
    if not low:
        reason = f"used at {newest.mean:.0f}% (up to {newest.max:.0f}%)"
        return Judgement(state="busy", quiet=timedelta(), mean=newest.mean, max=newest.max, reason=reason)
    quiet = newest.end - low[-1].end + SLOT
    mean, most = sum(slot.mean for slot in low) / len(low), max(slot.max for slot in low)
    minutes = int(quiet.total_seconds() / 60)
    reason = f"under {below:g}% for {minutes} minutes (mean {mean:.1f}%, up to {most:.0f}%)"
    return Judgement(
        state="idle" if quiet >= least else "quiet", quiet=quiet, mean=mean, max=most, reason=reason
    )


def last_hour(slots: Iterable[Slot], now: datetime) -> str:
    """The use of the last hour, in words."""
    recent = [slot for slot in slots if timedelta() <= now - slot.end + SLOT <= timedelta(hours=1)]
    if not recent:
        return "nothing was written in the last hour"
    mean = sum(slot.mean for slot in recent) / len(recent)
    return f"used at {mean:.0f}% in the last hour (up to {max(slot.max for slot in recent):.0f}%)"


def read(content: Iterable[Mapping[str, Any]]) -> tuple[Slot, ...]:
    """The slots of a `utilization.json`; what cannot be read is left out."""
    found = []
    for one in content:
        try:
            end = datetime.fromisoformat(str(one["end"]))
            found.append(Slot(end=end, mean=float(one["mean"]), max=float(one["max"])))
        except (KeyError, TypeError, ValueError):
            continue
    return tuple(found)


def stoppable(judged: Mapping[str, Judgement], machines: Iterable[Watched]) -> list[str]:
    """Groups of which every machine is idle. judged: by the machine's id."""
    states: dict[str, set[State]] = {}
    for machine in machines:
        states.setdefault(machine.group, set()).add(judged[machine.id].state)
    return sorted(group for group, found in states.items() if group and found == {"idle"})


def _low(ordered: Sequence[Slot], below: float) -> Iterable[Slot]:
    """The slots under the threshold, from the newest back to the first that is not, or to a gap."""
    later = None
    for slot in reversed(ordered):
        if slot.mean >= below or (later is not None and later.end - slot.end > _GAP):
            return
        later = slot
        yield slot


def _unknown(reason: str) -> Judgement:
    return Judgement(state="unknown", quiet=timedelta(), mean=0.0, max=0.0, reason=reason)
