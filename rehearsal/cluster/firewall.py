"""The firewall rules of the cluster, found and removed without touching anybody else's.

kube-proxy's and kubelet's chains are called KUBE-…: they are ours where our cluster was started, which
refuses to start beside another Kubernetes, or where they name our addresses. The CNI plugins' chains for
host ports may be shared with Podman: of those, only rules that name our network or an address of ours are
removed, and a chain when nobody uses it any more.
"""

import ipaddress
import json
import re
import shlex
from dataclasses import dataclass, field

from rehearsal import addresses
from rehearsal.cluster.host import command
from rehearsal.cluster.layout import CNI_NETWORK, Layout
from rehearsal.cluster.software import which

FAMILIES = ("iptables", "ip6tables")
_BUILT_IN = {"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"}
_SHARED = "CNI-HOSTPORT-"
_ADDRESS = re.compile(r"(?<![\d.])(\d+\.\d+\.\d+\.\d+)(?:/\d+)?(?![\d.])")


@dataclass
class Table:
    """One table of `iptables-save`: its own chains and its rules as `-A …` lines."""

    name: str
    chains: list[str] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)


def parse(saved: str) -> list[Table]:
    """Parse `iptables-save`; built-in chains (those with a policy) are left out of `chains`."""
    tables: list[Table] = []
    for line in saved.splitlines():
        if line.startswith("*"):
            tables.append(Table(line[1:].strip()))
        elif line.startswith(":"):
            name, policy = line[1:].split()[:2]
            if policy == "-":
                tables[-1].chains.append(name)
        elif line.startswith("-A "):
            tables[-1].rules.append(line)
    return tables


def removal(saved: str, *, kubernetes: bool = True) -> str:
    """The input for `iptables-restore --noflush` that removes what is ours; empty where nothing is.

    kubernetes: the chains called KUBE-… are ours.
    """
    text = ""
    for table in parse(saved):
        rules, chains = _doomed(table, kubernetes=kubernetes)
        if not rules and not chains:
            continue
        lines = [f"*{table.name}"]
        kept = [rule for rule in rules if _chain(rule) not in chains]
        lines += [f"-D {rule.removeprefix('-A ')}" for rule in kept]
        lines += [f"-F {chain}" for chain in chains]
        lines += [f"-X {chain}" for chain in chains]
        text += "\n".join([*lines, "COMMIT", ""])
    return text


def _doomed(table: Table, *, kubernetes: bool) -> tuple[list[str], list[str]]:
    """Our rules and chains. The host-port chains are shared, and go when nobody's rule is left in them."""
    rules = [rule for rule in table.rules if _is_ours(rule) or (kubernetes and _is_kubernetes(rule))]
    chains = [name for name in table.chains if kubernetes and name.startswith("KUBE-")]
    chains += [name for name in table.chains if name in {_target(rule) for rule in rules if _is_cni(rule)}]
    in_use = any(_chain(rule) == f"{_SHARED}DNAT" and rule not in rules for rule in table.rules)
    if not in_use:
        shared = [name for name in table.chains if name.startswith(_SHARED)]
        chains += shared
        rules += [rule for rule in table.rules if _target(rule) in shared and rule not in rules]
    return rules, list(dict.fromkeys(chains))


def _is_cni(rule: str) -> bool:
    return _target(rule).startswith("CNI-") and not _target(rule).startswith(_SHARED)


def _chain(rule: str) -> str:
    return rule.split()[1]


def _target(rule: str) -> str:
    words = shlex.split(rule)
    for flag in ("-j", "-g"):
        if flag in words[:-1]:
            return words[words.index(flag) + 1]
    return ""


def _is_kubernetes(rule: str) -> bool:
    return _chain(rule).startswith("KUBE-") or _target(rule).startswith("KUBE-")


def _is_ours(rule: str) -> bool:
    if f'name: \\"{CNI_NETWORK}\\"' in rule or f'name: "{CNI_NETWORK}"' in rule:
        return True
    return any(ipaddress.IPv4Address(found) in addresses.NETWORK for found in _ADDRESS.findall(rule))


def left(layout: Layout) -> list[str]:
    """Rules and chains of ours that are in the kernel now."""
    found = []
    kubernetes = kubernetes_is_ours(layout)
    for family in FAMILIES:
        for table in parse(_save(family)):
            rules, chains = _doomed(table, kubernetes=kubernetes)
            found += [f"{family} {table.name}: {rule}" for rule in rules]
            found += [f"{family} {table.name}: chain {chain}" for chain in chains]
    return found


_PODS, _ALL = str(addresses.PODS), str(addresses.NETWORK)
# Table, chain and rules in their order. Nobody but this machine and its pods reaches our addresses, even by a
# route through this machine; pods are heard and forwarded where ufw or Docker made the default DROP.
_RULES = (
    ("mangle", "PREROUTING", ("-d", _ALL, "-i", "lo"), ("-j", "ACCEPT")),
    ("mangle", "PREROUTING", ("-d", _ALL, "-i", "berth+"), ("-j", "ACCEPT")),
    ("mangle", "PREROUTING", ("-d", _ALL), ("-j", "DROP")),
    ("filter", "INPUT", ("-s", _PODS), ("-j", "ACCEPT")),
    ("filter", "FORWARD", ("-s", _PODS), ("-j", "ACCEPT")),
    ("filter", "FORWARD", ("-d", _PODS), ("-j", "ACCEPT")),
    ("nat", "POSTROUTING", ("-s", _PODS, "!", "-d", _ALL), ("-j", "MASQUERADE")),
)
_COMMENT = ("-m", "comment", "--comment", "berth")


def ensure() -> None:
    """Open the way for pods and for nobody else, and give what leaves this machine the machine's address."""
    for table in dict.fromkeys(table for table, *_ in _RULES):
        wanted = [rule for rule in _RULES if rule[0] == table]
        name = ("iptables", "-w", "-t", table)
        if command([*name, "-S"]).count(f"--comment {_COMMENT[-1]} ") == len(wanted):
            continue
        for _, chain, match, action in reversed(wanted):
            command([*name, "-D", chain, *match, *_COMMENT, *action], check=False)
            command([*name, "-I", chain, *match, *_COMMENT, *action])


def remove(layout: Layout) -> None:
    """Remove every rule and chain of ours, a table at a time."""
    kubernetes = kubernetes_is_ours(layout)
    for family in FAMILIES:
        text = removal(_save(family), kubernetes=kubernetes)
        if text:
            command([f"{family}-restore", "--noflush"], stdin=text)
    if which("nft") is not None:
        for family in ("ip", "ip6"):
            for table in ("mangle", "nat", "filter"):
                if is_empty(command(["nft", "-j", "list", "table", family, table], check=False)):
                    command(["nft", "delete", "table", family, table], check=False)


def is_empty(listed: str) -> bool:
    """Whether a table (`nft -j list table`) is as iptables makes one that it is only asked about."""
    if not listed:
        return False
    for entry in json.loads(listed)["nftables"]:
        chain = entry.get("chain")
        if chain and not (chain["name"] in _BUILT_IN and chain.get("policy") == "accept"):
            return False
        if not entry.keys() <= {"metainfo", "table", "chain"}:
            return False
    return True


def kubernetes_is_ours(layout: Layout) -> bool:
    """Whether the chains called KUBE-… are of our cluster."""
    if layout.sysctls.exists():
        return True
    rules = [rule for table in parse(_save("iptables")) for rule in table.rules]
    return any(_is_kubernetes(rule) and _is_ours(rule) for rule in rules)


def has_kubernetes_chains() -> bool:
    """Whether kube-proxy or kubelet, ours or another, has been at work in this network namespace."""
    return any(":KUBE-" in _save(family) for family in FAMILIES)


def _save(family: str) -> str:
    return command([f"{family}-save"], check=False) if which(f"{family}-save") else ""
