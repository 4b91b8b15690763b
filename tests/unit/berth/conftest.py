import os
from pathlib import Path

import pytest

from rehearsal.paths import Paths


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """A rehearsal's directories of this test alone, for this process and its children."""
    for name in ("cache", "state", "run"):
        monkeypatch.setenv(f"BERTH_{name.upper()}", str(tmp_path / name))
    return Paths(cache=tmp_path / "cache", state=tmp_path / "state", run=tmp_path / "run").create()


@pytest.fixture
def no_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell without a Pulumi engine, a login or a rehearsal."""
    for name in [*os.environ]:
        if name.startswith(("PULUMI_", "BERTH_REHEARSAL")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture
def fake_pulumi(tmp_path: Path) -> Path:
    """An engine that prints its arguments, answers `stack ls`, and takes signals as the real one does."""
    program = tmp_path / "engine" / "pulumi"
    program.parent.mkdir()
    program.write_text(
        """#!/bin/bash
shift 2  # -C DIR
case "$*" in
"stack ls --json") echo '[{"name": "organization/berth/local"}]' ;;
"stack output"*) echo '{"predict_url": "http://service"}' ;;
"whoami") echo me ;;
"up --stack slow"*) trap 'echo cancelled; exit 3' INT; echo working; while :; do sleep 0.05; done ;;
"up --stack bad"*) echo "error: the job failed"; exit 255 ;;
*) echo "args: $*" ;;
esac
"""
    )
    program.chmod(0o755)
    return program
