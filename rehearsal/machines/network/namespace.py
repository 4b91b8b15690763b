"""The namespace, its link to this machine, and the machines' interfaces in it; all of it can be repeated.

Here it adds an interface, a route, an nftables table and two forwarding switches, which are put back.
"""

import contextlib
import json
import subprocess
from collections.abc import Sequence
from ipaddress import IPv4Network
from pathlib import Path

from rehearsal import addresses
from rehearsal.cluster.host import command
from rehearsal.machines.model import Instance, Subnet
from rehearsal.machines.network.firewall import UPLINK
from rehearsal.machines.network.plan import CLOCK, METADATA, REGISTRY, VETHS, Plan

NAMESPACES = Path("/run/netns")
_CONF = Path("/proc/sys/net/ipv4/conf")
_SAVED = Path("/run/berth-forwarding.json")  # a trial may share the switches with a rehearsal


def inside(plan: Plan, *argv: str) -> list[str]:
    """A command line that runs in the namespace, with nothing else changed for it."""
    return ["nsenter", f"--net={NAMESPACES / plan.namespace}", *argv]


def exists(plan: Plan) -> bool:
    """Whether the namespace is there."""
    return plan.namespace in _namespaces()


def ensure(plan: Plan) -> None:
    """Have the namespace and its link to this machine."""
    if not exists(plan):
        command(["ip", "netns", "add", plan.namespace])
    if not Path("/sys/class/net", plan.veth).exists():
        size = str(mtu())
        pair = ["ip", "link", "add", plan.veth, "mtu", size, "type", "veth"]
        command([*pair, "peer", "name", UPLINK, "mtu", size, "netns", plan.namespace])
    _address(plan)
    command(["ip", "link", "set", plan.veth, "up"])
    _batch(
        plan,
        [
            "link set lo up",
            f"address replace {METADATA}/32 dev lo",
            f"address replace {CLOCK}/32 dev lo",
            f"address replace {plan.inside}/{plan.link.prefixlen} dev {UPLINK}",
            f"link set {UPLINK} up",
            f"route replace default via {plan.outside}",
        ],
    )
    _set_inside(plan, "ip_forward", "1")
    if plan.elastic and _is_ours(plan):
        command(["ip", "route", "replace", str(plan.elastic), "via", str(plan.inside), "src", plan.own])
    ensure_forwarding(plan)
    command(["nft", "-f", "-"], stdin=host_rules(plan))


def _is_ours(plan: Plan) -> bool:
    """Whether no other rehearsal on this machine has the elastic addresses."""
    shown = command(["ip", "route", "show", str(plan.elastic)])
    return not shown or f" {plan.veth} " in shown


def _address(plan: Plan) -> None:
    """Give our end of the link its addresses: the fixed one, and the one that machines see, no other."""
    wanted = {f"{plan.outside}/{plan.link.prefixlen}", f"{plan.own}/32"}
    for address in wanted:
        command(["ip", "address", "replace", address, "dev", plan.veth])
    shown = command(["ip", "-o", "-4", "address", "show", "dev", plan.veth])
    for address in {line.split()[3] for line in shown.splitlines()} - wanted:
        command(["ip", "address", "delete", address, "dev", plan.veth])


def host_rules(plan: Plan) -> str:
    """This machine's own rules: the machines' way out, and what of this machine they may reach."""
    return f"""table inet {plan.veth} {{}}
delete table inet {plan.veth}
table inet {plan.veth} {{
  chain input {{
    type filter hook input priority filter; policy accept;
    iifname != "{plan.veth}" accept
    ct state established,related accept
    ip daddr {REGISTRY} tcp dport {addresses.REGISTRY_PORT} accept
    ip daddr {plan.front} tcp dport {{ 80, 443 }} accept
    ip daddr {plan.outside} meta l4proto {{ tcp, udp }} th dport 53 accept
    meta l4proto icmp accept
    drop
  }}
  chain forward {{
    type filter hook forward priority filter; policy accept;
    iifname "{plan.veth}" ip daddr {{ 169.254.0.0/16, {addresses.NETWORK} }} drop
  }}
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    iifname "{plan.veth}" oifname != "{plan.veth}" masquerade
  }}
}}
"""


def ensure_forwarding(plan: Plan) -> None:
    """Forward between the link and the interface of the default route, and nothing else."""
    before = json.loads(_SAVED.read_text()) if _SAVED.exists() else {}
    for interface in filter(None, (plan.veth, _default_interface())):
        switch = _CONF / interface / "forwarding"
        if switch.exists() and switch.read_text().strip() != "1":
            if interface != plan.veth:
                before.setdefault(interface, switch.read_text().strip())
            _SAVED.write_text(json.dumps(before))
            switch.write_text("1")
    if _forward_is_closed():
        for rule in _opening(plan):
            if subprocess.run(["iptables", "-C", *rule], capture_output=True, check=False).returncode:
                command(["iptables", "-I", *rule])


def remove(plan: Plan) -> None:
    """Remove all of it; nothing happens where nothing is there."""
    for rule in _opening(plan):
        subprocess.run(["iptables", "-D", *rule], capture_output=True, check=False)
    command(["nft", "delete", "table", "inet", plan.veth], check=False)
    command(["ip", "link", "delete", plan.veth], check=False)
    if exists(plan):
        command(["ip", "netns", "delete", plan.namespace], check=False)
    if _SAVED.exists() and not any(path.name.startswith(VETHS) for path in _CONF.iterdir()):
        for interface, value in json.loads(_SAVED.read_text()).items():
            with contextlib.suppress(OSError):
                (_CONF / interface / "forwarding").write_text(value)
        _SAVED.unlink()


def left(plan: Plan) -> list[str]:
    """What is there of the network, found by looking at the machine."""
    found = [f"network namespace {plan.namespace}"] if exists(plan) else []
    if Path("/sys/class/net", plan.veth).exists():
        found.append(f"network interface {plan.veth}")
    if f"table inet {plan.veth}" in command(["nft", "list", "tables"], check=False).splitlines():
        found.append(f"nftables table inet {plan.veth}")
    return found


def taps(plan: Plan) -> list[str]:
    """The machines' interfaces that are there."""
    shown = command(inside(plan, "ip", "-o", "link", "show"), check=False)
    names = [line.split(": ")[1].split("@")[0] for line in shown.splitlines()]
    return [name for name in names if name not in {"lo", UPLINK}]


def add_tap(plan: Plan, instance: Instance, subnet: Subnet) -> None:
    """A machine's interface: the router's address on it, and the way to the machine through it."""
    name = instance.tap
    if name not in taps(plan):
        command(inside(plan, "ip", "tuntap", "add", name, "mode", "tap"))
    length = IPv4Network(subnet.cidr).prefixlen
    _batch(
        plan,
        [
            f"address replace {subnet.gateway}/{length} dev {name} noprefixroute",
            f"address replace {subnet.resolver}/32 dev lo",
            f"link set {name} up",
            f"route replace {instance.address}/32 dev {name}",
        ],
    )
    # It answers for the neighbours, so that what goes to them is routed, and so filtered, too.
    _set_inside(plan, f"conf/{name}/proxy_arp", "1")
    _set_inside(plan, f"neigh/{name}/proxy_delay", "0")


def remove_tap(plan: Plan, name: str) -> None:
    """Remove a machine's interface."""
    command(inside(plan, "ip", "link", "delete", name), check=False)


def load(plan: Plan, script: str) -> None:
    """Put a firewall script into force in the namespace."""
    command(inside(plan, "nft", "-f", "-"), stdin=script)


def mtu() -> int:
    """What fits through the interface of the default route (bytes), 1500 at most."""
    name = _default_interface()
    return min(1500, int(Path("/sys/class/net", name, "mtu").read_text())) if name else 1500


def _batch(plan: Plan, lines: Sequence[str]) -> None:
    command(inside(plan, "ip", "-batch", "-"), stdin="".join(f"{line}\n" for line in lines))


def _set_inside(plan: Plan, name: str, value: str) -> None:
    command(inside(plan, "sh", "-c", 'echo "$1" > "$0"', f"/proc/sys/net/ipv4/{name}", value))


def _namespaces() -> set[str]:
    return {path.name for path in NAMESPACES.glob("*")}


def _default_interface() -> str:
    for line in Path("/proc/net/route").read_text().splitlines()[1:]:
        name, destination = line.split()[:2]
        if destination == "00000000":
            return name
    return ""


def _forward_is_closed() -> bool:
    """Whether iptables forwards nothing by default, as Docker sets it."""
    shown = subprocess.run(["iptables", "-S", "FORWARD"], capture_output=True, text=True, check=False)
    return shown.stdout.startswith("-P FORWARD DROP")


def _opening(plan: Plan) -> list[list[str]]:
    return [["FORWARD", flag, plan.veth, "-j", "ACCEPT"] for flag in ("-i", "-o")]
