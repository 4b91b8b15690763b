"""Waits for an environment's machines to come up and for the training to end, and shows how far they are.

It reads what the machines themselves report into the bucket.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console

from infra.outputs import AwsVmDeployed
from rehearsal.errors import BerthError
from scripts.berth.aws import machines
from scripts.berth.aws.bucket import Bucket
from scripts.berth.aws.machines import Machine
from scripts.berth.place import Place

READY = "ready"
POLL_SECONDS = 3.0
FAILED_ATTEMPTS = 3  # a machine tries a failed stage again by itself
STALE_SECONDS = 300.0  # a failure after which nothing more was heard
LOG_LINES = 15


def pause() -> None:
    """Between two looks."""
    time.sleep(POLL_SECONDS)


@dataclass
class Progress:
    """One line that changes on a terminal; elsewhere a line for each change."""

    console: Console
    show: Callable[[str], None]
    last: str = ""

    def now(self, text: str) -> None:
        """What is waited for at the moment."""
        if text != self.last:
            self.last = text
            self.show(text)

    def done(self, text: str) -> None:
        """Something that stays to be read."""
        self.console.print(f"  {text}", highlight=False, markup=False, soft_wrap=True)


@contextmanager
def progress(console: Console) -> Iterator[Progress]:
    """A display for as long as something is waited for."""
    if not console.is_terminal:
        shown = Progress(console, lambda text: console.print(f"  … {text}", highlight=False, markup=False))
        yield shown
        return
    with console.status("") as spinner:
        yield Progress(console, spinner.update)


@dataclass
class _Seen:
    """What was seen of one instance."""

    stages: set[str] = field(default_factory=set)
    failures: list[tuple[str, str]] = field(default_factory=list)
    failed_since: float = 0.0


@dataclass
class Watch:
    """One wait, with its end. minutes: how long in all."""

    place: Place
    outputs: AwsVmDeployed
    storage: Bucket
    shown: Progress
    minutes: float
    began: float = field(default_factory=time.monotonic)
    seen: dict[str, _Seen] = field(default_factory=dict)

    def bring_up(self, role: str, not_this: str = "") -> Machine:
        """Wait until a machine of a role is ready. not_this: an instance that is about to end.

        Raises:
            BerthError: it failed, the lifetime has ended, or the time is over; with the end of the log.
        """
        while True:
            found = machines.all_of(self.place, self.outputs, role, ("pending", "running"))
            machine = next((one for one in found if one.id != not_this), None)
            if machine is None:
                self._wait_for_instance(role)
            elif self._look(machine):
                return machine
            else:
                self._in_time(machine, f"the {role} {machine.id} is not ready")
            pause()

    def training(self) -> dict[str, Any]:
        """Wait for the training's results; returns them.

        Raises:
            BerthError: the time is over.
        """
        prefix = self.outputs.run_prefix.strip("/")
        while True:
            results = self.storage.get_json(f"{prefix}/results.json")
            if results is not None:
                return results
            self.shown.now(f"training: {describe(self.storage.get_json(f'{prefix}/progress.json'))}")
            self._in_time(None, "the training has no results")
            pause()

    def resumed(self, instance: str) -> dict[str, Any] | None:
        """Wait for the training's progress on an instance; None where it had ended before."""
        prefix = self.outputs.run_prefix.strip("/")
        while True:
            step = self.storage.get_json(f"{prefix}/progress.json")
            if step is not None and step.get("instance") == instance:
                return step
            if self.storage.get(f"{prefix}/results.json") is not None:
                return None
            self.shown.now("training: waiting for its first step on the replacement")
            self._in_time(None, f"the training has not resumed on {instance}")
            pause()

    def in_time(self, what: str) -> None:
        """Raises BerthError where the time is over."""
        self._in_time(None, what)

    def _wait_for_instance(self, role: str) -> None:
        env = self.outputs.environment
        if machines.remaining_minutes(self.outputs) < 0:
            raise BerthError(
                f"the lifetime of {env} ended at {self.outputs.expires_at}",
                f"Start it anew: `{self.place.prefix} extend {env} 8h --up`.",
            )
        activity = machines.last_activity(self.place, self.outputs) if role == "machine" else ""
        self.shown.now(f"{role}: waiting for an instance" + (f" ({activity})" if activity else ""))
        self._in_time(None, f"no {role} was started" + (f": {activity}" if activity else ""))

    def _look(self, machine: Machine) -> bool:
        if machine.id not in self.seen:
            self.seen[machine.id] = _Seen()
            self.shown.done(f"{machine.role}: {machine}")
        seen = self.seen[machine.id]
        status = self.storage.get_json(f"machines/{machine.id}/status.json")
        if status is None:
            self.shown.now(f"{machine.role}: booting")
            return False
        for stage in status.get("done") or []:
            if stage["name"] not in seen.stages:
                seen.stages.add(stage["name"])
                self.shown.done(f"{machine.role}: {stage['name']} {float(stage['seconds']):.1f} s")
        if status.get("failed"):
            self._failed(machine, seen, str(status["failed"]), str(status.get("updated")))
            return False
        seen.failed_since = 0.0
        stage = str(status.get("stage"))
        self.shown.now(f"{machine.role}: {'rebooting' if stage == 'reboot' else f'after {stage}'}")
        return stage == READY

    def _failed(self, machine: Machine, seen: _Seen, reason: str, updated: str) -> None:
        now = time.monotonic()
        if (reason, updated) not in seen.failures:
            seen.failures.append((reason, updated))
            seen.failed_since = now
            self.shown.done(f"{machine.role}: failed: {reason}")
        if len(seen.failures) >= FAILED_ATTEMPTS or now - seen.failed_since > STALE_SECONDS:
            raise self._error(machine, f"the {machine.role} {machine.id} could not be brought up: {reason}")
        self.shown.now(f"{machine.role}: waiting for its next attempt")

    def _in_time(self, machine: Machine | None, what: str) -> None:
        if time.monotonic() - self.began > self.minutes * 60:
            raise self._error(machine, f"{what} after {self.minutes:g} minutes")

    def _error(self, machine: Machine | None, message: str) -> BerthError:
        env, prefix = self.outputs.environment, self.place.prefix
        log = self.storage.get(f"machines/{machine.id}/bringup.log") if machine else None
        if log is not None:
            lines = log.decode(errors="replace").splitlines()[-LOG_LINES:]
            message += "\n\n" + "\n".join(f"    {line}" for line in lines)
        return BerthError(
            message,
            f"To look at it: `{prefix} ssh {env}`, then `sudo journalctl -u 'berth-*'`; to go on waiting: "
            f"`{prefix} verify {env} --minutes 60`.",
        )


def describe(progress: dict[str, Any] | None) -> str:
    """`progress.json` in a few words."""
    if progress is None:
        return "not begun"
    return f"step {progress.get('step')} of {progress.get('of')}, on {progress.get('instance')}"
