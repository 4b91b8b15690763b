"""What a change of inputs means: every path that differs, and which of them need a replacement."""

import json
from collections.abc import Iterable
from typing import Any

from rehearsal.providers.aws.check import DEFAULTED, dotted
from rehearsal.providers.aws.table import Type
from rehearsal.providers.plugin.compare import compare
from rehearsal.providers.plugin.model import Change, Diff, Values
from rehearsal.providers.plugin.paths import Path, format_path, get_path, parse_path, under
from rehearsal.providers.plugin.values import reveal

_REPLACING = {"ADD": "ADD_REPLACE", "DELETE": "DELETE_REPLACE", "UPDATE": "UPDATE_REPLACE"}


def same_json(old: Any, new: Any) -> bool:
    """Whether two texts are the same JSON, whatever their spaces and the order of keys."""
    try:
        return bool(json.loads(old) == json.loads(new))
    except (TypeError, ValueError):
        return bool(old == new)


def diff(entry: Type, old: Values, new: Values, ignored: Iterable[str] = ()) -> Diff:
    """Compare stored inputs with checked ones."""
    found = changes(entry, old, new, ignored)
    fixed = entry.replace_on | set(entry.replace_if(old, new) if entry.replace_if else ())
    named: dict[str, Change] = {}
    for path, change in found.items():
        replaces = _replaces(fixed, path)
        kind: Any = _REPLACING.get(change.kind, change.kind) if replaces else change.kind
        named[format_path(path)] = Change(kind, change.input_diff)
    replaced = any(change.replaces for change in named.values())
    return Diff(changes=named, delete_before_replace=replaced and _in_the_way(entry, old, new))


def changes(entry: Type, old: Values, new: Values, ignored: Iterable[str] = ()) -> dict[Path, Change]:
    """The differences that mean something to AWS."""
    hidden = [parse_path(path) for path in ignored]
    sides = [{key: value for key, value in side.items() if key != DEFAULTED} for side in (old, new)]
    before, after = sides[0], aligned(entry, sides[0], sides[1])
    found: dict[Path, Change] = {}
    for path, change in compare(before, after):
        pair = reveal(get_path(before, path)), reveal(get_path(after, path))
        if any(under(path, hide) for hide in hidden) or _means_nothing(entry, path, change, pair):
            continue
        top = str(path[0])
        if top in entry.same and entry.same[top](reveal(old.get(top)), reveal(new.get(top))):
            continue
        found[path] = change
    return found


def _means_nothing(entry: Type, path: Path, change: Change, pair: tuple[Any, Any]) -> bool:
    if change.kind == "ADD":
        return _blank(pair[1])
    if change.kind == "DELETE":
        chosen = dotted(path) in entry.computed or str(path[0]) == "region"
        return chosen or _blank(pair[0])
    return False


def _blank(value: Any) -> bool:
    return value is None or value is False or value in ("", [], {})


def aligned(entry: Type, old: Any, new: Any, path: Path = ()) -> Any:
    """The new value with every list that has the old one's items in the old order, unless order matters."""
    if isinstance(old, dict) and isinstance(new, dict):
        return {key: aligned(entry, old.get(key), value, (*path, key)) for key, value in new.items()}
    if isinstance(old, list) and isinstance(new, list):
        paired = [
            aligned(entry, old[index] if index < len(old) else None, item, (*path, index))
            for index, item in enumerate(new)
        ]
        if dotted(path) not in entry.ordered and _same_items(old, paired):
            return old
        return paired
    return new


def _same_items(first: list[Any], second: list[Any]) -> bool:
    if len(first) != len(second):
        return False
    return sorted(map(repr, map(_sorted, first))) == sorted(map(repr, map(_sorted, second)))


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return sorted((key, _sorted(item)) for key, item in value.items() if not _blank(item))
    return value


def _replaces(fixed: frozenset[str], path: Path) -> bool:
    if path[0] == "region":
        return True
    names = dotted(path)
    parts = names.split(".")
    above = {".".join(parts[: length + 1]) for length in range(len(parts))}
    return bool(above & fixed) or any(one.startswith(f"{names}.") for one in fixed)


def _in_the_way(entry: Type, old: Values, new: Values) -> bool:
    """Whether the old one has to go first, because both would have the same name."""
    if entry.delete_before_replace:
        return True
    auto = entry.autoname
    if auto is None or auto.prop in (new.get(DEFAULTED) or []) or new.get(auto.prop) is None:
        return False
    return bool(reveal(old.get(auto.prop)) == reveal(new.get(auto.prop)))
