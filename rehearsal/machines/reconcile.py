"""What is to be done with the machines, given what the account wants and what runs. Pure.

Asked every second with the present facts and nothing remembered but when a machine was asked to shut down, so
a controller that was killed goes on where it was.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from rehearsal.machines.model import Account, Instance

INTERRUPTED = "Server.SpotInstanceTermination"
SHUT_DOWN = "Client.InstanceInitiatedShutdown"
BROKEN = "Server.InternalError"
SHUTDOWN_SECONDS = 25.0  # from the power button until the plug is pulled
CRASHES = 3


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What runs. recorded: started since this machine's boot; asked: when its power button was pressed."""

    now: float
    alive: AbstractSet[str] = frozenset()
    recorded: AbstractSet[str] = frozenset()
    powered_off: AbstractSet[str] = frozenset()
    booting: AbstractSet[str] = frozenset()
    files: AbstractSet[str] = frozenset()
    asked: Mapping[str, float] = field(default_factory=dict)
    crashes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Boot:
    """Start the machine; again: it ended although nobody wanted it to."""

    id: str
    again: bool = False


@dataclass(frozen=True)
class Shutdown:
    """Press the power button."""

    id: str


@dataclass(frozen=True)
class Kill:
    """Pull the plug, or clear away what an ended process has left."""

    id: str


@dataclass(frozen=True)
class Forget:
    """Remove the machine's disks and interface."""

    id: str


@dataclass(frozen=True)
class Report:
    """Tell the account that the instance has ended."""

    id: str
    reason: str


Action = Boot | Shutdown | Kill | Forget | Report


def decide(account: Account, seen: Seen, *, one_at_a_time: bool) -> list[Action]:
    """The next actions. one_at_a_time: a machine starts only when the one before has finished booting."""
    actions: list[Action] = []
    known = {instance.id: instance for instance in account.instances}
    due = {notice.instance for notice in account.interruptions if notice.at <= seen.now}
    waiting = bool(seen.booting) and one_at_a_time
    for instance in sorted(account.instances, key=lambda i: (i.launched, i.id)):
        if instance.wanted:
            action = _run(instance, seen, interrupted=instance.id in due)
            if isinstance(action, Boot) and waiting:
                continue
            waiting = waiting or (isinstance(action, Boot) and one_at_a_time)
            actions += [action] if action else []
        else:
            actions += _end(instance.id, seen, gone=instance.gone)
    for stray in sorted((seen.alive | seen.recorded | seen.files) - known.keys()):
        actions += _end(stray, seen, gone=True)
    return actions


def _run(instance: Instance, seen: Seen, *, interrupted: bool) -> Action | None:
    key = instance.id
    if interrupted:
        return Report(key, INTERRUPTED)
    if key in seen.alive:
        return None
    if key not in seen.recorded:
        return Boot(key)
    if key in seen.powered_off:
        return Report(key, SHUT_DOWN)
    if seen.crashes.get(key, 0) >= CRASHES:
        return Report(key, BROKEN)
    return Boot(key, again=True)


def _end(key: str, seen: Seen, *, gone: bool) -> list[Action]:
    if key in seen.alive:
        since = seen.asked.get(key)
        if since is None:
            return [Shutdown(key)]
        return [Kill(key)] if seen.now - since > SHUTDOWN_SECONDS else []
    actions: list[Action] = [Kill(key)] if key in seen.recorded else []
    if gone and key in seen.files:
        actions.append(Forget(key))
    return actions
