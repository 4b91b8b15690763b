"""The plan that is shown before there is a virtual environment says what the code would do."""

import shutil
from pathlib import Path

import pytest

from rehearsal import bringup, engine, machines
from rehearsal.cluster import software
from rehearsal.images import base, builders
from rehearsal.paths import CHECKOUT
from rehearsal.record import TARGETS
from rehearsal.session import Choice

LINES = [line.split("|") for line in (CHECKOUT / "scripts" / "lib" / "plan.txt").read_text().splitlines()]


def facts(kind: str, target: str) -> list[list[str]]:
    return [rest for found, *rest in LINES if found in {kind, f"{kind}@{target}"}]


@pytest.mark.parametrize("target", TARGETS)
def test_every_program_is_in_the_plan_with_its_time(target: str) -> None:
    planned = {fact[0]: fact[1] for fact in facts("build", target)}
    programs = [*engine.programs(), *bringup.go_programs(Choice(targets=(target,)))]
    assert planned == {program.name: program.expected for program in programs}


@pytest.mark.parametrize("target", TARGETS)
def test_every_system_package_is_in_the_plan(monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    # A machine that has nothing.
    monkeypatch.setattr(shutil, "which", lambda _name, **_: None)
    monkeypatch.setattr(software, "cni_directory", lambda: None)
    monkeypatch.setattr(base, "KEYRING", Path("/nonexistent"))
    monkeypatch.setattr(machines, "_KEYRING", Path("/nonexistent"))
    monkeypatch.setattr(builders, "docker_runs", lambda: False)
    planned = {detail for _, detail in [*facts("program", target), *facts("file", target)]}
    assert planned == set(bringup.packages(Choice(targets=(target,))))


@pytest.mark.parametrize("target", TARGETS)
def test_the_plan_says_what_is_started_and_how_long_it_takes(target: str) -> None:
    assert len(facts("start", target)) == 1
    assert {name for name, _ in facts("fact", target)} == {"Disk", "Memory", "Expected time"}
