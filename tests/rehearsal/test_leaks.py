"""The whole of aws-vm in an emulated account of its own: what is found beside its state, and its removal."""

import contextvars
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aws_replay
import emulated_account
import pytest
from emulated_account import EmulatedAccount

from infra.spend.leaks import IN_USE, LEAKED, UNCERTAIN, Finding
from scripts.berth import leaks
from scripts.berth.leaks import finding
from scripts.berth.place import Place

pytestmark = pytest.mark.rehearsal
ENV = "aws-vm"
# The emulator's tagging API does not know repositories, so that nothing says whose they are.
UNSEEN = {("ecr", "repositories")}


@dataclass
class Deployed:
    """state: as the engine would have written it. before: what the account had before."""

    account: EmulatedAccount
    place: Place
    state: dict[str, Any]
    before: set[tuple[str, ...]]

    def find(self) -> dict[str, Finding]:
        return {one.id: one for one in leaks.find(self.place, ENV)}

    def inventory(self) -> set[tuple[str, ...]]:
        return {(row["service"], row["kind"], row["id"]) for row in self.account.inventory()}


@pytest.fixture
def deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    with emulated_account.running(tmp_path) as account:
        for name, value in account.variables().items():
            monkeypatch.setenv(name, value)
        mocks = aws_replay._Mocks(aws_replay.plugin())
        place = Place(
            engine="none",
            environ={**os.environ},
            project=tmp_path,
            rehearsed=False,
            values=Path(__file__).parents[2] / "stacks",
            stack_names=lambda: [ENV],
        )
        made = Deployed(account, place, {}, set())
        made.before = made.inventory()
        with aws_replay.hurried():
            contextvars.copy_context().run(aws_replay._run, mocks, ENV)
        rows: list[dict[str, Any]] = [
            {"type": step.token, "id": found.id, "custom": True, "outputs": dict(found.outputs)}
            for step, found in mocks.steps
            if found is not None
        ]
        rows.append({"type": "pulumi:providers:aws", "custom": True, "inputs": {"region": "us-east-1"}})
        manifest = {"time": "2026-11-01T00:00:00Z"}
        made.state = {"deployment": {"manifest": manifest, "resources": rows}}
        monkeypatch.setattr(finding, "_state", lambda *_: made.state)
        yield made


def test_a_whole_environment_has_no_leak_and_is_all_leaked_once_its_state_is_empty(
    deployed: Deployed, tmp_path: Path
) -> None:
    found = deployed.find()
    assert {one.cls for one in found.values()} <= {IN_USE}, "only what its group and its gateways made"

    deployed.state["deployment"]["resources"] = []
    found = deployed.find()
    doubtful = [one.type for one in found.values() if one.cls != LEAKED]
    assert doubtful == ["aws:s3/bucket:Bucket"], "it has objects"
    assert len(found) > 30

    said: list[str] = []
    done = leaks.delete(deployed.place, list(found.values()), tmp_path / "log", said.append, minutes=5)
    assert [one for one in done if not one.done] == []
    left = {row for row in deployed.inventory() - deployed.before if row[:2] not in UNSEEN}
    assert {row[0] for row in left} == {"s3"}
    assert {one.cls for one in deployed.find().values()} == {UNCERTAIN}
