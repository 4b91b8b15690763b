"""The rehearsal as a whole: whether it is up, and how to bring it up; `rehearsal.record` says what as.

`ready` answers in milliseconds and decides whether anything has to be done; `ensure` does it. Both leave the
parts' own work to the parts. The caller of `ensure` holds `rehearsal.lock`.
"""

import contextlib
import http.client
import ssl
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rehearsal import addresses, process, workspace
from rehearsal.environment import Environment, environment, prepare
from rehearsal.paths import Paths
from rehearsal.record import Choice, Record, boot, fingerprint, load, record_file, save

if TYPE_CHECKING:
    from rehearsal.steps import Steps

__all__ = [
    "Choice",
    "Record",
    "boot",
    "ensure",
    "fingerprint",
    "inside",
    "load",
    "ready",
    "record_file",
    "save",
]


def ready(where: Paths, choice: Choice | None = None) -> Record | None:
    """The record of a rehearsal that is up and as asked for, else None. Takes milliseconds."""
    record = load(where)
    if record is None:
        return None
    # In the order of their cost.
    is_up = (
        (choice is None or record.choice == choice)
        and record.boot == boot()
        and all(process.pid_of(where, name) for name in record.daemons)
        and (where.kubeconfig.is_file() or not record.choice.needs("local"))
        and workspace.shims(where).is_dir()
        and all(Path(directory).is_dir() for directory in record.programs)
        and record.fingerprint == fingerprint()
        and (not _embedded(record) or api_server_answers())
    )
    return record if is_up else None


def _embedded(record: Record) -> bool:
    return record.choice.needs("local") and record.choice.cluster == "embedded"


def inside(where: Paths, record: Record, target: str = "local") -> Environment:
    """The environment variables of this rehearsal, for environments of one target."""
    key = record.access_keys.get(target) or next(iter(record.access_keys.values()))
    return environment(where, programs=map(Path, record.programs), access_key=key, target=target)


def ensure(where: Paths, steps: "Steps", choice: Choice, *, images: bool = True) -> Record:
    """Bring up whatever is missing; a rehearsal that is up is left as it is.

    images: also build and push the images that this checkout's code asks for.

    Raises:
        BerthError: something that the user can mend is in the way.
        StepFailed: a command of a step failed.
    """
    from rehearsal import bringup

    record = ready(where, choice)
    if record is None:
        where.create()
        record = bringup.bring_up(where, steps, choice, images=images)
    elif images:
        record = replace(record, images=bringup.ensure_images(where, steps))
        save(where, record)
    prepare(where)
    workspace.refresh(where)
    return record


def api_server_answers(timeout: float = 2.0) -> bool:
    """Whether the embedded API server speaks HTTP: it refuses strangers, and that is an answer."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    server = http.client.HTTPSConnection(
        str(addresses.NODE), addresses.API_SERVER_PORT, timeout=timeout, context=context
    )
    with contextlib.closing(server):
        try:
            server.request("GET", "/readyz")
            return server.getresponse().status < 500
        except (OSError, http.client.HTTPException):
            return False
