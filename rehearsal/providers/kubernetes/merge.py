"""Two ways to write an update: server-side apply once the fields of the POST are taken over, or a merge.

An object is created by POST, so its fields belong to an Update manager. Applying over that only adds: what
the new inputs dropped would stay. Before the first apply the ownership moves to the resource's own manager;
a preview may not do that, so it foresees the result with a three-way merge.
"""

import json
from collections.abc import Mapping
from typing import Any

from rehearsal.providers.kubernetes.apierrors import ApiError
from rehearsal.providers.kubernetes.client import JSON_PATCH, Client
from rehearsal.providers.plugin.model import Values

CREATOR = "pulumi-kubernetes"
_ATTEMPTS = 5
_KEYS = ("name", "key", "containerPort", "port", "mountPath", "devicePath", "ip", "type", "uid")


def three_way(old: Any, new: Any, live: Any) -> Any:
    """The live value with the change from old to new made in it; what others wrote elsewhere stays."""
    if isinstance(new, dict) and isinstance(live, dict):
        before = old if isinstance(old, dict) else {}
        merged = {
            key: value for key, value in live.items() if key in new or key not in before
        }  # what the inputs dropped goes
        for key, value in new.items():
            merged[key] = three_way(before.get(key), value, live.get(key))
        return merged
    if isinstance(new, list) and isinstance(live, list):
        return _three_way_list(old if isinstance(old, list) else [], new, live)
    return new


def _three_way_list(old: list[Any], new: list[Any], live: list[Any]) -> list[Any]:
    key = _merge_key([*old, *new])
    if key is None:
        return new
    olds, news, lives = ({item[key]: item for item in side if key in item} for side in (old, new, live))
    merged = [three_way(olds.get(name), item, lives.get(name)) for name, item in news.items()]
    merged += [item for name, item in lives.items() if name not in news and name not in olds]
    return merged


def _merge_key(items: list[Any]) -> str | None:
    """The field that tells the items of a list apart, if they are maps that have one."""
    if not items or not all(isinstance(item, dict) for item in items):
        return None
    return next((key for key in _KEYS if all(isinstance(item.get(key), str | int) for item in items)), None)


def has_adopted(live: Mapping[str, Any], manager: str) -> bool:
    """Whether the resource's manager applies this object already, and the POST's fields are its own."""
    entries = (live.get("metadata") or {}).get("managedFields") or []
    applied = any(e.get("manager") == manager and e.get("operation") == "Apply" for e in entries)
    return applied and not any(_is_creators(entry, manager) for entry in entries)


def adopt(client: Client, live: Values, manager: str) -> None:
    """Move the fields of the creating POST to the resource's manager, for server-side apply to manage.

    Repeats itself when the object changes meanwhile.
    """
    for attempt in range(_ATTEMPTS):
        if has_adopted(live, manager):
            return
        metadata = live["metadata"]
        if not any(_is_creators(entry, manager) for entry in metadata.get("managedFields") or []):
            return
        patch = [
            {"op": "replace", "path": "/metadata/managedFields", "value": _adopted(metadata, manager)},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]},
        ]
        try:
            client.patch(
                client.object_path(live), patch, content_type=JSON_PATCH, params={"fieldManager": manager}
            )
        except ApiError as error:
            if not error.conflict or attempt == _ATTEMPTS - 1:
                raise
            live = client.get_object(live)
        else:
            return


def _is_creators(entry: Mapping[str, Any], manager: str) -> bool:
    """An entry that a POST or an update without apply by this provider has left."""
    name = str(entry.get("manager") or "")
    ours = name in {CREATOR, manager}
    return ours and entry.get("operation") == "Update" and not entry.get("subresource")


def _adopted(metadata: Mapping[str, Any], manager: str) -> list[dict[str, Any]]:
    entries = metadata.get("managedFields") or []
    own = [e for e in entries if e.get("manager") == manager and e.get("operation") == "Apply"]
    taken = [e for e in entries if _is_creators(e, manager)]
    rest = [e for e in entries if e not in own and e not in taken]
    fields: dict[str, Any] = {}
    for entry in [*own, *taken]:
        fields = _union(fields, entry.get("fieldsV1") or {})
    base = (own or taken)[0]
    return [{**base, "manager": manager, "operation": "Apply", "fieldsV1": fields}, *rest]


def _union(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    merged = json.loads(json.dumps(first))
    for key, value in second.items():
        merged[key] = _union(merged.get(key) or {}, value)
    return dict(merged)
