"""Stop the cluster and remove all of it, in whatever state it is: running, half dead, or after a reboot."""

import contextlib
import os
import re
import shutil
import signal
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rehearsal import process
from rehearsal.cluster import cgroups, daemons, firewall, network
from rehearsal.cluster.host import argv_of, command, mounts_below, pids
from rehearsal.cluster.layout import CNI_NETWORK, Layout
from rehearsal.errors import BerthError
from rehearsal.paths import Paths
from rehearsal.steps import Step, Steps

GRACE = 3.0
_SHIM = "containerd-shim"
# These are where containerd, libcni and kubelet write, whatever their configuration says.
SHIM_SOCKETS = Path("/run/containerd/s")
CNI_RESULTS = Path("/var/lib/cni/results")
CONTAINER_LOG_LINKS = Path("/var/log/containers")
DEVICE_PLUGINS = Path("/var/lib/kubelet/device-plugins")


def stop(paths: Paths, steps: Steps) -> None:
    """Stop every part and container and remove their data, mounts, interfaces, rules and cgroups.

    Raises:
        BerthError: something could not be removed; the rest is gone.
    """
    with steps.step("stop the cluster") as step:
        _stop(paths, step)


def _stop(paths: Paths, step: Step) -> None:
    layout = Layout(paths)
    step.say("stopping daemons")
    # Nothing is drained: the data goes, so an orderly end would only take time.
    with ThreadPoolExecutor(len(daemons.NAMES)) as pool:
        list(pool.map(lambda name: process.stop(paths, name, grace=GRACE), daemons.NAMES))
    stop_strays(paths)
    step.say("stopping containers")
    groups = cgroups.detect()
    sockets = shim_sockets(layout)
    kill_all(shims(paths))
    cgroups.kill(groups)
    step.say("removing mounts, interfaces, firewall rules and control groups")
    _unmount(layout)
    network.remove_interfaces()
    firewall.remove(layout)
    network.restore_sysctls(layout)
    left = [str(path) for path in cgroups.remove(groups)]
    step.say("removing files")
    left += _remove_files(layout, sockets)
    if left:
        raise BerthError(
            f"these could not be removed: {', '.join(left)}", "Run the command again; else reboot."
        )


def strays(paths: Paths) -> list[int]:
    """Parts of this cluster without a record: whoever started them was killed before it could write one."""
    known = {process.pid_of(paths, name) for name in process.names(paths)}
    root = str(Layout(paths).root)
    found = []
    for pid in pids():
        words = argv_of(pid)
        ours = any(root in word for word in words[1:])
        if ours and pid not in known and Path(words[0]).name in daemons.NAMES:
            found.append(pid)
    return found


def stop_strays(paths: Paths) -> None:
    """Kill them."""
    kill_all(strays(paths))


def shims(paths: Paths) -> list[int]:
    """The processes that stand between our containerd and its containers."""
    socket = str(Layout(paths).containerd_socket)
    return [
        pid
        for pid in pids()
        if (words := argv_of(pid)) and Path(words[0]).name.startswith(_SHIM) and socket in words
    ]


def kill_all(victims: Iterable[int], *, within: float = 5.0) -> None:
    """Kill processes and wait until they are gone."""
    alive = {pid: process.start_time(pid) for pid in victims}
    for pid in alive:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + within
    while any(started is not None and process.start_time(pid) == started for pid, started in alive.items()):
        if time.monotonic() > until:
            return
        time.sleep(0.02)


def shim_sockets(layout: Layout) -> list[Path]:
    """The sockets of our shims, which lie in a directory that all of a machine's containerds share."""
    found: list[Path] = []
    tasks = layout.containerd_run / "io.containerd.runtime.v2.task"
    for path in (*tasks.glob("*/*/address"), *tasks.glob("*/*/bootstrap.json")):  # containerd 1, containerd 2
        with contextlib.suppress(OSError):
            found += map(Path, re.findall(r"unix://([^\"\s]+)", path.read_text()))
    return [path for path in found if path.parent == SHIM_SOCKETS]


def directories(layout: Layout) -> list[Path]:
    """Everything of the cluster's on disk."""
    run = layout.paths.run
    return [layout.root, layout.containerd, layout.containerd_run, layout.cni_state, run / "runc"]


def _unmount(layout: Layout) -> None:
    for flags in ((), ("-l",)):
        points = mounts_below(*directories(layout))
        if points:
            command(["umount", *flags, *map(str, points)], check=False)


def _remove_files(layout: Layout, sockets: Iterable[Path]) -> list[str]:
    for path in (*sockets, *stray_files(layout), layout.containerd_socket, layout.paths.kubeconfig):
        path.unlink(missing_ok=True)
    ttrpc = layout.containerd_socket.with_name(f"{layout.containerd_socket.name}.ttrpc")
    ttrpc.unlink(missing_ok=True)
    for directory in (SHIM_SOCKETS, CNI_RESULTS, DEVICE_PLUGINS, CONTAINER_LOG_LINKS):
        with contextlib.suppress(OSError):
            directory.rmdir()
            if directory != CONTAINER_LOG_LINKS:
                directory.parent.rmdir()
    mounted = mounts_below(*directories(layout))
    if mounted:
        return [f"mount {point}" for point in mounted]
    present = [str(path) for path in directories(layout) if path.exists()]
    if present:
        # Several times faster than shutil.rmtree on a store of images, and never into another file system.
        command(["rm", "-rf", "--one-file-system", "--", *present], check=False)
    for path in directories(layout):
        shutil.rmtree(path, ignore_errors=True)
    return [str(path) for path in directories(layout) if path.exists()]


def stray_files(layout: Layout) -> list[Path]:
    """Our files in directories that others use too."""
    found = list(CNI_RESULTS.glob(f"{CNI_NETWORK}-*"))
    if layout.sysctls.exists():  # else it may be another Kubernetes' by now
        names = ("kubelet.sock", "kubelet_internal_checkpoint")
        found += [path for name in names if (path := DEVICE_PLUGINS / name).exists()]
    for link in CONTAINER_LOG_LINKS.glob("*.log"):
        with contextlib.suppress(OSError):
            if link.readlink().is_relative_to(layout.pod_logs):
                found.append(link)
    return found
