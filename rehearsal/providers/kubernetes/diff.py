"""What a change of inputs means: every path that differs, and which of them need a replacement."""

from collections.abc import Iterable, Sequence

from rehearsal.providers.kubernetes import naming
from rehearsal.providers.kubernetes.objects import group_of, meta
from rehearsal.providers.plugin.compare import compare
from rehearsal.providers.plugin.model import Change, Diff, Values
from rehearsal.providers.plugin.paths import Path, format_path, get_path, parse_path, under
from rehearsal.providers.plugin.values import UNKNOWN

Changes = dict[Path, Change]


def changes(old: Values, new: Values, ignored: Iterable[str] = ()) -> Changes:
    """The differences between two inputs, without those that the user ignores."""
    hidden = [parse_path(path) for path in ignored]
    return {
        path: change for path, change in compare(old, new) if not any(under(path, hide) for hide in hidden)
    }


def identity_paths(old: Values, new: Values, default_namespace: str) -> list[Path]:
    """The paths by which these are two different objects."""
    paths: list[Path] = []
    if old.get("kind") != new.get("kind"):
        paths.append(("kind",))
    old_version, new_version = str(old.get("apiVersion") or ""), str(new.get("apiVersion") or "")
    if group_of(old_version) != group_of(new_version):
        paths.append(("apiVersion",))
    if get_path(old, ("metadata", "name")) != get_path(new, ("metadata", "name")):
        paths.append(("metadata", "name"))
    before, after = (get_path(side, ("metadata", "namespace")) for side in (old, new))
    here, there = (meta(side, "namespace") or default_namespace for side in (old, new))
    if before != after and (after is UNKNOWN or here != there):
        paths.append(("metadata", "namespace"))
    return paths


def replaced(found: Changes, fixed: Sequence[Path]) -> Changes:
    """The changes, with those at, below or above a fixed path made replacements."""
    return {
        path: _as_replacement(change) if any(under(path, p) or under(p, path) for p in fixed) else change
        for path, change in found.items()
    }


def nearest(refused: Path, found: Changes) -> Path:
    """The part of a refused path that a change has to do with.

    The API server may name a field that nobody writes, such as `spec.persistentvolumesource`.
    """
    while refused and not any(under(path, refused) or under(refused, path) for path in found):
        refused = refused[:-1]
    return refused


def _as_replacement(change: Change) -> Change:
    kinds = {"ADD": "ADD_REPLACE", "DELETE": "DELETE_REPLACE", "UPDATE": "UPDATE_REPLACE"}
    return Change(kinds.get(change.kind, change.kind), change.input_diff)  # type: ignore[arg-type]


def needs_replacement(found: Changes) -> bool:
    """Whether any change needs a replacement."""
    return any(change.replaces for change in found.values())


def result(found: Changes, old: Values, new: Values, default_namespace: str) -> Diff:
    """The answer for the engine. An object that keeps its name cannot coexist with its replacement."""
    same_place = not identity_paths(old, new, default_namespace)
    by_server = bool(meta(new, "generateName"))
    return Diff(
        changes={format_path(path): change for path, change in found.items()},
        delete_before_replace=needs_replacement(found)
        and same_place
        and not by_server
        and not naming.is_autonamed(new),
    )
