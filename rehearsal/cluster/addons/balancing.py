"""Which Service of type LoadBalancer has which address: pure rules, without an API server or a network.

A Service keeps the address in its status for as long as it lives, so that a restart changes nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from rehearsal.cluster.addons.api import Object


@dataclass(frozen=True)
class Plan:
    """What has to change.

    statuses: (namespace, name) to the address that its status shall name; None empties it.
    addresses: all that the machine shall answer on.
    unserved: Services for which no address is left.
    """

    statuses: dict[tuple[str, str], IPv4Address | None]
    addresses: frozenset[IPv4Address]
    unserved: tuple[tuple[str, str], ...]


def plan(services: Iterable[Object], pool: IPv4Network) -> Plan:
    """Give every Service that wants one an address from the pool; older Services first."""
    statuses: dict[tuple[str, str], IPv4Address | None] = {}
    taken: dict[IPv4Address, tuple[str, str]] = {}
    waiting: list[Object] = []
    for service in sorted(services, key=_age):
        present = _present(service, pool)
        if not _wants(service):
            if present is not None:
                statuses[key(service)] = None
        elif present is not None and present not in taken:
            taken[present] = key(service)
        else:
            waiting.append(service)
    unserved = []
    for service in waiting:
        requested = _requested(service, pool)
        free = requested if requested and requested not in taken else _lowest_free(pool, taken)
        if free is None:
            unserved.append(key(service))
            continue
        taken[free] = key(service)
        statuses[key(service)] = free
    return Plan(statuses, frozenset(taken), tuple(unserved))


def key(service: Object) -> tuple[str, str]:
    """Namespace and name."""
    return service["metadata"]["namespace"], service["metadata"]["name"]


def _wants(service: Object) -> bool:
    spec = service["spec"]
    return spec.get("type") == "LoadBalancer" and not spec.get("loadBalancerClass")


def _age(service: Object) -> tuple[str, tuple[str, str]]:
    return service["metadata"].get("creationTimestamp") or "", key(service)


def _present(service: Object, pool: IPv4Network) -> IPv4Address | None:
    for entry in service.get("status", {}).get("loadBalancer", {}).get("ingress") or ():
        address = _address(entry.get("ip"), pool)
        if address is not None:
            return address
    return None


def _requested(service: Object, pool: IPv4Network) -> IPv4Address | None:
    return _address(service["spec"].get("loadBalancerIP"), pool)


def _address(text: str | None, pool: IPv4Network) -> IPv4Address | None:
    try:
        address = IPv4Address(text or "")
    except ValueError:
        return None
    return address if address in pool else None


def _lowest_free(pool: IPv4Network, taken: Iterable[IPv4Address]) -> IPv4Address | None:
    held = set(taken)
    return next((address for address in pool.hosts() if address not in held), None)
