"""`./scripts/down` leaves nothing, also when everything that it would ask is dead."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from rehearsal import process, session, teardown
from rehearsal.paths import CHECKOUT, Paths

pytestmark = pytest.mark.rehearsal


def down() -> "subprocess.CompletedProcess[str]":
    return subprocess.run([CHECKOUT / "scripts" / "down"], capture_output=True, text=True)


def test_down_after_a_crash_leaves_nothing(paths: Paths, cluster: session.Record) -> None:
    killed = [pid for name in process.names(paths) if (pid := process.pid_of(paths, name))]
    assert len(killed) >= 10, "the rehearsal was not up"
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    done = down()
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert teardown.leftovers(paths) == []
    assert not paths.state.exists()
    assert not paths.run.exists()
    links = Path("/sys/class/net")
    assert [link.name for link in links.iterdir() if link.name.startswith(("berth", "veth"))] == []
    assert str(paths.state) not in Path("/proc/mounts").read_text()


def test_down_on_a_clean_machine_says_so(paths: Paths) -> None:
    done = down()
    assert done.returncode == 0
    assert "no rehearsal" in done.stdout + done.stderr
