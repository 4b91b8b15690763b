"""What of a cluster is on this machine now: after `stop` there must be nothing."""

from rehearsal import addresses, process
from rehearsal.cluster import cgroups, daemons, firewall, network, teardown
from rehearsal.cluster.host import argv_of, mounts_below
from rehearsal.cluster.layout import CGROUP, Layout
from rehearsal.paths import Paths


def leftovers(paths: Paths) -> list[str]:
    """One line for each process, mount, interface, rule, cgroup, changed setting, socket and directory."""
    layout = Layout(paths)
    groups = cgroups.detect()
    running = {pid for name in daemons.NAMES if (pid := process.pid_of(paths, name)) is not None}
    running |= {*teardown.strays(paths), *teardown.shims(paths), *cgroups.processes(groups)}
    found = [f"process {pid}: {' '.join(argv_of(pid))[:120]}" for pid in sorted(running)]
    found += [f"mount {point}" for point in mounts_below(*teardown.directories(layout))]
    found += [
        f"interface {name}"
        for name in (addresses.BRIDGE, addresses.POD_BRIDGE, *network.attached(addresses.POD_BRIDGE))
        if network.interface_exists(name)
    ]
    found += [f"firewall {line}" for line in firewall.left(layout)]
    found += [f"cgroup {path / CGROUP}" for path, _ in groups.hierarchies if (path / CGROUP).exists()]
    found += [f"kernel setting {line}" for line in network.changed(layout)]
    files = [*teardown.directories(layout), *teardown.stray_files(layout), paths.kubeconfig]
    found += [f"file {path}" for path in files if path.exists() or path.is_symlink()]
    return found
