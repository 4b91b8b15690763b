"""Stops a rehearsal and removes what it made on this machine, in whatever state it is.

The environments inside it are destroyed by Pulumi first, which is the command line's business. What is left
afterwards is found in one place, `leftovers`, by looking at the machine and not at our own records.
"""

import shutil
from collections.abc import Callable

from rehearsal import cluster, process, recovery, registry
from rehearsal.clouds import s3
from rehearsal.cluster import addons
from rehearsal.errors import BerthError
from rehearsal.paths import Paths
from rehearsal.steps import Steps


def stop(where: Paths, steps: Steps) -> list[str]:
    """Stop every daemon and remove the state; returns what was removed, for people. Caches stay.

    Raises:
        BerthError: something is left; the message lists it.
    """
    removed: list[str] = []
    recovery.end_orphaned_engine(where)
    daemons = [name for name in process.names(where) if process.pid_of(where, name)]
    problems = [
        _try(lambda: addons.stop(where)),
        _try(lambda: cluster.stop(where, steps)),
        _try(lambda: registry.stop(where)),
        _try(lambda: s3.stop(where)),
    ]
    for name in process.names(where):
        process.stop(where, name, grace=3.0)
    if daemons:
        removed.append(f"{len(daemons)} daemons: {', '.join(daemons)}")
    found = [problem for problem in problems if problem] + leftovers(where)
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
    found = cluster.leftovers(where)
    for name in process.names(where):
        pid = process.pid_of(where, name)
        if pid is not None:
            found.append(f"process {pid}: {name}")
    return list(dict.fromkeys(found))


def _try(action: Callable[[], None]) -> str:
    """What went wrong; the other parts are to be stopped all the same."""
    try:
        action()
    except BerthError as problem:
        return problem.message
    return ""
