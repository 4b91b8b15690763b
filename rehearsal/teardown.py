"""Stops a rehearsal and removes what it made on this machine, in whatever state it is.

The environments inside it are destroyed by Pulumi first, which is the command line's business. What is left
afterwards is found in one place, `leftovers`, by looking at the machine and not at our own records.
"""

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rehearsal import cluster, machines, process, recovery, registry
from rehearsal.clouds import aws, s3
from rehearsal.cluster import addons, existing
from rehearsal.cluster.host import argv_of, command, mounts_below, pids
from rehearsal.errors import BerthError
from rehearsal.paths import Paths
from rehearsal.record import load
from rehearsal.steps import Steps

GRACE = 1.5  # seconds; nothing is drained, because the data goes too
BUILDERS = {"buildah", "mmdebstrap", "skopeo", "go"}


def stop(where: Paths, steps: Steps) -> list[str]:
    """Stop every daemon and remove the state; returns what was removed, for people. Caches stay.

    Raises:
        BerthError: something is left; the message lists it.
    """
    daemons = [name for name in process.names(where) if process.pid_of(where, name)]
    removed = [f"{len(daemons)} daemons: {', '.join(daemons)}"] if daemons else []
    found = stop_daemons(where, steps) + leftovers(where)
    if found:
        listed = "\n".join(f"  - {line}" for line in found)
        raise BerthError(
            f"this is left of the rehearsal:\n{listed}",
            f"Run the command again. The logs are in {where.logs}.",
        )
    for name, directory in (("state", where.state), ("run", where.run)):
        if directory.exists():
            shutil.rmtree(directory)
            removed.append(f"{name} directory {directory}")
    return removed


def stop_daemons(where: Paths, steps: Steps) -> list[str]:
    """Stop everything that runs, with its mounts and interfaces; returns the problems.

    The cluster's and the machines' data go with them; the registry's, the object storage's and the logs stay.
    """
    recovery.end_orphaned_engine(where)
    record = load(where)
    other = record.choice.cluster if record else "embedded"
    names = process.names(where)
    with ThreadPoolExecutor(max(1, len(names))) as pool:
        # Together: one after the other they would take their time to say goodbye to each other.
        list(pool.map(lambda name: process.stop(where, name, grace=GRACE), names))
    problems = [
        _try(lambda: _end_orphaned_builds(where)),
        _try(lambda: machines.stop(where)),
        _try(lambda: aws.stop(where)),
        _try(lambda: addons.stop(where)),
        _try(lambda: existing.of(other).stop(where, steps)) if other != "embedded" else "",
        _try(lambda: cluster.stop(where, steps)),
        _try(lambda: registry.stop(where)),
        _try(lambda: s3.stop(where)),
    ]
    _unmount_builds(where)
    return [problem for problem in problems if problem]


def purge(where: Paths) -> list[str]:
    """Remove the caches: programs, the base image. Returns what was removed, with its size."""
    if not where.cache.exists():
        return []
    size = sum(
        f.lstat().st_blocks * 512 for f in where.cache.rglob("*") if f.is_file() and not f.is_symlink()
    )
    shutil.rmtree(where.cache)
    return [f"cache {where.cache} ({size / 2**30:.1f} GiB)"]


def leftovers(where: Paths) -> list[str]:
    """One line for each process, mount, interface, rule and the like that is still there."""
    found = cluster.leftovers(where) + machines.leftovers(where)
    found += [f"mount {point}" for point in mounts_below(where.cache, where.state, where.run)]
    found += [f"process {pid}: {' '.join(argv_of(pid))[:120]}" for pid in _builds(where)]
    found += [f"process {pid}: {' '.join(argv_of(pid))[:120]}" for pid in recovery.orphaned_plugins(where)]
    for name in process.names(where):
        pid = process.pid_of(where, name)
        if pid is not None:
            found.append(f"process {pid}: {name}")
    return list(dict.fromkeys(found))


def _builds(where: Paths) -> list[int]:
    """Processes that build something into our directories, and that nobody waits for.

    While we hold the lock, that is true of all that use our state; another rehearsal may share the cache.
    """
    found = []
    for pid in pids():
        words = argv_of(pid)
        # A script is the second word, after its interpreter.
        if not BUILDERS & {Path(word).name for word in words[:2]}:
            continue
        if _name(words, where.state, where.run) or (_name(words, where.cache) and _is_orphan(pid)):
            found.append(pid)
    return found


def _name(words: list[str], *directories: Path) -> bool:
    return any(f"{directory}/" in word for word in words for directory in directories)


def _is_orphan(pid: int) -> bool:
    """Whether the leader of the process's group has been handed to init."""
    try:
        stat = Path(f"/proc/{os.getpgid(pid)}/stat").read_text()
    except OSError:
        return True
    parent = int(stat.rpartition(")")[2].split()[1])
    return parent in {0, 1} or Path(argv_of(parent)[0] if argv_of(parent) else "").name in {"systemd", "init"}


def _end_orphaned_builds(where: Paths) -> None:
    """End the builds of a command that was killed; each leads a process group of its own."""
    for number, seconds in ((signal.SIGTERM, 3.0), (signal.SIGKILL, 2.0)):
        for pid in _builds(where):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                group = os.getpgid(pid)
                os.kill(pid, number) if group == os.getpgrp() else os.killpg(group, number)
        until = time.monotonic() + seconds
        while _builds(where) and time.monotonic() < until:
            time.sleep(0.1)


def _unmount_builds(where: Paths) -> None:
    """Unmount what a killed build left mounted, and remove what it left half made."""
    for point in mounts_below(where.cache, where.run, where.state):
        command(["umount", "--lazy", str(point)], check=False)
    images = where.cache / "images"
    if mounts_below(images):
        return
    for unfinished in (images / "storage", images / "overlay-probe", *images.glob(".*.partial")):
        shutil.rmtree(unfinished, ignore_errors=True)


def _try(action: Callable[[], None]) -> str:
    """What went wrong; the other parts are to be stopped all the same."""
    try:
        action()
    except BerthError as problem:
        return problem.message
    return ""
