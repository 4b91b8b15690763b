"""The inputs of an object that Pulumi did not create."""

import json
from typing import Any

from rehearsal.providers.kubernetes.objects import LAST_APPLIED
from rehearsal.providers.plugin.model import Values

_SERVERS = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
)


def inputs_of(live: Values) -> Values:
    """What someone must have asked for to get this object.

    The last applied configuration where kubectl left one; else the fields that server-side apply wrote; else
    everything but what only the server writes.
    """
    metadata = dict(live["metadata"])
    annotations = dict(metadata.get("annotations") or {})
    last_applied = annotations.pop(LAST_APPLIED, None)
    if last_applied:
        try:
            inputs = json.loads(last_applied)
        except ValueError:
            inputs = None
        if isinstance(inputs, dict):
            given = inputs.get("metadata") or {}
            kept = {k: v for k, v in given.items() if v not in (None, {})}
            return {**inputs, "metadata": {**kept, **_identity(live)}}
    owned = [e for e in metadata.get("managedFields") or [] if e.get("operation") == "Apply"]
    if owned:
        applied: Values = {}
        for entry in owned:
            applied = _join(applied, _pick(live, entry.get("fieldsV1") or {}))
        return {
            "apiVersion": live["apiVersion"],
            "kind": live["kind"],
            **applied,
            "metadata": {**(applied.get("metadata") or {}), **_identity(live)},
        }
    metadata = {key: value for key, value in metadata.items() if key not in _SERVERS}
    if annotations:
        metadata["annotations"] = annotations
    else:
        metadata.pop("annotations", None)
    return {**{key: value for key, value in live.items() if key != "status"}, "metadata": metadata}


def _identity(live: Values) -> Values:
    metadata = live["metadata"]
    return {key: metadata[key] for key in ("name", "namespace") if metadata.get(key)}


def _pick(live: Any, fields: Values) -> Any:
    """The part of a live object that a FieldsV1 set names."""
    nested = {key: sub for key, sub in fields.items() if key != "."}
    if not nested or live is None:
        return live
    if isinstance(live, dict):
        picked = {}
        for key, sub in nested.items():
            name = key.removeprefix("f:")
            if key.startswith("f:") and name in live:
                picked[name] = _pick(live[name], sub)
        return picked
    if isinstance(live, list):
        return [_pick(item, sub) for item in live for key, sub in nested.items() if _selects(key, item)]
    return live


def _selects(key: str, item: Any) -> bool:
    kind, _, text = key.partition(":")
    try:
        wanted = json.loads(text)
    except ValueError:
        return False
    if kind == "v":
        return bool(item == wanted)
    return kind == "k" and isinstance(item, dict) and all(item.get(k) == v for k, v in wanted.items())


def _join(first: Any, second: Any) -> Any:
    if isinstance(first, dict) and isinstance(second, dict):
        return {**first, **{key: _join(first.get(key), value) for key, value in second.items()}}
    return second if second is not None else first
