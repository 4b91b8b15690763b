"""The scripts of a pipeline: what they write, and how they end."""

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from workflow_files import CHECKOUT

from rehearsal.errors import BerthError
from scripts.ci import drift, lifetime

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MARKER = "<!-- berth-preview:aws-vm -->"
SCRIPTS = CHECKOUT / "scripts" / "ci"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the scripts, in which `berth` prints its arguments and ends with $STATUS."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "ci").symlink_to(SCRIPTS)
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    berth = programs / "berth"
    berth.write_text(
        '#!/bin/sh\n[ -z "$FAILS" ] || exit 1\necho "$MARKER"\necho "berth $*"\nexit "$STATUS"\n'
    )
    berth.chmod(0o755)
    return tmp_path


def _run(checkout: Path, *words: str, **more: str) -> "subprocess.CompletedProcess[str]":
    command = [checkout / "scripts" / "ci" / words[0], *words[1:]]
    settings = os.environ | {"STATUS": "0", "MARKER": MARKER, "FAILS": ""} | more
    return subprocess.run(command, env=settings, cwd=checkout, capture_output=True, text=True)


@pytest.mark.parametrize("status", [0, 1, 3])
def test_a_preview_is_kept_whatever_it_found(checkout: Path, status: int) -> None:
    done = _run(checkout, "preview", "aws-vm", "--max-hourly", "5", STATUS=str(status))
    assert done.returncode == status
    text = (checkout / "preview-aws-vm.md").read_text()
    assert text == f"{MARKER}\nberth preview aws-vm --markdown --max-hourly 5\n"
    assert done.stdout == text


def test_a_rehearsed_preview_asks_the_rehearsal(checkout: Path) -> None:
    _run(checkout, "preview", "--rehearse", "aws-vm", "--no-machines")
    text = (checkout / "preview-aws-vm.md").read_text()
    assert text == f"{MARKER}\nberth rehearse preview aws-vm --markdown --no-machines\n"


def test_a_preview_that_failed_replaces_the_one_of_an_earlier_commit(checkout: Path) -> None:
    (checkout / "preview-aws-vm.md").write_text(f"{MARKER}\nof an earlier commit\n")
    done = _run(checkout, "preview", "aws-vm", FAILS="yes")
    assert done.returncode == 1
    lines = (checkout / "preview-aws-vm.md").read_text().splitlines()
    assert lines[0] == MARKER
    assert "failed" in lines[1]
    assert "of an earlier commit" not in lines


@pytest.mark.parametrize("name", ["../x", "A", "a b", "-x", ""])
def test_what_cannot_be_an_environment_is_refused(checkout: Path, name: str) -> None:
    assert _run(checkout, "preview", name).returncode > 0
    assert not list(checkout.glob("**/preview-*.md"))


def test_a_report_is_in_the_log_and_in_the_summary(checkout: Path, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    done = _run(
        checkout,
        "report",
        "Left over",
        "sh",
        "-c",
        "echo '# no heading'; exit 3",
        GITHUB_STEP_SUMMARY=str(summary),
    )
    assert (done.returncode, done.stdout) == (3, "# no heading\n")
    assert summary.read_text() == "### Left over\n\n    # no heading\n"


def test_a_base_that_is_not_pinned_is_refused(checkout: Path) -> None:
    done = _run(checkout, "images", "docker.io/pytorch/pytorch:latest")
    assert done.returncode == 2
    assert "sha256" in done.stderr


class Deployed:
    """A place where an environment is deployed, or not."""

    def __init__(self, folder: Path, outputs: dict[str, Any] | None, status: int = 0) -> None:
        self.values = folder
        self.status = status
        self.ran: list[tuple[str, ...]] = []
        self._outputs = outputs
        (folder / "Pulumi.aws-vm.yaml").write_text("config:\n  berth:longest_lifetime_hours: 24\n")

    def has_stack(self, env: str) -> bool:
        del env
        return self._outputs is not None

    def outputs(self, env: str) -> dict[str, Any]:
        if not self._outputs:
            raise BerthError(f"{env} has no outputs yet")
        return self._outputs

    def capture(self, *words: str) -> str:
        if words[:2] == ("stack", "export"):
            made = [{"type": "aws:ec2/vpc:Vpc", "custom": True}] if self._outputs else []
            return json.dumps({"deployment": {"resources": made}})
        self.ran.append(words)
        if words[0] == "config":
            end = (
                datetime.now(UTC) + timedelta(hours=float((self._outputs or {}).get("hours", 1)))
            ).isoformat()
            (self.values / "Pulumi.aws-vm.yaml").write_text(f"config:\n  berth:expires_at: {end!r}\n")
        return ""

    def run(self, *words: str) -> int:
        self.ran.append(words)
        return self.status


@pytest.mark.parametrize(
    ("outputs", "end"),
    [
        (None, "2026-03-01T20:00:00Z"),
        ({}, "2026-03-01T20:00:00Z"),
        ({"bucket": "b"}, "2026-03-01T20:00:00Z"),
        ({"expires_at": "2026-03-01T11:59:00Z"}, "2026-03-01T20:00:00Z"),
        ({"expires_at": "2026-03-01T12:30:00Z"}, "2026-03-01T12:30:00Z"),
        ({"expires_at": "2026-03-02T11:00:00Z"}, "2026-03-02T11:00:00Z"),
    ],
    ids=["not deployed", "never finished", "no lifetime", "over", "ends sooner", "ends later"],
)
def test_what_is_deployed_keeps_its_end(tmp_path: Path, outputs: dict[str, Any] | None, end: str) -> None:
    place: Any = Deployed(tmp_path, outputs)
    assert lifetime.end_of(place, "aws-vm", "8h", NOW) == end


def test_a_lifetime_longer_than_the_values_allow_is_refused(tmp_path: Path) -> None:
    place: Any = Deployed(tmp_path, None)
    with pytest.raises(BerthError, match="25h is not possible"):
        lifetime.end_of(place, "aws-vm", "25h", NOW)


@pytest.mark.parametrize("status", [0, 255])
def test_drift_is_looked_for_with_the_values_that_were_deployed(tmp_path: Path, status: int) -> None:
    place: Any = Deployed(tmp_path, {"hours": 1}, status)
    assert drift.drift(place, "aws-vm") == status
    assert [words[:2] for words in place.ran] == [("config", "refresh"), ("preview", "--stack")]
    assert {"--refresh", "--expect-no-changes"} <= set(place.ran[1])


@pytest.mark.parametrize("outputs", [None, {}], ids=["no stack", "an empty one"])
def test_what_is_not_deployed_has_not_drifted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], outputs: dict[str, Any] | None
) -> None:
    place: Any = Deployed(tmp_path, outputs)
    assert drift.drift(place, "aws-vm") == 0
    assert place.ran == []
    assert capsys.readouterr().out == "aws-vm is not deployed.\n"


def test_what_has_expired_is_the_reapers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place: Any = Deployed(tmp_path, {"hours": -1}, 255)
    assert drift.drift(place, "aws-vm") == 0
    assert "berth reap" in capsys.readouterr().out


@pytest.mark.parametrize("module", [drift, lifetime])
def test_missing_words_are_a_usage_error(
    module: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["module"])
    assert module.main() == 2
    assert capsys.readouterr().err.startswith("usage: python -m scripts.ci.")


@pytest.mark.skipif(
    not shutil.which("shellcheck"), reason="shellcheck is not installed; ./scripts/test brings it"
)
def test_shellcheck_passes() -> None:
    scripts = [file for file in SCRIPTS.iterdir() if file.is_file() and file.read_bytes().startswith(b"#!")]
    assert {file.name for file in scripts} >= {"images", "preview", "report", "setup"}
    subprocess.run(["shellcheck", "--external-sources", *scripts], check=True)
