"""Daemons of the rehearsal, started in sessions of their own and stopped by their own pid.

A record `<run>/pids/<name>.json` holds the pid and the process's start time, so that a pid which the kernel
has given to somebody else in the meantime is never signalled.
"""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rehearsal.paths import Paths


@dataclass(frozen=True, kw_only=True)
class Daemon:
    """A program to be kept running. env is the whole environment; None inherits."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] | None = None
    cwd: Path | None = None


def start_time(pid: int) -> int | None:
    """Clock ticks from boot to the start of a process (proc(5), field 22); None for a dead or zombie one."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


def _record(paths: Paths, name: str) -> Path:
    return paths.run / "pids" / f"{name}.json"


def pid_of(paths: Paths, name: str) -> int | None:
    """The pid of a daemon that is alive, else None."""
    try:
        record = json.loads(_record(paths, name).read_text())
        pid, started = int(record["pid"]), int(record["started"])
    except (OSError, ValueError, KeyError):
        return None
    return pid if start_time(pid) == started else None


def start(paths: Paths, daemon: Daemon) -> int:
    """Start a daemon unless it is alive; its output is appended to `<logs>/<name>.log`. Returns the pid."""
    alive = pid_of(paths, daemon.name)
    if alive is not None:
        return alive
    record = _record(paths, daemon.name)
    record.parent.mkdir(parents=True, exist_ok=True)
    paths.logs.mkdir(parents=True, exist_ok=True)
    with (paths.logs / f"{daemon.name}.log").open("ab") as log:
        process = subprocess.Popen(
            list(daemon.argv),
            env=dict(daemon.env) if daemon.env is not None else None,
            cwd=daemon.cwd or "/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    partial = record.with_suffix(".partial")
    partial.write_text(
        json.dumps({"pid": process.pid, "started": start_time(process.pid) or 0, "argv": list(daemon.argv)})
    )
    partial.replace(record)
    return process.pid


def stop(paths: Paths, name: str, *, grace: float = 10.0) -> bool:
    """Ask a daemon to end, insist after `grace` seconds, forget it. True where one was alive."""
    pid = pid_of(paths, name)
    if pid is not None:
        started = start_time(pid)
        for number, wait in ((signal.SIGTERM, grace), (signal.SIGKILL, 5.0)):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                break
            if _gone(pid, started, wait):
                break
    _record(paths, name).unlink(missing_ok=True)
    return pid is not None


def names(paths: Paths) -> list[str]:
    """Every daemon with a record, dead or alive."""
    return sorted(path.stem for path in (paths.run / "pids").glob("*.json"))


def _gone(pid: int, started: int | None, wait: float) -> bool:
    until = time.monotonic() + wait
    while time.monotonic() < until:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        if start_time(pid) != started:
            return True
        time.sleep(0.05)
    return False
