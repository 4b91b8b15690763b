"""What has to be true of a machine before a cluster is started on it, each with a message of its own."""

import os
import platform
import time
from pathlib import Path

from rehearsal import addresses, process
from rehearsal.cluster import cgroups, firewall, layout, network
from rehearsal.cluster.host import argv_of, command, pids, port_holder, shares_our_network
from rehearsal.cluster.layout import LOOPBACK, Layout
from rehearsal.cluster.software import cni_directory, packages
from rehearsal.errors import BerthError
from rehearsal.paths import Paths

SETTLE_SECONDS = 2.0
MACHINES = ("x86_64", "amd64")
# Part to the addresses and ports that it listens on.
PORTS: dict[str, tuple[tuple[str, int], ...]] = {
    "etcd": ((LOOPBACK, layout.ETCD_PORT), (LOOPBACK, layout.ETCD_PEER_PORT)),
    "kube-apiserver": ((str(addresses.NODE), addresses.API_SERVER_PORT),),
    "kube-controller-manager": ((LOOPBACK, layout.CONTROLLER_MANAGER_PORT),),
    "kube-scheduler": ((LOOPBACK, layout.SCHEDULER_PORT),),
    "kube-proxy": ((LOOPBACK, layout.PROXY_HEALTH_PORT), (LOOPBACK, layout.PROXY_METRICS_PORT)),
    "kubelet": ((str(addresses.NODE), layout.KUBELET_PORT), (LOOPBACK, layout.KUBELET_HEALTH_PORT)),
}
_OTHERS = {"kubelet", "kube-proxy", "k3s", "k0s", "rke2", "microk8s", "kubelite"}


def check(paths: Paths) -> cgroups.Cgroups:
    """Refuse where the cluster cannot run; returns how control groups are mounted.

    Raises:
        BerthError: which condition is not met and what to do.
    """
    check_user(os.geteuid())
    check_cpu(platform.machine())
    check_programs()
    network.load_modules()
    check_kernel()
    groups = cgroups.detect()
    cgroups.check(groups)
    check_alone(paths)
    check_ports(paths)
    return groups


def check_user(uid: int) -> None:
    """Root, because interfaces, mounts, cgroups and firewall rules are made."""
    if uid:
        raise BerthError(
            "a rehearsal needs root: it makes network interfaces, mounts and firewall rules",
            "Run the command again with sudo, for example: sudo ./scripts/up",
        )


def check_cpu(machine: str) -> None:
    """x86-64."""
    if machine.lower() not in MACHINES:
        raise BerthError(
            f"this machine's processor ({machine}) is not supported: the embedded cluster is for x86-64",
            "Use an x86-64 machine, or a cluster that you have: `--cluster current`.",
        )


def check_programs() -> None:
    """Everything that the distribution brings."""
    missing = packages()
    if missing:
        raise BerthError(
            f"programs of these packages are missing: {', '.join(missing)}",
            f"Install them: apt-get install --no-install-recommends {' '.join(missing)}",
        )


def check_kernel() -> None:
    """Network namespaces, overlayfs, bridges that iptables sees, iptables itself."""
    missing = []
    if not Path("/proc/self/ns/net").exists():
        missing.append("network namespaces (CONFIG_NET_NS)")
    if "overlay" not in Path("/proc/filesystems").read_text():
        missing.append("overlayfs (CONFIG_OVERLAY_FS)")
    if not Path("/proc/sys/net/bridge/bridge-nf-call-iptables").exists():
        missing.append("filtering of bridged packets (module br_netfilter)")
    if missing:
        raise BerthError(
            f"this kernel lacks {'; '.join(missing)}",
            "Load the module (modprobe br_netfilter overlay) or start a distribution's own kernel.",
        )
    for table in ("nat", "filter", "mangle"):
        try:
            command(["iptables", "-w", "-t", table, "-S"])
        except BerthError as problem:
            raise BerthError(
                f"iptables does not work here: {problem.message}",
                "The kernel may lack nf_tables or ip_tables, or this container the capability NET_ADMIN.",
            ) from problem


def check_alone(paths: Paths) -> None:
    """No other Kubernetes in this network namespace: both would claim the same firewall chains."""
    ours = {process.pid_of(paths, name) for name in process.names(paths)}
    for pid in pids():
        words = argv_of(pid)
        if not words or pid in ours or Path(words[0]).name not in _OTHERS:
            continue
        if shares_our_network(pid) and not any(str(paths.state) in word for word in words):
            raise BerthError(
                f"another Kubernetes runs on this machine: pid {pid} (`{words[0]}`)",
                "Stop it, or use it for the rehearsal: `--cluster current`.",
            )
    if cni_directory() is None:
        raise BerthError("the CNI plugins are missing", "apt-get install containernetworking-plugins")
    if firewall.has_kubernetes_chains() and not firewall.kubernetes_is_ours(Layout(paths)):
        raise BerthError(
            "there are firewall rules of another Kubernetes on this machine (chains KUBE-…)",
            "If it is gone for good, a reboot clears them; else use it: `--cluster current`.",
        )


def check_ports(paths: Paths) -> None:
    """The ports of every part that does not run yet."""
    for part, wanted in PORTS.items():
        if process.pid_of(paths, part) is not None:
            continue
        for address, port in wanted:
            holder = _settled_holder(address, port)
            if holder:
                raise BerthError(
                    f"port {port}, which {part} needs on {address}, is in use by {holder}",
                    "Stop that process, or let it listen on one address instead of all.",
                )


def _settled_holder(address: str, port: int) -> str | None:
    """Who holds a port for good: a process that was just killed lets go of its own a moment later."""
    until = time.monotonic() + SETTLE_SECONDS
    while (holder := port_holder(address, port)) and time.monotonic() < until:
        time.sleep(0.05)
    return holder
