"""Keeps secret what was secret: in outputs, in the recorded inputs, and in every Secret."""

from collections.abc import Iterable
from typing import Any

from rehearsal.providers.kubernetes.objects import LAST_APPLIED
from rehearsal.providers.plugin.model import Values
from rehearsal.providers.plugin.paths import MISSING, Path, get_path
from rehearsal.providers.plugin.values import Secret, secret_paths

_OF_A_SECRET: tuple[Path, ...] = (("data",), ("stringData",), ("metadata", "annotations", LAST_APPLIED))


def mark_inputs(inputs: Values) -> Values:
    """A Secret's data is secret even where the program forgot to say so."""
    return mark(inputs, _OF_A_SECRET) if _is_core_secret(inputs) else inputs


def mark_outputs(live: Values, inputs: Values) -> Values:
    """A live object with everything secret that is secret in the inputs it came from."""
    return mark(mark_inputs(live), secret_paths(inputs))


def mark(values: Values, paths: Iterable[Path]) -> Values:
    """A copy with the values at some paths made secret; where a path is gone, what is left of it."""
    result: Any = values
    for path in paths:
        result = _mark(result, path)
    marked: Values = result
    return marked


def _mark(value: Any, path: Path) -> Any:
    if isinstance(value, Secret):
        return value
    if not path:
        return Secret(value)
    head, *rest = path
    if get_path(value, (head,)) is MISSING:
        return value if isinstance(value, dict) else Secret(value)  # a dropped key took its secret along
    if isinstance(value, dict):
        return {**value, head: _mark(value[head], tuple(rest))}
    copy = list(value)
    copy[int(head)] = _mark(copy[int(head)], tuple(rest))
    return copy


def _is_core_secret(values: Values) -> bool:
    return values.get("apiVersion") == "v1" and values.get("kind") == "Secret"
