"""What a killed engine leaves in a backend that is a directory: its lock, and a file written by half.

A lock is a file that names its holder's host and pid; only of this host can be said whether a process lives.
The state itself is replaced at once, but the file beside it (`.attrs`, its content type) is not, and the
engine reads nothing where that is empty. Backends in the cloud write at once; Pulumi Cloud's locks end by
themselves. https://www.pulumi.com/docs/iac/concepts/state-and-backends/
https://github.com/google/go-cloud/blob/v0.37.0/blob/fileblob/attrs.go
"""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.berth.place import Place

PROJECT = "berth"


def directory(place: Place) -> Path | None:
    """The backend's `.pulumi`, where the backend is a directory of this machine."""
    url = place.environ.get("PULUMI_BACKEND_URL") or _logged_in(place)
    if not url.startswith("file://"):
        return None
    return Path(url.removeprefix("file://").partition("?")[0]).expanduser() / ".pulumi"


def _logged_in(place: Place) -> str:
    home = Path(place.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    try:
        return str(json.loads((home / "credentials.json").read_text()).get("current") or "")
    except (OSError, ValueError):
        return ""


def checkpoint(place: Place, env: str) -> str | None:
    """The stack's state as text, where it can be read without the engine."""
    backend = directory(place)
    try:
        return (backend / "stacks" / PROJECT / f"{env}.json").read_text() if backend else None
    except (OSError, UnicodeDecodeError):
        return None


def mend(place: Place, env: str) -> list[str]:
    """Remove a stack's locks whose holder is dead, and what was written by half; returns who held them."""
    backend = directory(place)
    if backend is None:
        return []
    released = []
    for lock in _locks(backend, env):
        try:
            holder = json.loads(lock.read_text())
        except (OSError, ValueError):
            continue
        if is_dead(holder):
            _remove(lock)
            released.append(f"{holder.get('username')}, pid {holder.get('pid')}")
    if not any(_locks(backend, env)):
        for beside in (backend / "stacks" / PROJECT).glob(f"{env}.json*"):
            if beside.suffix == ".tmp" or (beside.suffix == ".attrs" and not _is_json(beside)):
                beside.unlink(missing_ok=True)
    return released


def _locks(backend: Path, env: str) -> Iterator[Path]:
    yield from sorted((backend / "locks" / "organization" / PROJECT / env).glob("*.json"))


def _remove(file: Path) -> None:
    for one in (file, file.with_name(f"{file.name}.attrs")):
        one.unlink(missing_ok=True)


def _is_json(file: Path) -> bool:
    try:
        json.loads(file.read_text())
    except (OSError, ValueError):
        return False
    return True


def is_dead(holder: Any) -> bool:
    """Whether the process that a lock names ran on this host and does not run any more."""
    if not isinstance(holder, dict) or holder.get("hostname") != socket.gethostname():
        return False
    try:
        words = Path(f"/proc/{int(holder['pid'])}/cmdline").read_bytes()
    except FileNotFoundError:
        return Path("/proc/self").exists()
    except (OSError, KeyError, TypeError, ValueError):
        return False
    return b"pulumi" not in words  # the kernel has given the pid to another program
