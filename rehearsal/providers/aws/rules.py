"""Security group rules written inline: compared with the live ones, and made so by single changes."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from rehearsal.providers.aws.api import Api
from rehearsal.providers.aws.ec2 import where
from rehearsal.providers.plugin.model import Values

_ALL: Final = "-1"
_LISTS: Final = {
    "cidrBlocks": ("IpRanges", "CidrIp"),
    "ipv6CidrBlocks": ("Ipv6Ranges", "CidrIpv6"),
    "prefixListIds": ("PrefixListIds", "PrefixListId"),
    "securityGroups": ("UserIdGroupPairs", "GroupId"),
}


class Atom(NamedTuple):
    """One peer on one range of ports: what AWS calls a rule."""

    protocol: str
    first: int
    last: int
    peers: str
    """The property that lists such peers: `cidrBlocks`, …"""
    peer: str
    description: str

    def permission(self) -> dict[str, Any]:
        """The rule as EC2's IpPermissions take it."""
        listed, key = _LISTS[self.peers]
        peer = {key: self.peer, **({"Description": self.description} if self.description else {})}
        ports = {} if self.protocol == _ALL else {"FromPort": self.first, "ToPort": self.last}
        return {"IpProtocol": self.protocol, **ports, listed: [peer]}


def atoms(group: str, rules: Iterable[Values]) -> set[Atom]:
    """Inline rules, taken apart; `self` is the group's own id."""
    found = set()
    for rule in rules:
        protocol = _ALL if rule["protocol"] in {"all", _ALL} else str(rule["protocol"]).lower()
        first, last = (0, 0) if protocol == _ALL else (int(rule["fromPort"]), int(rule["toPort"]))
        peers = [(prop, peer) for prop in _LISTS for peer in rule.get(prop) or ()]
        peers += [("securityGroups", group)] if rule.get("self") else []
        text = rule.get("description") or ""
        found |= {Atom(protocol, first, last, prop, peer, text) for prop, peer in peers}
    return found


def live(api: Api, group: str, *, egress: bool) -> set[Atom]:
    """The rules that the group has."""
    found = set()
    for rule in api.all("describe_security_group_rules", "SecurityGroupRules", Filters=where(group_id=group)):
        if bool(rule.get("IsEgress")) != egress:
            continue
        peers = {
            "cidrBlocks": rule.get("CidrIpv4"),
            "ipv6CidrBlocks": rule.get("CidrIpv6"),
            "prefixListIds": rule.get("PrefixListId"),
            "securityGroups": (rule.get("ReferencedGroupInfo") or {}).get("GroupId"),
        }
        prop, peer = next((prop, peer) for prop, peer in peers.items() if peer)
        protocol = str(rule["IpProtocol"])
        first, last = (
            (0, 0) if protocol == _ALL else (int(rule.get("FromPort", 0)), int(rule.get("ToPort", 0)))
        )
        found.add(Atom(protocol, first, last, prop, peer, rule.get("Description") or ""))
    return found


def inline(group: str, rules: Iterable[Atom]) -> list[Values]:
    """The rules as properties: peers with the same ports and description together, in a steady order."""
    together: dict[tuple[str, int, int, str], Values] = {}
    for atom in sorted(rules):
        key = (atom.protocol, atom.first, atom.last, atom.description)
        rule = together.setdefault(
            key,
            {
                "protocol": atom.protocol,
                "fromPort": atom.first,
                "toPort": atom.last,
                "description": atom.description,
                "self": False,
                **{prop: [] for prop in _LISTS},
            },
        )
        if (atom.peers, atom.peer) == ("securityGroups", group):
            rule["self"] = True
        else:
            rule[atom.peers].append(atom.peer)
    return list(together.values())


def become(api: Api, group: str, wanted: set[Atom], *, egress: bool) -> None:
    """Add what is missing, then take away what is too much, so that nobody is locked out between."""
    there = live(api, group, egress=egress)
    way = "egress" if egress else "ingress"
    # The same peer with another description is the same rule to AWS: it goes before it comes.
    renamed = {old for old in there - wanted for new in wanted - there if old[:5] == new[:5]}
    for chosen, verb in (
        (renamed, "revoke"),
        (wanted - there, "authorize"),
        (there - wanted - renamed, "revoke"),
    ):
        if chosen:
            permissions = [atom.permission() for atom in sorted(chosen)]
            api.call(f"{verb}_security_group_{way}", GroupId=group, IpPermissions=permissions)
