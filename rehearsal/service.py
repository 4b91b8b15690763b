"""Bring one network daemon to the point where it answers, and say clearly why where it does not.

A daemon that answers and was started from the same program, arguments, environment and files is left alone.
"""

import errno
import hashlib
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rehearsal import process
from rehearsal.errors import BerthError
from rehearsal.paths import Paths
from rehearsal.process import Daemon
from rehearsal.steps import tail

POLL = 0.05


def ensure(
    paths: Paths,
    daemon: Daemon,
    *,
    healthy: Callable[[], bool],
    inputs: Sequence[Path] = (),
    listens: tuple[str, int] | None = None,
    timeout: float = 30.0,
) -> bool:
    """Have a daemon running on its present settings; True where it had to be (re)started.

    healthy: asked until it says yes; it must return within a second or so and raise nothing.
    inputs: files that the daemon reads at its start only, such as its certificate.
    listens: address and port, checked to be free in front of a start.
    timeout: seconds until it must be healthy.

    Raises:
        BerthError: the port is taken, the daemon ended, or it never became healthy; with the end of its log.
    """
    mark = paths.run / "settings" / daemon.name
    wanted = _fingerprint(daemon, inputs)
    if process.pid_of(paths, daemon.name) is not None:
        if mark.is_file() and mark.read_text() == wanted and healthy():
            return False
        process.stop(paths, daemon.name)
    if listens:
        _require_free(daemon.name, *listens)
    mark.parent.mkdir(parents=True, exist_ok=True)
    process.start(paths, daemon)
    mark.write_text(wanted)
    log = paths.logs / f"{daemon.name}.log"
    until = time.monotonic() + timeout
    while not healthy():
        if process.pid_of(paths, daemon.name) is None:
            raise BerthError(f"{daemon.name} ended right after its start\n\n{tail(log)}", f"Its log is {log}")
        if time.monotonic() > until:
            process.stop(paths, daemon.name)
            raise BerthError(
                f"{daemon.name} did not answer within {timeout:.0f} s\n\n{tail(log)}", f"Its log is {log}"
            )
        time.sleep(POLL)
    return True


def accepts(host: str, port: int) -> bool:
    """Whether something accepts TCP connections there."""
    try:
        with socket.create_connection((host, port), timeout=1.0):
            return True
    except OSError:
        return False


def _fingerprint(daemon: Daemon, inputs: Sequence[Path]) -> str:
    digest = hashlib.sha256(repr((list(daemon.argv), sorted((daemon.env or {}).items()))).encode())
    for path in inputs:
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()


def _require_free(name: str, host: str, port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as reason:
            if reason.errno == errno.EADDRINUSE:
                raise BerthError(
                    f"{name}: port {port} of {host} is in use by another program",
                    f"Stop that program (`ss -ltnp 'sport = :{port}'` names it) and run the command again.",
                ) from None
            if reason.errno == errno.EADDRNOTAVAIL:
                raise BerthError(
                    f"{name}: this machine does not have the address {host}",
                    "The cluster's bridge carries it: start the cluster first, or run `./scripts/down` "
                    "and then `./scripts/up`.",
                ) from None
            raise
