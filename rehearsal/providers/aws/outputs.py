"""Outputs as they are stored: foreseen in a preview, in a steady order, secret where inputs were."""

from collections.abc import Iterable, Mapping
from typing import Any

from rehearsal.providers.aws.account import Settings
from rehearsal.providers.aws.schema import Schema
from rehearsal.providers.aws.table import Type
from rehearsal.providers.plugin.model import State, Values
from rehearsal.providers.plugin.values import UNKNOWN, Secret, reveal


def foreseen(schema: Schema, news: Values) -> Values:
    """What a create will have made: the inputs, and unknowns."""
    tags = {"tagsAll": news["tags"]} if "tags" in news else {}
    inputs = {key: value for key, value in news.items() if not key.startswith("__")}
    return {**dict.fromkeys(schema["outputs"], UNKNOWN), **inputs, **tags}


def overlaid(entry: Type, old: State, news: Values) -> Values:
    """What an update will have made: the inputs over what is known."""
    dropped = {key for key in old.inputs if key not in news and key not in entry.computed}
    kept = {key: value for key, value in old.outputs.items() if key not in dropped}
    inputs = {key: value for key, value in news.items() if not key.startswith("__")}
    tags = {"tagsAll": news.get("tags") or {}} if entry.tags is not None else {}
    return {**kept, **inputs, **tags, **dict.fromkeys(entry.changes_on_update, UNKNOWN)}


def steady(known: Any, live: Any) -> Any:
    """The live value; lists that hold what they held keep their order, because most are sets to AWS."""
    if isinstance(known, dict) and isinstance(live, dict):
        return {key: steady(known.get(key), value) for key, value in live.items()}
    plain = reveal(live)
    if isinstance(known, list) and isinstance(plain, list) and known != plain:
        same = len(known) == len(plain) and sorted(map(repr, known)) == sorted(map(repr, plain))
        return known if same else live
    return live


def without_ignored(tags: Mapping[str, str], settings: Settings, own: Any = None) -> dict[str, str]:
    """The tags that the provider looks after."""
    own = own or {}
    return {
        key: value
        for key, value in tags.items()
        if key in own
        or not (key in settings.ignored_tags or key.startswith(settings.ignored_prefixes or ("\0",)))
    }


def secret_like(values: Values, inputs: Values, always: Iterable[str] = ()) -> Values:
    """Mark as secret what comes from a secret input, and what always is."""
    hidden = set(always)
    return {
        key: Secret(value) if key in hidden and value not in (None, "") else _like(value, inputs.get(key))
        for key, value in values.items()
    }


def _like(value: Any, given: Any) -> Any:
    if isinstance(value, Secret):
        return value
    if isinstance(given, Secret):
        return Secret(value)
    if isinstance(value, dict) and isinstance(given, dict):
        return {key: _like(item, given.get(key)) for key, item in value.items()}
    if isinstance(value, list) and isinstance(given, list):
        if len(value) == len(given):
            return [_like(item, of) for item, of in zip(value, given, strict=True)]
        return Secret(value) if _has_secret(given) else value
    return value


def _has_secret(value: Any) -> bool:
    if isinstance(value, Secret):
        return True
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(_has_secret(part) for part in parts)
