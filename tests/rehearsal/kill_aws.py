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
    TRIES,
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

CHANGE = {
    "berth:access.kind": "ssm",
    "berth:network.nat": "per-zone",
    "berth:network.flow_logs": "cloudwatch",
    "berth:budget.monthly_usd": "60",
}
"""Values of a change that makes, changes, replaces and deletes resources."""


class KillableAws:
    """One account, one backend, and the command that nobody kills, to compare with.

    of: what is killed: the first `up`, one that makes a `change`, or `destroy`.
    """

    def __init__(
        self, state: Paths, account: emulated_account.EmulatedAccount, gate: Tollgate, of: str = "up"
    ) -> None:
        self.state, self.account, self.gate, self.of = state, account, gate, of
        self.trial = EnvironmentTrial(state, account)
        self.trial.environ["AWS_ENDPOINT_URL"] = gate.endpoint
        self.values = self.trial.folder / "values" / f"Pulumi.{STACK}.yaml"
        self.committed = self.values.read_text()
        self._prepare()
        began = time.monotonic()
        self._finish()
        self.usual = time.monotonic() - began
        self.calls = gate.passed
        self.wanted = inventory(account.inventory())
        self.kinds = self._kinds(self._state())

    def kill_and_converge(self, number: int, point: Point, *, thorough: bool) -> Outcome:
        """A command that is killed, and the next; thorough: a refresh and a preview find no change."""
        outcome = Outcome(number, point)
        began = time.monotonic()
        for _ in range(TRIES):
            self._prepare()
            ended = run_and_kill(self._argv(), self.trial.environ, point, self.gate, self.usual)
            self.gate.disarm()
            if ended.killed or point.moment != "time":
                break
            self.usual = ended.seconds  # it was faster than usual
        outcome.killed = ended.killed
        outcome.pending = left_pending(self.state.state / "backend", STACK)
        try:
            pending.resolve(self.place(), STACK, outcome.resolved.append)
            self._finish()
            if thorough and self.of != "destroy":
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
        command = "destroy" if self.of == "destroy" else "up"
        return [engine, "-C", folder, "--non-interactive", command, "-s", STACK, "--yes", "--skip-preview"]

    def _finish(self) -> None:
        ended = run_and_kill(self._argv(), self.trial.environ, None, self.gate, 0)
        assert "Resources:" in ended.output, ended.output
        assert "error:" not in ended.output, ended.output

    def _prepare(self) -> None:
        """An account and a backend without anything in them; or with what is to be changed or destroyed."""
        self.account.reset()
        backend = self.state.state / "backend" / ".pulumi"
        for name in ("stacks", "locks", "history", "backups"):
            shutil.rmtree(backend / name, ignore_errors=True)
        self.values.write_text(self.committed)
        self.trial.pulumi("stack", "init", STACK)
        if self.of != "up":
            self.trial.up()
        if self.of == "change":
            for key, value in CHANGE.items():
                self.trial.pulumi("config", "set", "-s", STACK, "--path", key, value)

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads(self.trial.pulumi("stack", "export", "-s", STACK))
        return state

    def _kinds(self, state: dict[str, Any]) -> Counter[str]:
        return Counter(str(one["type"]) for one in state["deployment"].get("resources") or [])

    def _wrong(self) -> list[str]:
        state = self._state()
        left = state["deployment"].get("pending_operations") or []
        found = [f"still pending: {one['type']} {one['resource']['urn']}" for one in left]
        kinds = self._kinds(state)
        if kinds != self.kinds:
            found.append(f"in the state: too much {kinds - self.kinds}, missing {self.kinds - kinds}")
        return found + differences(self.wanted, inventory(self.account.inventory()))


@contextmanager
def killable(folder: Path, of: str = "up") -> Iterator[KillableAws]:
    """An account of its own in a folder, in which the command has been run once."""
    state = places(folder)
    with (
        full_registry(state) as registry,
        emulated_account.running(folder, "--registry", registry) as account,
        tollgate(to(account.endpoint)) as gate,
    ):
        yield KillableAws(state, account, gate, of)
