"""Security groups, route tables and gateways as one nftables script. Pure: text in, text out.

A new connection of a machine passes: the source check, its groups' egress, then the target's ingress or the
way out of its subnet. What it dialled is in the connection's original destination, since elastic and service
addresses are translated before. Answers pass by connection tracking, as with AWS's stateful groups.
"""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network

from rehearsal import addresses
from rehearsal.machines.model import Account, Endpoint, Instance, Rule, SecurityGroup, Subnet
from rehearsal.machines.network.plan import (
    CLOCK,
    ENDPOINT_SERVICES,
    METADATA,
    OTHER_SERVICES,
    REGISTRY,
    SOFTWARE,
    Plan,
    service_address,
)

UPLINK = "uplink"
_REGISTRY_PORT = addresses.REGISTRY_PORT


def render(account: Account, plan: Plan) -> str:
    """The script for `nft -f` inside the namespace; it replaces what was there in one transaction."""
    machines = [i for i in account.instances if not i.gone and i.subnet in account.subnets]
    lines = [
        "table inet berth {}",
        "delete table inet berth",
        "table ip berth-nat {}",
        "delete table ip berth-nat",
        "table inet berth {",
        *_input(machines),
        *_forward(machines, account),
        *(line for machine in machines for line in _machine(machine, account)),
        *(line for endpoint in _endpoints(account) for line in _endpoint(endpoint, account)),
        "}",
        "table ip berth-nat {",
        *_nat(machines, account, plan),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _input(machines: list[Instance]) -> Iterator[str]:
    """What the namespace itself answers: addresses, names, metadata and time, each to its own machine."""
    yield "  chain input {"
    yield "    type filter hook input priority filter; policy drop;"
    yield '    iifname "lo" accept'
    yield "    ct state established,related accept"
    yield "    udp dport 67 accept"
    for machine in machines:
        yield f'    iifname "{machine.tap}" ip saddr != {machine.address} drop'
    yield f'    iifname "{UPLINK}" drop'
    yield "    udp dport 53 accept"
    yield "    tcp dport 53 accept"
    yield f"    ip daddr {METADATA} tcp dport 80 accept"
    yield f"    ip daddr {CLOCK} udp dport 123 accept"
    yield "  }"


def _forward(machines: list[Instance], account: Account) -> Iterator[str]:
    yield "  chain forward {"
    yield "    type filter hook forward priority filter; policy drop;"
    for machine in machines:
        yield f'    iifname "{machine.tap}" ip saddr != {machine.address} drop'
    yield "    ip daddr 169.254.0.0/16 drop"
    yield "    ct state established,related accept"
    yield "    ct state invalid drop"
    for machine in machines:
        yield f'    iifname "{machine.tap}" jump out-{machine.id}'
    for machine in machines:
        yield f'    oifname "{machine.tap}" goto in-{machine.id}'
        subnet = account.subnets[machine.subnet]
        yield from (f"    {rule}" for rule in _way_out(machine, subnet))
    yield "  }"


def _machine(machine: Instance, account: Account) -> Iterator[str]:
    groups = [account.groups[group] for group, _ in machine.groups if group in account.groups]
    yield f"  chain out-{machine.id} {{"
    for group in groups:
        for rule in group.egress:
            yield from (f"    {line} return" for line in _egress(rule, account))
    yield "    drop"
    yield "  }"
    yield f"  chain in-{machine.id} {{"
    yield from _ingress(groups, account)
    yield "  }"


def _endpoint(endpoint: Endpoint, account: Account) -> Iterator[str]:
    groups = [account.groups[group] for group in endpoint.groups if group in account.groups]
    yield f"  chain in-{endpoint.id} {{"
    if endpoint.service == "ecr.dkr":
        yield f"    tcp dport {_REGISTRY_PORT} accept"
    yield from _ingress(groups, account)
    yield "  }"


def _ingress(groups: Iterable[SecurityGroup], account: Account) -> Iterator[str]:
    for group in groups:
        for rule in group.ingress:
            sources = [*rule.addresses, *_members(rule.groups, account)]
            if sources:
                yield f"    ip saddr {_set(sources)} {_match(rule)}accept"
    yield "    drop"


def _egress(rule: Rule, account: Account) -> Iterator[str]:
    """Matches of a rule: by addresses, by groups, and of what stands for AWS's services."""
    targets = [*rule.addresses, *_members(rule.groups, account)]
    targets += [service_address(name) for name in rule.services if name in ENDPOINT_SERVICES]
    for endpoint in _endpoints(account):
        inside = any(IPv4Network(a).overlaps(IPv4Network(c)) for a in rule.addresses for c in endpoint.cidrs)
        if inside or set(endpoint.groups) & set(rule.groups):
            targets.append(service_address(endpoint.service))
    if not targets:
        return
    yield f"ct original ip daddr {_set(targets)} {_match(rule)}".rstrip()
    images = IPv4Network(service_address("ecr.dkr"))
    https = rule.protocol == "-1" or (
        rule.protocol == "tcp" and (rule.ports is None or rule.ports[0] <= 443 <= rule.ports[1])
    )
    if https and any(IPv4Network(target).overlaps(images) for target in targets):
        # The rehearsal's registry stands for ECR on a port of its own.
        yield f"ct original ip daddr {REGISTRY} tcp dport {_REGISTRY_PORT}"


def _way_out(machine: Instance, subnet: Subnet) -> Iterator[str]:
    """What a subnet's route table lets out, the most particular first: endpoints, then the Internet."""
    way = f'iifname "{machine.tap}" oifname "{UPLINK}"'
    begin = f"{way} ct original ip daddr"
    routed = bool(subnet.nat or (subnet.internet_gateway and machine.public_address))
    for endpoint in subnet.endpoints:
        verdict = "accept" if endpoint.gateway else f"goto in-{endpoint.id}"
        yield f"{begin} {service_address(endpoint.service)} tcp dport 443 {verdict}"
        if endpoint.service == "ecr.dkr":
            yield f"{begin} {REGISTRY} tcp dport {_REGISTRY_PORT} {verdict}"
    if not routed:
        return
    yield f"{begin} {REGISTRY} tcp dport {_REGISTRY_PORT} accept"
    # The rest of the rehearsal is no part of the Internet.
    yield f"{begin} {addresses.NETWORK} drop"
    yield f"{way} accept"


def _nat(machines: list[Instance], account: Account, plan: Plan) -> Iterator[str]:
    yield "  chain prerouting {"
    yield "    type nat hook prerouting priority dstnat;"
    for machine in machines:
        subnet = account.subnets[machine.subnet]
        if machine.public_address and subnet.internet_gateway:
            yield f"    ip daddr {machine.public_address} dnat to {machine.address}"
    services = [OTHER_SERVICES, SOFTWARE, *map(service_address, ENDPOINT_SERVICES)]
    yield f"    ip daddr {_set(services)} tcp dport {{ 80, 443 }} dnat to {plan.front}"
    yield "  }"
    rehearsal = _set([str(addresses.NETWORK), str(plan.front)])
    yield "  chain postrouting {"
    yield "    type nat hook postrouting priority srcnat;"
    yield f'    oifname "{UPLINK}" ip daddr {rehearsal} snat to {plan.inside}'
    for machine in machines:
        subnet = account.subnets[machine.subnet]
        public = machine.public_address if subnet.internet_gateway else subnet.nat
        if public:
            # An address outside our block would find no way back.
            ours = plan.elastic is not None and IPv4Network(public).subnet_of(plan.elastic)
            source = public if ours else plan.inside
            yield f'    oifname "{UPLINK}" ip saddr {machine.address} snat to {source}'
    yield "  }"


def _endpoints(account: Account) -> list[Endpoint]:
    """Those with interfaces, each once."""
    found = {e.id: e for subnet in account.subnets.values() for e in subnet.endpoints if not e.gateway}
    return [found[key] for key in sorted(found)]


def _members(groups: Iterable[str], account: Account) -> list[str]:
    wanted = set(groups)
    return [i.address for i in account.instances if not i.gone and wanted & {group for group, _ in i.groups}]


def _match(rule: Rule) -> str:
    if rule.protocol == "-1":
        return ""
    if rule.protocol == "icmp":
        return "ip protocol icmp "
    if rule.ports is None:
        return f"meta l4proto {rule.protocol} "
    first, last = rule.ports
    return f"{rule.protocol} dport {first if first == last else f'{first}-{last}'} "


def _set(targets: Iterable[str]) -> str:
    """An anonymous set; blocks that others contain are left out, as nft refuses overlaps."""
    networks = sorted({IPv4Network(target) for target in targets}, key=lambda n: (n.prefixlen, n))
    kept: list[IPv4Network] = []
    for network in networks:
        if not any(network.subnet_of(other) for other in kept):
            kept.append(network)
    return f"{{ {', '.join(str(n) if n.prefixlen < 32 else str(n[0]) for n in kept)} }}"
