"""YAML as Kubernetes' own tools read it: YAML 1.1 scalars, JSON types, no dates, no sexagesimal numbers."""

import math
import re
from typing import Any, ClassVar

import yaml

from rehearsal.errors import BerthError

_BOOLEANS = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
}
_BOOL, _INT, _FLOAT = (f"tag:yaml.org,2002:{name}" for name in ("bool", "int", "float"))


class YamlError(BerthError):
    """Text that is no YAML, or has what JSON cannot express."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """PyYAML's safe loader with scalars resolved as Kubernetes' tools do."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}
    yaml_constructors: ClassVar[dict[Any, Any]] = dict(yaml.SafeLoader.yaml_constructors)


def _integer(loader: Any, node: Any) -> int:
    text = loader.construct_scalar(node).replace("_", "")
    sign = -1 if text.startswith("-") else 1
    digits = text.lstrip("+-").lower()
    for prefix, base in (("0x", 16), ("0b", 2), ("0o", 8)):
        if digits.startswith(prefix):
            return sign * int(digits[2:], base)
    return sign * int(digits, 8 if digits.startswith("0") and digits != "0" else 10)


def _float(loader: Any, node: Any) -> float:
    text = loader.construct_scalar(node).replace("_", "").lower()
    number = float(text.replace(".inf", "inf").replace(".nan", "nan"))
    if not math.isfinite(number):
        raise YamlError(f"line {node.start_mark.line + 1}: {text} has no place in JSON")
    return number


def _mapping(loader: Any, node: Any) -> dict[str, Any]:
    loader.flatten_mapping(node)
    return {
        _key(loader.construct_object(key, deep=True), key): loader.construct_object(value, deep=True)
        for key, value in node.value
    }


def _key(key: Any, node: Any) -> str:
    if isinstance(key, bool):
        return str(key).lower()
    if isinstance(key, str | int | float):
        return str(key)
    raise YamlError(f"line {node.start_mark.line + 1}: a key must be text")


_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), [*"~nN", ""])
_Loader.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"^<<$"), ["<"])
_Loader.add_implicit_resolver(_BOOL, re.compile(f"^(?:{'|'.join(_BOOLEANS)})$"), list("yYnNtTfFoO"))
_Loader.add_implicit_resolver(
    _INT,
    re.compile(r"^[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|[1-9][0-9_]*|0)$"),
    list("-+0123456789"),
)
_Loader.add_implicit_resolver(
    _FLOAT,
    re.compile(
        r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
    list("-+.0123456789"),
)
_Loader.add_constructor(_BOOL, lambda loader, node: _BOOLEANS[loader.construct_scalar(node)])
_Loader.add_constructor(_INT, _integer)
_Loader.add_constructor(_FLOAT, _float)
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda loader, node: loader.construct_scalar(node))


def documents(text: str) -> list[dict[str, Any]]:
    """Every document of a text that is not empty.

    Raises:
        YamlError: it is no YAML, a document is no map, or a value has no place in JSON.
    """
    found = []
    try:
        for document in yaml.load_all(text, Loader=_Loader):
            if document is None:
                continue
            if not isinstance(document, dict):
                raise YamlError(f"a document must be a map, not {str(document)[:60]!r}")
            found.append(document)
    except yaml.YAMLError as error:
        raise YamlError(f"this is no YAML: {error}") from error
    return found
