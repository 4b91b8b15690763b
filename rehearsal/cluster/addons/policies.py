"""NetworkPolicies as rules of nftables: a pure function from objects to a ruleset.

Each pod that a policy isolates gets a chain for the direction concerned: what a policy allows returns from
it, the rest is dropped. Traffic from this node to a pod always passes, as Kubernetes has it. Traffic from a
pod to this node does not, because in a rehearsal the node stands for what is outside, such as object storage.
The cluster's DNS is on the node as well, and counts as a pod of its usual labels.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from rehearsal import addresses
from rehearsal.cluster.addons.api import Object
from rehearsal.cluster.addons.selectors import matches

TABLE = "berth_policies"


@dataclass(frozen=True)
class Peer:
    """Something with an address that a policy can name.

    ports: container port names to numbers. actual: where its ports are moved to, as DNS's is on the node.
    """

    namespace: str
    name: str
    address: str
    labels: dict[str, str]
    ports: dict[str, int] = field(default_factory=dict)
    actual: dict[int, int] = field(default_factory=dict)


def peers(pods: Iterable[Object]) -> list[Peer]:
    """The pods that have an address of their own and have not ended; of two with one address, the newer."""
    found = {}
    for pod in sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp", ""))):
        status, spec = pod.get("status", {}), pod["spec"]
        if (
            not status.get("podIP")
            or spec.get("hostNetwork")
            or status.get("phase") in ("Succeeded", "Failed")
        ):
            continue
        meta = pod["metadata"]
        named = {
            port["name"]: int(port["containerPort"])
            for container in spec["containers"]
            for port in container.get("ports") or ()
            if port.get("name")
        }
        address = status["podIP"]
        found[address] = Peer(meta["namespace"], meta["name"], address, meta.get("labels") or {}, named)
    return sorted(found.values(), key=lambda peer: peer.address)


def ruleset(
    policies: Sequence[Object], pods: Sequence[Object], namespaces: Sequence[Object], *, dns_port: int
) -> str:
    """The input of `nft -f` that puts the policies, and nothing else, in force at once."""
    labels = {item["metadata"]["name"]: item["metadata"].get("labels") or {} for item in namespaces}
    known = peers(pods)
    dns = Peer(
        "kube-system", "dns", str(addresses.NODE), {"k8s-app": "kube-dns"}, {"dns": 53}, {53: dns_port}
    )
    world = _World([*known, dns], labels)
    chains: list[str] = []
    jumps: dict[str, list[str]] = {"Egress": [], "Ingress": []}
    for peer in known:
        selecting = [policy for policy in policies if _selects(policy, peer)]
        for direction, entries in jumps.items():
            isolating = [p for p in selecting if direction in (p["spec"].get("policyTypes") or ("Ingress",))]
            if isolating:
                name = f"{direction.lower()}_{_short(peer)}"
                chains.append(_Gate(peer, direction == "Egress", world).chain(name, isolating))
                entries.append(f"{peer.address} : jump {name}")
    egress = f"    ip saddr vmap {{ {', '.join(jumps['Egress'])} }}\n" if jumps["Egress"] else ""
    ingress = f"    ip daddr vmap {{ {', '.join(jumps['Ingress'])} }}\n" if jumps["Ingress"] else ""
    known_traffic = "    ct state established,related accept\n"
    return (
        # The first line makes the second work where there is no table yet.
        f"table ip {TABLE}\ndelete table ip {TABLE}\ntable ip {TABLE} {{\n"
        f"{''.join(chains)}"
        "  chain forward {\n    type filter hook forward priority filter - 5; policy accept;\n"
        f"{known_traffic}{egress}{ingress}  }}\n"
        "  chain input {\n    type filter hook input priority filter - 5; policy accept;\n"
        f"{known_traffic}{egress}  }}\n"
        "}\n"
    )


@dataclass(frozen=True)
class _World:
    peers: list[Peer]
    namespaces: dict[str, dict[str, str]]

    def named_by(self, entry: Object, home: str) -> list[Peer]:
        """The pods that an entry of `from` or `to` names, in a policy of the namespace `home`."""
        pods, spaces = entry.get("podSelector"), entry.get("namespaceSelector")

        def fits(peer: Peer) -> bool:
            if spaces is None and peer.namespace != home:
                return False
            if spaces is not None and not matches(spaces, self.namespaces.get(peer.namespace, {})):
                return False
            return pods is None or matches(pods, peer.labels)

        return [peer for peer in self.peers if fits(peer)]


def _selects(policy: Object, peer: Peer) -> bool:
    if policy["metadata"]["namespace"] != peer.namespace:
        return False
    return matches(policy["spec"].get("podSelector") or {}, peer.labels)


def _short(peer: Peer) -> str:
    return hashlib.sha256(f"{peer.namespace}/{peer.name}".encode()).hexdigest()[:16]


@dataclass(frozen=True)
class _Gate:
    """One direction of one pod's traffic."""

    peer: Peer
    outward: bool
    world: _World

    @property
    def other(self) -> str:
        return "daddr" if self.outward else "saddr"

    def chain(self, name: str, policies: Sequence[Object]) -> str:
        """The chain that lets through what the policies allow, and drops the rest."""
        rules = "egress" if self.outward else "ingress"
        lines = [f"ip {self.other} {self.peer.address} return"]  # a pod reaches itself
        for policy in policies:
            for rule in policy["spec"].get(rules) or ():
                lines += self._allowed(rule, policy["metadata"]["namespace"])
        body = "".join(f"    {line}\n" for line in dict.fromkeys(lines))
        return f"  chain {name} {{ # {self.peer.namespace}/{self.peer.name}\n{body}    drop\n  }}\n"

    def _allowed(self, rule: Object, home: str) -> Iterator[str]:
        """Each pair of a place and a port that a rule lets through. home: the policy's namespace."""
        anywhere = [{"ipBlock": {"cidr": "0.0.0.0/0"}}]
        ports: Sequence[Object] = rule.get("ports") or [{}]
        for entry in rule.get("to" if self.outward else "from") or anywhere:
            block = entry.get("ipBlock")
            if block:
                yield from self._block(block, ports)
                everywhere = self.outward and block["cidr"] == "0.0.0.0/0"
                named = [peer for peer in self.world.peers if peer.actual] if everywhere else []
            else:
                named = self.world.named_by(entry, home)
            for target in named:
                for port in ports:
                    place = f"ip {self.other} {target.address}"
                    yield from _statement(place, port, target if self.outward else self.peer)

    def _block(self, block: Object, ports: Sequence[Object]) -> Iterator[str]:
        if ":" in block["cidr"]:
            return  # version 6, which the cluster does not have
        without = [cidr for cidr in block.get("except") or () if ":" not in cidr]
        place = f"ip {self.other} {block['cidr']}"
        place += f" ip {self.other} != {{ {', '.join(without)} }}" if without else ""
        for port in ports:
            yield from _statement(place, port, None if self.outward else self.peer)


def _statement(where: str, port: Object, server: Peer | None) -> Iterator[str]:
    """The statement for a place and a port of a rule. server: whose port it is, where that is known."""
    moved = server.actual if server else {}
    protocol = str(port.get("protocol") or "TCP").lower() if port else ""
    number = port.get("port")
    if isinstance(number, str):
        number = server.ports.get(number) if server else None
        if number is None:
            return  # nobody there has a port of that name
    if moved:
        # Only the ports that it really has: the address is shared with everything else on the node.
        last = port.get("endPort") or number
        for original, actual in moved.items():
            if number is None or int(number) <= original <= int(last or number):
                yield f"{where} {protocol or 'meta l4proto { tcp, udp } th'} dport {actual} return"
    elif not protocol:
        yield f"{where} return"
    elif number is None:
        yield f"{where} meta l4proto {protocol} return"
    else:
        last = f"-{port['endPort']}" if port.get("endPort") else ""
        yield f"{where} {protocol} dport {number}{last} return"
