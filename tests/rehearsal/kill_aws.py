"""The committed environment aws-vm, killed at a point and brought up again, on an emulated account."""

import json
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import emulated_account
from environment_trial import STACK, EnvironmentTrial, full_registry, places
from kill_runs import (
    Outcome,
    Point,
    Tollgate,
    differences,
    inventory,
    left_pending,
    run_and_kill,
    to,
    tollgate,
)

from rehearsal.paths import Paths
from scripts.berth import pending
from scripts.berth.place import Place


class KillableAws:
    """One account, one backend, and the `up` that nobody kills, to compare with."""

    def __init__(self, state: Paths, account: emulated_account.EmulatedAccount, gate: Tollgate) -> None:
        self.state, self.account, self.gate = state, account, gate
        self.trial = EnvironmentTrial(state, account)
        self.trial.environ["AWS_ENDPOINT_URL"] = gate.endpoint
        began = time.monotonic()
        self._up()
        self.usual = time.monotonic() - began
        self.calls = gate.passed
        self.wanted = inventory(account.inventory())
        self.kinds = self._kinds(self._state())

    def kill_and_converge(self, number: int, point: Point, *, thorough: bool) -> Outcome:
        """An `up` from nothing that is killed, and the next; thorough: and a preview that finds no change."""
        outcome = Outcome(number, point)
        began = time.monotonic()
        self._afresh()
        ended = run_and_kill(self._argv(), self.trial.environ, point, self.gate, self.usual)
        self.gate.disarm()
        outcome.killed = ended.killed
        outcome.pending = left_pending(self.state.state / "backend", STACK)
        try:
            pending.resolve(self.place(), STACK, outcome.resolved.append)
            self._up()
            if thorough:
                self.trial.unchanged()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a result
            outcome.problems.append(f"{type(error).__name__}: {error}"[-3000:])
        outcome.problems += self._wrong()
        outcome.seconds = round(time.monotonic() - began, 1)
        return outcome

    def place(self) -> Place:
        """As a command would have it."""
        environ = self.trial.environ
        return Place(
            engine=str(shutil.which("pulumi", path=environ["PATH"])),
            environ=environ,
            project=self.trial.folder,
            rehearsed=True,
            values=self.trial.folder / "values",
        )

    def _argv(self) -> list[str]:
        engine = str(shutil.which("pulumi", path=self.trial.environ["PATH"]))
        folder = str(self.trial.folder)
        return [engine, "-C", folder, "--non-interactive", "up", "-s", STACK, "--yes", "--skip-preview"]

    def _up(self) -> None:
        ended = run_and_kill(self._argv(), self.trial.environ, None, self.gate, 0)
        assert "Resources:" in ended.output, ended.output
        assert "error:" not in ended.output, ended.output

    def _afresh(self) -> None:
        """An account and a backend without anything in them."""
        self.account.reset()
        backend = self.state.state / "backend" / ".pulumi"
        for name in ("stacks", "locks", "history", "backups"):
            shutil.rmtree(backend / name, ignore_errors=True)
        self.trial.pulumi("stack", "init", STACK)

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads(self.trial.pulumi("stack", "export", "-s", STACK))
        return state

    def _kinds(self, state: dict[str, Any]) -> Counter[str]:
        return Counter(str(one["type"]) for one in state["deployment"]["resources"])

    def _wrong(self) -> list[str]:
        state = self._state()
        left = state["deployment"].get("pending_operations") or []
        found = [f"still pending: {one['type']} {one['resource']['urn']}" for one in left]
        kinds = self._kinds(state)
        if kinds != self.kinds:
            found.append(f"in the state: too much {kinds - self.kinds}, missing {self.kinds - kinds}")
        return found + differences(self.wanted, inventory(self.account.inventory()))


@contextmanager
def killable(folder: Path) -> Iterator[KillableAws]:
    """An account of its own in a folder, with the first `up` done."""
    state = places(folder)
    with (
        full_registry(state) as registry,
        emulated_account.running(folder, "--registry", registry) as account,
        tollgate(to(account.endpoint)) as gate,
    ):
        yield KillableAws(state, account, gate)
