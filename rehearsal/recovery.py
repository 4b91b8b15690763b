"""Puts right what a killed command leaves on this machine: its locks, and its engine that lives on.

What it left pending in a state is for `scripts.berth.pending`, which asks the cloud.
"""

import contextlib
import json
import os
import signal
import time
from pathlib import Path

from rehearsal import process
from rehearsal.paths import Paths
from rehearsal.values import target_of

PROJECT = "berth"
ENGINE = "pulumi"
PLUGINS = (b"pulumi-resource-", b"pulumi-language-", b"pulumi.dynamic", b"rehearsal.providers.")


def stacks(where: Paths) -> list[str]:
    """Names of the stacks in the rehearsal's backend."""
    directory = where.state / "backend" / ".pulumi" / "stacks" / PROJECT
    return sorted(file.stem for file in directory.glob("*.json"))


def forget_stacks(where: Paths, target: str) -> list[str]:
    """Drop the states of a target's environments, whose resources are gone; returns their names."""
    gone = [name for name in stacks(where) if target_of(name) == target]
    for name in gone:
        for file in (where.state / "backend" / ".pulumi" / "stacks" / PROJECT).glob(f"{name}.json*"):
            file.unlink()
    return gone


def remember_engine(where: Paths, pid: int) -> None:
    """Write down the engine that a command has started, for a later command to find it orphaned."""
    record = where.run / "pids" / f"{ENGINE}.json"
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps({"pid": pid, "started": process.start_time(pid) or 0, "argv": [ENGINE]}))


def forget_engine(where: Paths) -> None:
    """The engine has ended."""
    (where.run / "pids" / f"{ENGINE}.json").unlink(missing_ok=True)


def end_orphaned_engine(where: Paths, *, grace: float = 10.0) -> bool:
    """End an engine whose command was killed, gently first, so that it saves its state. True if one was."""
    pid = process.pid_of(where, ENGINE)
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT)
        until = time.monotonic() + grace
        while time.monotonic() < until and process.pid_of(where, ENGINE) is not None:
            time.sleep(0.1)
        process.stop(where, ENGINE, grace=2.0)
    forget_engine(where)
    for plugin in orphaned_plugins(where):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(plugin, signal.SIGKILL)
    return pid is not None


def orphaned_plugins(where: Paths) -> list[int]:
    """Language hosts and providers of this rehearsal that no living engine started."""
    home = f"PULUMI_HOME={where.state / 'pulumi'}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or not _is_plugin(entry):
            continue
        with contextlib.suppress(OSError):
            if home in (entry / "environ").read_bytes().split(b"\0") and not _under_engine(int(entry.name)):
                found.append(int(entry.name))
    return found


def _is_plugin(entry: Path) -> bool:
    try:
        words = (entry / "cmdline").read_bytes().split(b"\0")[:6]
    except OSError:
        return False
    return any(mark in word for word in words for mark in PLUGINS)


def _under_engine(pid: int) -> bool:
    while pid > 1:
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
            if Path(f"/proc/{pid}/comm").read_text().strip() == ENGINE:
                return True
        except OSError:
            return False
    return False


def release_stale_locks(where: Paths) -> list[str]:
    """Remove the stack locks whose holder is dead; returns the stacks' names."""
    released = []
    for lock in (where.state / "backend" / ".pulumi" / "locks").rglob("*.json"):
        try:
            pid = int(json.loads(lock.read_text())["pid"])
        except (OSError, ValueError, KeyError, TypeError):
            pid = 0
        if pid == 0 or process.start_time(pid) is None or not _is_engine(pid):
            lock.unlink(missing_ok=True)
            released.append(lock.parent.name)
    return sorted(set(released))


def _is_engine(pid: int) -> bool:
    """Whether the kernel has not given the pid to another program since."""
    try:
        return ENGINE in Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return False
