"""Between the SDK's camelCase and the API's shapes.

The names of most properties are those of the API with another first letter, in the singular or the plural;
the API's own description (botocore's shapes) says which, and of what type.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any


def camel(value: Any) -> Any:
    """An API's answer with the SDK's spelling at every depth; times as RFC 3339."""
    if isinstance(value, dict):
        return {key[:1].lower() + key[1:]: camel(item) for key, item in value.items()}
    if isinstance(value, list):
        return [camel(item) for item in value]
    return rfc3339(value) if isinstance(value, datetime) else value


def capital(key: str) -> str:
    """A property as most APIs spell it: `CidrIpv4` for `cidrIpv4`."""
    return key[:1].upper() + key[1:]


def rfc3339(moment: datetime) -> str:
    """`2026-01-31T12:00:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def to_api(shape: Any, value: Any, path: str = "") -> Any:
    """A value in the form that a botocore shape describes; empty and absent parts are left out.

    Raises:
        TypeError: the shape has no member of that name; the table is wrong then, not the user.
    """
    match shape.type_name:
        case "structure":
            return _structure(shape, value, path)
        case "list":
            items = value if isinstance(value, list) else [value]
            return [to_api(shape.member, item, f"{path}[]") for item in items]
        case "map":
            return {key: to_api(shape.value, item, path) for key, item in value.items()}
        case scalar:
            return _SCALARS.get(scalar, _as_it_is)(value)


def _as_it_is(value: Any) -> Any:
    return value


def _boolean(value: Any) -> bool:
    return value if isinstance(value, bool) else str(value).lower() == "true"


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


_SCALARS: dict[str, Callable[[Any], Any]] = {
    "boolean": _boolean,
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "string": _text,
}


def _structure(shape: Any, value: Mapping[str, Any], path: str) -> dict[str, Any]:
    made = {}
    for key, item in value.items():
        if item is None or item == "" or (isinstance(item, list | dict) and not item):
            continue
        name = member(shape.members, key)
        if name is None:
            raise TypeError(f"{shape.name} has no counterpart to {path}{'.' if path else ''}{key}")
        made[name] = to_api(shape.members[name], item, f"{path}.{key}")
    return made


def member(members: Iterable[str], key: str) -> str | None:
    """The member that a camelCase key means: same letters, perhaps in the other number."""
    by_letters = {name.lower(): name for name in members}
    letters = key.lower()
    stems = (letters, letters + "s", letters + "es", letters.removesuffix("s"), letters.removesuffix("es"))
    return next((by_letters[stem] for stem in stems if stem in by_letters), None)
