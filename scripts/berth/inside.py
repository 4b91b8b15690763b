"""Enters the rehearsal: chooses its settings, takes its lock, brings up what is missing, gives a `Place`."""

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rehearsal import session, workspace
from rehearsal.errors import BerthError
from rehearsal.paths import CHECKOUT, Paths, paths
from rehearsal.record import TARGETS, Choice, Record, boot
from rehearsal.values import target_of
from scripts.berth.place import Place, rehearsal

if TYPE_CHECKING:
    from rehearsal.steps import Steps


def leave_shims_alone(where: Paths) -> None:
    """Take our own `pulumi` off this process's PATH, so that only a real one is found there."""
    shims = str(workspace.shims(where))
    path = os.environ.get("PATH", os.defpath).split(os.pathsep)
    os.environ["PATH"] = os.pathsep.join(part for part in path if part != shims)


def choose(
    where: Paths, env: str, cluster: str | None, gpus: int | None, *, machines: bool | None = None
) -> Choice:
    """The flags, else what the rehearsal was brought up with, else what the environment's values ask for.

    Parts for the environment's target come to those that were there; after a reboot they come alone.
    """
    record = session.load(where)
    wanted = values_gpus(env)
    previous = record.choice if record else Choice()
    targets = {target_of(env), *(previous.targets if record and record.boot == boot() else ())}
    return Choice(
        targets=tuple(target for target in TARGETS if target in targets),
        machines=previous.machines if machines is None else machines,
        cluster=cluster or previous.cluster,
        gpus=gpus if gpus is not None else max(wanted, previous.gpus),
    )


def values_gpus(env: str, checkout: Path = CHECKOUT) -> int:
    """`berth:gpus` in an environment's values; 0 where it is absent. Its check is the program's business."""
    try:
        text = (checkout / "stacks" / f"Pulumi.{env}.yaml").read_text()
    except OSError:
        return 0
    found = re.search(r"^ +berth:gpus: *['\"]?(\d+)", text, re.MULTILINE)
    return int(found[1]) if found else 0


def place_of(where: Paths, record: Record, env: str) -> Place:
    """The rehearsal that a record describes, as an environment sees it."""
    environ = session.inside(where, record, target_of(env)).over(os.environ)
    engine = Path(record.programs[0]) / "pulumi"
    return replace(rehearsal(where, environ, engine), machines=record.choice.machines)


def has_images(record: Record) -> bool:
    """Whether the registry was given the images that this checkout's code asks for."""
    from rehearsal.images import references

    return record.images == references()


def enter(where: Paths, env: str, choice: Choice) -> Place:
    """The rehearsal, brought up where it is not, without its images; takes the lock only then."""
    record = session.ready(where, choice)
    if record is None:
        from rehearsal.lock import exclusive
        from rehearsal.steps import Steps

        require_root()
        with exclusive(where):
            record = session.ensure(where, Steps(where.logs), choice, images=False)
    else:
        workspace.refresh(where)
    return place_of(where, record, env)


@contextmanager
def entered(where: Paths, env: str, choice: Choice, steps: "Steps") -> Iterator[Place]:
    """Hold the lock for a whole command, with the rehearsal and its images up to date."""
    from rehearsal import recovery
    from rehearsal.lock import exclusive

    require_root()
    with exclusive(where):
        recovery.end_orphaned_engine(where)
        try:
            record = session.ensure(where, steps, choice)
        except BaseException:
            remove_empty(where)
            raise
        recovery.release_stale_locks(where)
        yield place_of(where, record, env)


def remove_empty(where: Paths) -> None:
    """Remove the rehearsal's directories where a refused command has put nothing into them."""
    for directory in (where.logs, where.state, where.bin, where.cache, where.run / "pids"):
        with contextlib.suppress(OSError):
            directory.rmdir()
    if where.run.is_dir() and [entry.name for entry in where.run.iterdir()] == ["lock"]:
        shutil.rmtree(where.run)


def present(where: Paths, env: str) -> Place:
    """The rehearsal as it was brought up last, whether it runs or not: enough to read a stack's state.

    Raises:
        BerthError: there is none.
    """
    record = session.load(where)
    if record is None or not Path(record.programs[0]).is_dir():
        raise BerthError("there is no rehearsal on this machine", f"Start one: `berth rehearse up {env}`.")
    workspace.refresh(where)
    return place_of(where, record, env)


def require_root() -> None:
    """Raises BerthError for anybody else."""
    if os.geteuid() != 0:
        raise BerthError(
            "a rehearsal needs root: it runs containers and makes network interfaces and firewall rules",
            "Run the command with sudo, for example `sudo ./scripts/up`, or in a root shell.",
        )


def here() -> Paths:
    """The rehearsal's paths, readable by the user.

    Raises:
        BerthError: they belong to another user.
    """
    where = paths()
    if where.state.exists() and not os.access(where.state, os.R_OK | os.X_OK):
        require_root()
    return where
