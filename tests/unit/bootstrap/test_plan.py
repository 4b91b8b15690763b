"""The plan that is shown before there is a virtual environment says what the code would do."""

import shutil
from pathlib import Path

import pytest

from rehearsal import bringup, engine
from rehearsal.cluster import software
from rehearsal.images import base, builders
from rehearsal.paths import CHECKOUT
from rehearsal.session import Choice

LINES = [line.split("|") for line in (CHECKOUT / "scripts" / "lib" / "plan.txt").read_text().splitlines()]


def test_every_program_is_in_the_plan_with_its_time() -> None:
    planned = {name: detail for kind, name, detail in LINES if kind == "build"}
    assert planned == {p.name: p.expected for p in [*engine.programs(), *bringup.go_programs(Choice())]}


def test_every_system_package_is_in_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    # A machine that has nothing.
    monkeypatch.setattr(shutil, "which", lambda _name, **_: None)
    monkeypatch.setattr(software, "cni_directory", lambda: None)
    monkeypatch.setattr(base, "KEYRING", Path("/nonexistent"))
    monkeypatch.setattr(builders, "docker_runs", lambda: False)
    planned = {detail for kind, _, detail in LINES if kind in {"program", "file"}}
    assert planned == set(bringup.packages(Choice()))
