"""Stopping without the virtual environment: with Python's own library only, and nothing but what is ours."""

import subprocess
import sys
from pathlib import Path

import pytest

from rehearsal import emergency, process
from rehearsal.paths import CHECKOUT, Paths
from rehearsal.process import Daemon


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    where = Paths(cache=tmp_path / "cache", state=tmp_path / "state", run=tmp_path / "run").create()
    monkeypatch.setattr(emergency, "paths", lambda: where)
    # The machine's own bridges are not this test's to delete.
    monkeypatch.setattr(emergency.shutil, "which", lambda _name, **_: None)
    return where


def test_recorded_processes_end(where: Paths) -> None:
    pid = process.start(where, Daemon(name="sleeper", argv=["sleep", "600"]))
    assert emergency.main() == 1, "a proper teardown has still to follow"
    assert process.start_time(pid) is None
    assert process.names(where) == []


def test_only_the_shims_of_this_rehearsal_are_ended(where: Paths, tmp_path: Path) -> None:
    shim = tmp_path / "containerd-shim-runc-v2"
    shim.symlink_to("/bin/sleep")
    others = subprocess.Popen([shim, "600"])
    try:
        assert list(emergency._shims(where)) == []
        assert emergency.main() == 1
        assert others.poll() is None
    finally:
        others.kill()
        others.wait()


def test_it_needs_nothing_but_the_standard_library() -> None:
    script = "import sys, rehearsal.emergency; print(*{n.partition('.')[0] for n in sys.modules})"
    command = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        f"import sys; sys.path.insert(0, {str(CHECKOUT)!r}); {script}",
    ]
    done = subprocess.run(command, text=True, capture_output=True, check=True)
    assert set(done.stdout.split()) - set(sys.stdlib_module_names) <= {"rehearsal", "__main__"}
