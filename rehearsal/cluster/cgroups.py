"""The control group that all of the cluster's containers live under, so that it can be removed whole."""

import contextlib
import errno
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rehearsal.cluster.host import Mount, mounts
from rehearsal.cluster.layout import CGROUP
from rehearsal.errors import BerthError

NEEDED = ("cpu", "cpuacct", "cpuset", "memory", "pids")
NEEDED_UNIFIED = ("cpu", "cpuset", "memory", "pids")
DELEGATED = (*NEEDED_UNIFIED, "io", "hugetlb")
_UNIFIED_ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Cgroups:
    """How this machine mounts control groups.

    unified: version 2 alone. Otherwise version 1, or both (hybrid), where containers use version 1.
    hierarchies: every mount, with its version-1 controllers.
    """

    unified: bool
    hierarchies: tuple[tuple[Path, frozenset[str]], ...]

    @property
    def controllers(self) -> frozenset[str]:
        """The controllers that containers can use."""
        if self.unified:
            return frozenset((self.hierarchies[0][0] / "cgroup.controllers").read_text().split())
        return frozenset().union(*(names for _, names in self.hierarchies))


def detect(table: Iterable[Mount] | None = None) -> Cgroups:
    """Read the mounts (given, or this machine's)."""
    known = {"blkio", "cpu", "cpuacct", "cpuset", "devices", "freezer", "hugetlb", "memory"}
    known |= {"net_cls", "net_prio", "perf_event", "pids", "rdma", "misc", "name=systemd"}
    found = []
    unified = False
    for mount in mounts() if table is None else table:
        if mount.kind == "cgroup2":
            unified = unified or mount.point == _UNIFIED_ROOT
            found.append((mount.point, frozenset[str]()))
        elif mount.kind == "cgroup":
            found.append((mount.point, mount.options & known))
    if unified:
        found = [(_UNIFIED_ROOT, frozenset())]
    return Cgroups(unified=unified, hierarchies=tuple(dict(found).items()))


def check(groups: Cgroups) -> None:
    """Raises BerthError where containers could not be limited."""
    needed = NEEDED_UNIFIED if groups.unified else NEEDED
    missing = [name for name in needed if name not in groups.controllers] if groups.hierarchies else needed
    if missing:
        raise BerthError(
            f"this machine's control groups lack {', '.join(missing)}",
            "Kubernetes needs them. Mount them (package cgroupfs-mount), start the kernel with "
            "`cgroup_enable=memory`, or give the container that you are in its own cgroup namespace.",
        )


def create(groups: Cgroups) -> None:
    """Make our group in every hierarchy."""
    for point, controllers in groups.hierarchies:
        group = point / CGROUP
        if groups.unified:
            _delegate(point)
        group.mkdir(exist_ok=True)
        if "cpuset" in controllers:
            for name in ("cpuset.cpus", "cpuset.mems"):
                if not (group / name).read_text().strip():
                    (group / name).write_text((point / name).read_text())


def _delegate(point: Path) -> None:
    for controller in DELEGATED:
        try:
            (point / "cgroup.subtree_control").write_text(f"+{controller}")
        except OSError as problem:
            if problem.errno in (errno.ENOENT, errno.EINVAL):
                continue  # this kernel does not have the controller
            raise BerthError(
                f"the cgroup controller {controller!r} cannot be handed to containers: {problem.strerror}",
                "This happens in a container whose cgroup namespace has processes in its root. "
                "Run on the machine itself or in a virtual machine.",
            ) from problem


def processes(groups: Cgroups) -> set[int]:
    """Every process in our group."""
    found: set[int] = set()
    for point, _ in groups.hierarchies:
        for directory, _, files in os.walk(point / CGROUP):
            if "cgroup.procs" in files:
                with contextlib.suppress(OSError):
                    found.update(map(int, (Path(directory) / "cgroup.procs").read_text().split()))
    return found - {0}


def kill(groups: Cgroups, *, within: float = 5.0) -> None:
    """Kill every process in our group and wait until the kernel has let go of them."""
    until = time.monotonic() + within
    while (alive := processes(groups)) and time.monotonic() < until:
        for pid in alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def remove(groups: Cgroups) -> list[Path]:
    """Remove our group from every hierarchy; returns what would not go."""
    left = []
    for point, _ in groups.hierarchies:
        for directory, _, _ in os.walk(point / CGROUP, topdown=False):
            for _ in range(20):
                try:
                    Path(directory).rmdir()
                except OSError as problem:
                    if problem.errno == errno.EBUSY:
                        time.sleep(0.05)
                        continue
                break
        if (point / CGROUP).exists():
            left.append(point / CGROUP)
    return left
