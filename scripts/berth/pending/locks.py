"""The lock that a killed engine left on a stack: taken away where its holder is known to be dead.

A backend that is a directory or a bucket keeps a lock as a file which names its holder's host and pid. Only
of this host can be said whether a process lives. Pulumi Cloud's own locks end by themselves.
https://www.pulumi.com/docs/iac/concepts/state-and-backends/
"""

import json
import socket
from pathlib import Path
from typing import Any

from scripts.berth.place import Place

PROJECT = "berth"


def directory(place: Place) -> Path | None:
    """The backend's `.pulumi`, where the backend is a directory of this machine."""
    url = place.environ.get("PULUMI_BACKEND_URL") or _logged_in(place)
    if not url.startswith("file://"):
        return None
    root = Path(url.removeprefix("file://").partition("?")[0]).expanduser()
    return root / ".pulumi"


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


def release(place: Place, env: str) -> list[str]:
    """Remove the stack's locks whose holder is dead; returns who held them."""
    backend = directory(place)
    if backend is None:
        return []
    released = []
    for lock in sorted((backend / "locks" / "organization" / PROJECT / env).glob("*.json")):
        try:
            holder = json.loads(lock.read_text())
        except (OSError, ValueError):
            continue
        if is_dead(holder):
            lock.unlink(missing_ok=True)
            released.append(f"{holder.get('username')}, pid {holder.get('pid')}")
    return released


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
