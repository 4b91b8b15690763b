"""One command at a time works on the rehearsal; the second is told who holds the lock."""

import fcntl
import json
import os
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rehearsal.errors import BerthError
from rehearsal.paths import Paths


@contextmanager
def exclusive(paths: Paths) -> Iterator[None]:
    """Hold the rehearsal's lock.

    Raises:
        BerthError: another command holds it; the message gives its pid, command line and age.
    """
    paths.run.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(paths.run / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BerthError(
                f"another command is working on the rehearsal: {_holder(os.read(descriptor, 4096))}",
                "Wait for it to end, or stop it with Ctrl-C (or `kill PID`) and run this command again.",
            ) from None
        os.ftruncate(descriptor, 0)
        record = {"pid": os.getpid(), "command": shlex.join(sys.argv), "since": time.time()}
        os.write(descriptor, json.dumps(record).encode())
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _holder(raw: bytes) -> str:
    try:
        record = json.loads(raw)
        age = time.time() - record["since"]
        return f"pid {record['pid']}, `{record['command']}`, for {age:.0f} s"
    except (ValueError, KeyError, TypeError):
        return "its name could not be read"
