"""Inputs against the SDK's types: unknown properties, wrong types, what is missing.

The original turns scalars into each other where nothing is lost (`"20"` for a number, true for `"true"`), and
so does this.
"""

from difflib import get_close_matches
from typing import Any

from rehearsal.providers.aws.schema import Form, Property, Schema
from rehearsal.providers.plugin.model import Failure, Values
from rehearsal.providers.plugin.paths import Path, format_path
from rehearsal.providers.plugin.values import UNKNOWN, Secret

_NAMES = {"string": "a string", "integer": "a whole number", "number": "a number", "boolean": "true or false"}


class Validator:
    """Checks one resource's inputs; failures are collected."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self.failures: list[Failure] = []

    def check(self, values: Values) -> Values:
        """The inputs in form. Nulls are left out; keys that begin with `__` are the engine's and stay."""
        return self._object(self._schema["inputs"], values, ())

    def _object(self, properties: dict[str, Property], values: Values, path: Path) -> Values:
        made: Values = {}
        for key, value in values.items():
            if key.startswith("__"):
                made[key] = value
            elif key not in properties:
                self._fail((*path, key), _unknown(key, list(properties)))
            elif value is not None:
                made[key] = self._value(properties[key]["form"], value, (*path, key))
        for key, prop in properties.items():
            if prop["required"] and values.get(key) is None:
                self._fail((*path, key), "is required")
        return made

    def _value(self, form: Form, value: Any, path: Path) -> Any:
        if isinstance(value, Secret):
            return Secret(self._value(form, value.value, path))
        if value is UNKNOWN or isinstance(form, str):
            return value if value is UNKNOWN else self._scalar(str(form), value, path)
        kind, inner = next(iter(form.items()))
        return self._nested(kind, inner, value, path)

    def _nested(self, kind: str, inner: Any, value: Any, path: Path) -> Any:
        match kind:
            case "union":
                return self._union(inner, value, path)
            case "list" if isinstance(value, list):
                return [self._value(inner, item, (*path, index)) for index, item in enumerate(value)]
            case "map" if isinstance(value, dict):
                items = ((key, item) for key, item in value.items() if item is not None)
                return {key: self._value(inner, item, (*path, key)) for key, item in items}
            case "object" if isinstance(value, dict):
                known = self._schema["objects"].get(inner)
                return self._object(known, value, path) if known else value
        self._fail(path, f"expected {'a list' if kind == 'list' else 'a map'}, got {_named(value)}")
        return value

    def _union(self, forms: list[Form], value: Any, path: Path) -> Any:
        """The first form that fits; where none does, the first one's complaints."""
        first: list[Failure] = []
        for form in forms:
            trial = Validator(self._schema)
            made = trial._value(form, value, path)
            if not trial.failures:
                return made
            first = first or trial.failures
        self.failures += first
        return value

    def _scalar(self, form: str, value: Any, path: Path) -> Any:
        if form == "any":
            return value
        made = _coerced(form, value)
        if made is None:
            self._fail(path, f"expected {_NAMES[form]}, got {_named(value)}")
            return value
        return made

    def _fail(self, path: Path, reason: str) -> None:
        self.failures.append(Failure(format_path(path), reason))


def _coerced(form: str, value: Any) -> Any:
    """The value as the form has it; None where that is impossible."""
    if isinstance(value, dict | list):
        return None
    if form == "string":
        return str(value).lower() if isinstance(value, bool) else str(value)
    if form == "boolean":
        return value if isinstance(value, bool) else {"true": True, "false": False}.get(str(value))
    return None if isinstance(value, bool) else _number(value, whole=form == "integer")


def _number(value: Any, *, whole: bool) -> int | float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    if number.is_integer():
        return int(number)
    return None if whole else number


def _named(value: Any) -> str:
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list):
        return "a list"
    return "true or false" if isinstance(value, bool) else f"{value!r}"


def _unknown(key: str, known: list[str]) -> str:
    near = get_close_matches(key, known, 1)
    return f'unknown property; did you mean "{near[0]}"?' if near else "unknown property"
