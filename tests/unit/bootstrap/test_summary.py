"""The last line of ./scripts/test counts every suite, and a suite that did not run is an error."""

import subprocess
import sys
from pathlib import Path

from rehearsal.paths import CHECKOUT

REPORT = '<testsuites><testsuite errors="{}" failures="{}" skipped="{}" tests="{}" time="{}"/></testsuites>'


def summary(*reports: Path) -> subprocess.CompletedProcess[str]:
    program = CHECKOUT / "scripts" / "lib" / "summary.py"
    return subprocess.run([sys.executable, program, *reports], text=True, capture_output=True, check=False)


def report(directory: Path, name: str, *counts: float) -> Path:
    path = directory / f"{name}.xml"
    path.write_text(REPORT.format(*counts))
    return path


def test_suites_are_added_up(tmp_path: Path) -> None:
    done = summary(report(tmp_path, "unit", 0, 0, 2, 12, 3.5), report(tmp_path, "rehearsal", 0, 0, 0, 5, 60))
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "===== 15 passed, 0 failed, 2 skipped in 63.50s ====="


def test_a_failure_in_any_suite_is_a_failure(tmp_path: Path) -> None:
    done = summary(report(tmp_path, "unit", 0, 1, 0, 3, 1), report(tmp_path, "rehearsal", 0, 0, 0, 5, 1))
    assert done.returncode == 1
    assert "7 passed, 1 failed" in done.stdout


def test_a_suite_without_a_report_is_an_error(tmp_path: Path) -> None:
    done = summary(report(tmp_path, "unit", 0, 0, 0, 3, 1), tmp_path / "rehearsal.xml")
    assert done.returncode == 1
    assert "1 errors" in done.stdout
