import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rehearsal import process
from rehearsal.paths import Paths

SLEEP = [sys.executable, "-c", "import signal; signal.pause()"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); signal.pause()",
]


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(cache=tmp_path / "cache", state=tmp_path / "state", run=tmp_path / "run").create()


def test_a_daemon_is_started_once_and_found_by_its_record(paths: Paths) -> None:
    first = process.start(paths, process.Daemon(name="d", argv=SLEEP))
    assert process.start(paths, process.Daemon(name="d", argv=SLEEP)) == first, (
        "a living daemon is not started twice"
    )
    assert process.pid_of(paths, "d") == first
    assert process.names(paths) == ["d"]
    assert process.stop(paths, "d")
    assert process.pid_of(paths, "d") is None
    assert process.names(paths) == [], "a stopped daemon leaves no record"


def test_a_pid_that_now_belongs_to_somebody_else_is_never_signalled(paths: Paths) -> None:
    stranger = subprocess.Popen(SLEEP)
    try:
        (paths.run / "pids").mkdir()
        (paths.run / "pids" / "d.json").write_text(f'{{"pid": {stranger.pid}, "started": 1}}')
        assert process.pid_of(paths, "d") is None
        assert not process.stop(paths, "d")
        assert stranger.poll() is None, "the stranger was killed"
    finally:
        stranger.kill()
        stranger.wait()


def test_a_daemon_that_ignores_sigterm_is_killed(paths: Paths) -> None:
    pid = process.start(paths, process.Daemon(name="d", argv=STUBBORN))
    log = paths.logs / "d.log"
    while not log.read_text():
        assert process.start_time(pid) is not None, "the daemon died before it was ready"
    assert process.stop(paths, "d", grace=0.1)
    assert process.start_time(pid) is None


def test_a_dead_daemon_is_started_again(paths: Paths) -> None:
    pid = process.start(paths, process.Daemon(name="d", argv=SLEEP))
    process.os.kill(pid, signal.SIGKILL)
    process.os.waitpid(pid, 0)
    again = process.start(paths, process.Daemon(name="d", argv=SLEEP))
    assert again != pid
    process.stop(paths, "d")


def test_a_broken_record_counts_as_no_daemon(paths: Paths) -> None:
    (paths.run / "pids").mkdir()
    (paths.run / "pids" / "d.json").write_text("{")
    assert process.pid_of(paths, "d") is None
    assert not process.stop(paths, "d")
