"""What rules are functions of. Pure; knows neither the engine nor its policy library."""

import ipaddress
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias


class _Unknown:
    """A value that a preview cannot know yet. It is neither right nor wrong."""

    def __repr__(self) -> str:
        return "<unknown>"


UNKNOWN = _Unknown()


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource as declared: its inputs, and after an update its outputs too.

    provider: the inputs of its provider. references: by property, the URNs of what it is made from.
    """

    type: str
    name: str
    urn: str = ""
    id: str = ""
    props: Mapping[str, Any]
    provider: Mapping[str, Any] = field(default_factory=dict)
    references: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def at(self, *path: str) -> Any:
        """What is at a path of keys; None where there is nothing, UNKNOWN below what is unknown."""
        value: Any = self.props
        for key in path:
            if value is UNKNOWN:
                return UNKNOWN
            value = value.get(key) if isinstance(value, Mapping) else None
        return value

    def each(self, *path: str) -> list[Any]:
        """The entries of a list at a path that are known."""
        value = self.at(*path)
        return [one for one in value if one is not UNKNOWN] if isinstance(value, list) else []

    def refers_to(self, other: "Resource", *properties: str) -> bool:
        """Whether one of these properties is the other resource's id, name or ARN."""
        names = [other.id, *(other.props.get(key) for key in ("bucket", "name", "arn"))]
        known = [one for one in names if isinstance(one, str) and one]
        return any(
            other.urn in self.references.get(key, ()) or self.props.get(key) in known for key in properties
        )


ResourceCheck: TypeAlias = Callable[[Resource], Iterable[str]]
StackCheck: TypeAlias = Callable[[Sequence[Resource]], Iterable[tuple[str, Resource | None]]]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule. Each check yields what is wrong, in words that say what would be right.

    resource: judges one resource before it is made. stack: judges all of them together.
    """

    name: str
    description: str
    resource: ResourceCheck | None = None
    stack: StackCheck | None = None


def is_true(value: Any) -> bool:
    """Whether a setting is on, or not known yet. Launch templates have their switches as text."""
    return value is UNKNOWN or value is True or value == "true"


def has_unknown(value: Any) -> bool:
    """Whether any part of it is not known yet."""
    if isinstance(value, Mapping):
        return any(has_unknown(one) for one in value.values())
    if isinstance(value, list):
        return any(has_unknown(one) for one in value)
    return value is UNKNOWN


def statements(document: Any) -> Iterator[Mapping[str, Any]]:
    """The statements of a policy document, given as JSON or as an object; none of one that is not known."""
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except ValueError:
            return
    found = document.get("Statement", []) if isinstance(document, Mapping) else []
    for one in found if isinstance(found, list) else [found]:
        if isinstance(one, Mapping):
            yield one


def listed(value: Any) -> list[Any]:
    """A value that may be one or many, as many."""
    if value is None or value is UNKNOWN:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def is_open(cidr: Any) -> bool:
    """Whether a range lets the public in: everything, or more public addresses than one owner has."""
    try:
        network = ipaddress.ip_network(cidr if isinstance(cidr, str) else "", strict=False)
    except ValueError:
        return False
    widest = 16 if network.version == 4 else 32
    return network.prefixlen == 0 or (network.prefixlen < widest and network.is_global)
