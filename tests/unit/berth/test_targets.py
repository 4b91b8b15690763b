"""What the commands do for which target: which parts come up, and what becomes of a stack at the end."""

import inspect
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from rehearsal import session
from rehearsal.errors import BerthError
from rehearsal.paths import Paths
from rehearsal.record import TARGETS, Choice, Record
from rehearsal.steps import Steps
from scripts.berth import flow, inside, stack, targets


@pytest.fixture
def record(where: Paths, tmp_path: Path) -> Record:
    """A rehearsal that was brought up for the local target."""
    made = Record(
        fingerprint="f",
        boot=session.boot(),
        choice=Choice(targets=("local",), gpus=2),
        programs=(str(tmp_path),),
        daemons=(),
        access_keys={"local": ("id", "secret")},
    )
    session.save(where, made)
    return made


def test_a_machine_needs_no_cluster(where: Paths) -> None:
    assert inside.choose(where, "aws-vm", None, None).targets == ("aws-vm",)
    assert inside.choose(where, "local", None, None).targets == ("local",)


def test_parts_for_another_target_come_to_those_that_are_there(where: Paths, record: Record) -> None:
    assert inside.choose(where, "aws-vm", None, None).targets == ("local", "aws-vm")
    assert inside.choose(where, "aws-vm", None, None).gpus == 2


def test_after_a_reboot_only_what_is_asked_for_comes_up(where: Paths, record: Record) -> None:
    session.save(where, replace(record, boot="another"))
    assert inside.choose(where, "aws-vm", None, None).targets == ("aws-vm",)


def test_machines_boot_unless_that_was_refused(where: Paths, record: Record) -> None:
    assert inside.choose(where, "aws-vm", None, None).machines
    assert not inside.choose(where, "aws-vm", None, None, machines=False).machines
    session.save(where, replace(record, choice=Choice(targets=("aws-vm",), machines=False)))
    assert not inside.choose(where, "aws-vm", None, None).machines, "as it was brought up"
    assert inside.choose(where, "aws-vm", None, None, machines=True).machines


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_has_every_function(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "target_of", lambda _: target)
    module: Any = targets.of("x")
    names = [name for name, member in vars(targets.Target).items() if inspect.isfunction(member)]
    assert {"status", "watched", "stop"} <= set(names)
    for name in names:
        if name.startswith("_"):
            continue
        assert callable(getattr(module, name)), f"{target} lacks {name}"
    assert "pulumi up" in module.plan()


@pytest.fixture
def end(
    where: Paths, record: Record, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[list[str], list[str], str]]:
    """Ends a rehearsal. living: targets whose API runs; healed: whether the rest can be brought back.

    Returns what was removed, the stacks that Pulumi destroyed, and what was said.
    """

    def run(
        *stacks: str, living: set[str], healed: bool = True, cluster: str = "embedded"
    ) -> tuple[list[str], list[str], str]:
        session.save(where, replace(record, choice=Choice(targets=TARGETS, cluster=cluster)))
        destroyed: list[str] = []

        def target_of(name: str, _: Path | None = None) -> str:
            return "aws-vm" if name.startswith("aws") else "local"

        def alive(name: str) -> Any:
            there = target_of(name) in living
            return SimpleNamespace(alive=lambda *_: there or (cluster != "embedded" and name == "local"))

        def destroy(*arguments: Any, **_: object) -> list[str]:
            destroyed.append(arguments[2])
            return [f"stack {arguments[2]}"]

        monkeypatch.setattr(flow, "target_of", target_of)
        monkeypatch.setattr(targets, "of", alive)
        monkeypatch.setattr(flow, "_healed", lambda *_: record if healed else None)
        monkeypatch.setattr(flow, "_destroy", destroy)
        said = io.StringIO()
        console = Console(file=said, width=200)
        removed = flow._destroy_all(where, list(stacks), Steps(where.logs, console=console), console)
        return removed, destroyed, said.getvalue()

    return run


End = Callable[..., tuple[list[str], list[str], str]]


def test_what_lives_is_destroyed_and_what_is_dead_is_forgotten(end: End) -> None:
    removed, destroyed, said = end("aws-vm", "local", living={"aws-vm"})
    assert destroyed == ["aws-vm"]
    assert removed == ["the state of local", "stack aws-vm"]
    assert "What local was deployed in does not run" in said
    assert end("aws-vm", "local", living={"local"})[1] == ["local"]
    assert end("aws-vm", "local", living={"local", "aws-vm"})[1] == ["aws-vm", "local"]
    assert end("aws-vm", "local", living=set())[1] == []


def test_nothing_can_be_destroyed_where_the_rehearsal_cannot_be_brought_back(end: End) -> None:
    removed, destroyed, _ = end("aws-vm", living={"aws-vm"}, healed=False)
    assert destroyed == []
    assert removed == ["the state of aws-vm"]


def test_somebody_elses_cluster_is_never_forgotten(end: End) -> None:
    with pytest.raises(BerthError, match="deployed in the cluster 'kind'"):
        end("local", living=set(), healed=False, cluster="kind")
    assert end("aws-vm", living=set(), healed=False, cluster="kind")[0] == ["the state of aws-vm"]


def test_only_living_targets_are_brought_back_and_never_with_machines(
    where: Paths, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rehearsal import bringup, workspace

    asked: list[Choice] = []

    def ensure(_: Paths, __: Steps, choice: Choice, *, images: bool) -> Record:
        assert not images
        asked.append(choice)
        return record

    monkeypatch.setattr(session, "ready", lambda *_: None)
    monkeypatch.setattr(session, "ensure", ensure)
    monkeypatch.setattr(bringup, "is_cheap", lambda *_: True)
    monkeypatch.setattr(workspace, "refresh", lambda *_: None)
    console = Console(file=io.StringIO())
    choice = Choice(targets=TARGETS)
    flow._healed(where, choice, ["aws-vm"], Steps(where.logs, console=console), console)
    assert asked == [Choice(targets=("aws-vm",), machines=False)], "a cluster is not started to be stopped"


def test_a_stack_of_any_target_counts_its_resources() -> None:
    resources = [
        {"type": "aws:ec2/vpc:Vpc", "custom": True},
        {"type": "pulumi:providers:aws", "custom": True},
    ]
    assert stack.kinds({"deployment": {"resources": resources}}) == {"Vpc": 1}
