"""Stops a rehearsal with nothing but Python itself, for when the virtual environment cannot be mended.

It ends the recorded processes, and removes the mounts and the interfaces; firewall rules and cgroups are left
to a proper `./scripts/down`, which can follow at any time.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from rehearsal import addresses, process
from rehearsal.paths import Paths, paths


def main() -> int:
    """Stop what can be stopped; returns the exit status."""
    where = paths()
    for name in process.names(where):
        if process.stop(where, name):
            sys.stderr.write(f"stopped {name}\n")
    for pid in _shims(where):
        os.kill(pid, signal.SIGKILL)
    for mount in _mounts(where):
        subprocess.run(["umount", "--lazy", mount], check=False)
    if ip := shutil.which("ip", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"):
        for bridge in (addresses.POD_BRIDGE, addresses.BRIDGE):
            subprocess.run([ip, "link", "delete", bridge], check=False, stderr=subprocess.DEVNULL)
    sys.stderr.write(
        "Firewall rules and cgroups may be left: run ./scripts/down again with a working .venv.\n"
    )
    return 1


def _shims(where: Paths) -> Iterator[int]:
    """Processes that keep containers, which outlive containerd: their command names our socket or state."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            arguments = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if "containerd-shim" in arguments[0] and any(f"{where.run}/" in part for part in arguments):
            yield int(entry.name)


def _mounts(where: Paths) -> list[str]:
    """Mount points below our directories, the deepest first (proc(5), mounts)."""
    points = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    ours = [p for p in points if any(Path(p).is_relative_to(root) for root in (where.run, where.state))]
    return sorted(ours, key=len, reverse=True)


if __name__ == "__main__":
    sys.exit(main())
