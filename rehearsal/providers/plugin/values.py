"""Property values on the wire and in Python.

The wire has one Struct for everything; secrets and unknowns are marked by agreed strings in it. In Python
they are JSON types with two additions: Secret(value) and UNKNOWN.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from google.protobuf.struct_pb2 import Struct, Value  # type: ignore[import-untyped]

_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the wire's mark of a secret, itself none
_OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
_UNKNOWNS: Final = frozenset(
    {
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",  # string
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # boolean
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
        "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
    }
)


class _Unknown:
    """The value of an output that only an update can know."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = _Unknown()


class Secret:
    """A value that must stay encrypted in state and hidden in output."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value: Any = value.value if isinstance(value, Secret) else value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.value == other.value

    def __hash__(self) -> int:
        return hash(repr(self.value))

    def __repr__(self) -> str:
        return "Secret(…)"


def decode(struct: "Struct") -> dict[str, Any]:
    """Read a Struct; whole numbers become int."""
    return {key: _decode_value(value) for key, value in struct.fields.items()}


def _decode_value(value: "Value") -> Any:
    match value.WhichOneof("kind"):
        case "string_value":
            text = value.string_value
            return UNKNOWN if text in _UNKNOWNS else text
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "bool_value":
            return value.bool_value
        case "struct_value":
            fields = decode(value.struct_value)
            return _special(fields) if _SIGNATURE in fields else fields
        case "list_value":
            return [_decode_value(item) for item in value.list_value.values]
        case _:
            return None


def _special(fields: dict[str, Any]) -> Any:
    match fields[_SIGNATURE]:
        case mark if mark == _SECRET:
            return Secret(fields.get("value"))
        case mark if mark == _OUTPUT:
            inner = fields.get("value", UNKNOWN)
            return Secret(inner) if fields.get("secret") else inner
        case _:
            return fields


def encode(values: Mapping[str, Any]) -> "Struct":
    """Write a Struct."""
    from google.protobuf.struct_pb2 import Struct

    struct = Struct()
    _encode_fields(struct, values)
    return struct


def _encode_fields(struct: "Struct", values: Mapping[str, Any]) -> None:
    fields = struct.fields
    for key, value in values.items():
        _encode_value(fields[key], value)


def _encode_value(target: "Value", value: Any) -> None:
    if isinstance(value, Secret):
        fields = target.struct_value.fields
        fields[_SIGNATURE].string_value = _SECRET
        _encode_value(fields["value"], value.value)
    elif value is UNKNOWN:
        target.string_value = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
    elif value is None:
        target.null_value = 0
    elif isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, int | float):
        target.number_value = value
    elif isinstance(value, str):
        target.string_value = value
    elif isinstance(value, Mapping):
        target.struct_value.SetInParent()
        _encode_fields(target.struct_value, value)
    else:
        target.list_value.SetInParent()
        for item in value:
            _encode_value(target.list_value.values.add(), item)


def reveal(value: Any) -> Any:
    """A deep copy without the marks of secrets."""
    if isinstance(value, Secret):
        return reveal(value.value)
    if isinstance(value, dict):
        return {key: reveal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [reveal(item) for item in value]
    return value


def has_unknown(value: Any) -> bool:
    """Whether any part is UNKNOWN."""
    if isinstance(value, Secret):
        return has_unknown(value.value)
    if isinstance(value, dict):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return value is UNKNOWN


def secret_paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The paths of all secrets, outermost only."""
    if isinstance(value, Secret):
        yield path
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from secret_paths(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from secret_paths(item, (*path, index))
