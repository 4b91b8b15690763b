"""The machine's part in the cluster's network: a bridge with the node's address, routes, kernel settings.

What is changed is written down first, so that `restore` can put it back. The settings that kubelet and
the CNI plugins change on their own account are kept track of as well.
"""

import contextlib
import json
from pathlib import Path

from rehearsal import addresses
from rehearsal.cluster.host import command
from rehearsal.cluster.layout import Layout
from rehearsal.cluster.software import which
from rehearsal.errors import BerthError

_SYS = Path("/proc/sys")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
WANTED = {
    "net/ipv4/ip_forward": "1",
    "net/bridge/bridge-nf-call-iptables": "1",
}
# kubelet sets these whether it is asked to or not; net/ipv4/conf/all/route_localnet is kube-proxy's.
CHANGED_BY_OTHERS = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
    "net/ipv4/conf/all/route_localnet",
)
_MODULES = ("br_netfilter", "overlay", "bridge", "veth", "nf_conntrack", "xt_comment", "xt_MASQUERADE")
_MINIMUM_MTU = 1280


def ensure_bridge() -> None:
    """Bring up the bridge that carries the node's address; nothing happens where it is up."""
    shown = command(["ip", "-o", "-4", "address", "show", "dev", addresses.BRIDGE], check=False)
    if f" {addresses.NODE}/" in shown:
        return
    if not interface_exists(addresses.BRIDGE):
        command(["ip", "link", "add", addresses.BRIDGE, "type", "bridge"])
    command(["ip", "address", "replace", f"{addresses.NODE}/24", "dev", addresses.BRIDGE])
    command(["ip", "link", "set", addresses.BRIDGE, "up"])


def ensure_routes() -> None:
    """Keep traffic to services on this machine, even without a default route or before kube-proxy is up."""
    for network in (addresses.SERVICES, addresses.LOAD_BALANCERS):
        command(["ip", "route", "replace", str(network), "dev", addresses.BRIDGE])


def interface_exists(name: str) -> bool:
    """Whether a network interface of this name is in our network namespace."""
    return Path("/sys/class/net", name).exists()


def pod_mtu() -> int:
    """What fits through the interface of the default route (bytes); 1500 where there is none."""
    for line in Path("/proc/net/route").read_text().splitlines()[1:]:
        name, destination = line.split()[:2]
        if destination == "00000000":
            mtu = int(Path("/sys/class/net", name, "mtu").read_text())
            return max(_MINIMUM_MTU, min(mtu, 1500))
    return 1500


def load_modules() -> None:
    """Ask for the kernel modules; a kernel that has them built in says no, which does not matter."""
    if which("modprobe") is not None:
        for module in _MODULES:
            command(["modprobe", "-q", module], check=False)


def apply_sysctls(layout: Layout) -> None:
    """Set what the cluster needs; what was there before is kept in a file, once per boot."""
    boot = _BOOT_ID.read_text().strip()
    try:
        saved = json.loads(layout.sysctls.read_text())
    except (OSError, ValueError):
        saved = {}
    if saved.get("boot") != boot:
        before = {name: value for name in (*WANTED, *CHANGED_BY_OTHERS) if (value := _read(name)) is not None}
        layout.sysctls.parent.mkdir(parents=True, exist_ok=True)
        layout.sysctls.write_text(json.dumps({"boot": boot, "before": before}, indent=2))
    for name, value in WANTED.items():
        if _read(name) == value:
            continue
        try:
            (_SYS / name).write_text(value)
        except OSError as problem:
            raise BerthError(
                f"the kernel setting {name.replace('/', '.')} cannot be set to {value}: {problem.strerror}",
                "Pods could not reach each other. Load the module br_netfilter, or run on a machine (or in a "
                "privileged container) whose /proc/sys is writable.",
            ) from problem


def restore_sysctls(layout: Layout) -> None:
    """Put back what the file says, unless the machine was rebooted since."""
    for name, value in _differing(layout).items():
        with contextlib.suppress(OSError):
            (_SYS / name).write_text(value)


def _differing(layout: Layout) -> dict[str, str]:
    try:
        saved = json.loads(layout.sysctls.read_text())
        if saved["boot"] != _BOOT_ID.read_text().strip():
            return {}
        return {name: value for name, value in saved["before"].items() if _read(name) != value}
    except (OSError, ValueError, KeyError):
        return {}


def _read(name: str) -> str | None:
    try:
        return (_SYS / name).read_text().strip()
    except OSError:
        return None


def remove_interfaces() -> None:
    """Remove both bridges and the pods' ends that a crash left on them; routes go with them."""
    for name in (*attached(addresses.POD_BRIDGE), addresses.POD_BRIDGE, addresses.BRIDGE):
        if interface_exists(name):
            command(["ip", "link", "delete", name], check=False)


def attached(bridge: str) -> list[str]:
    """The interfaces on a bridge."""
    try:
        return sorted(path.name for path in Path("/sys/class/net", bridge, "brif").iterdir())
    except OSError:
        return []


def changed(layout: Layout) -> list[str]:
    """The kernel settings that are not what they were, one line each."""
    return [f"{name}: {_read(name)}, was {value}" for name, value in _differing(layout).items()]
