"""The recorded conversations of the engine with the real pulumi-kubernetes, and how to compare with them."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parent / "data" / "kubernetes-plugin"
PHASES = (
    "01-preview",
    "02-up",
    "03-preview-noop",
    "04-preview-change",
    "06-up-change",
    "08-up-labelremoved",
    "09-refresh",
)
# Where the stand-in answers otherwise on purpose: (method, resource, path below the response) -> why.
# docs/fidelity.md tells users the same.
DIFFERENCES = {
    ("GetPluginInfo", "", ".version"): "the stand-in has the version of the SDK that is installed",
    ("Update", "svc", ""): "a preview of a Service's new port failed; the stand-in foresees the result",
    ("Update", "web", ".properties.metadata.managedFields"): (
        "a preview of the first update: who will own which field is left as it is"
    ),
}

_VOLATILE = {
    "clusterIP",
    "creationTimestamp",
    "lastTransitionTime",
    "lastUpdateTime",
    "resourceVersion",
    "startTime",
    "time",
    "uid",
}
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SUFFIX = re.compile(r"-[0-9a-f]{8,10}\b")
_ADDRESS = re.compile(r"\b10(\.\d+){3}\b")


class Exchange(NamedTuple):
    """One request and what came back."""

    method: str
    resource: str
    request: dict[str, Any]
    response: dict[str, Any] | None
    errors: list[str]


def recorded(phase: str) -> list[Exchange]:
    """The real plugin's exchanges of one phase."""
    lines = (FOLDER / f"{phase}.jsonl").read_text().splitlines()
    return [_exchange(json.loads(line)) for line in lines]


def engine_log(path: Path) -> list[Exchange]:
    """The exchanges that an engine logged (PULUMI_DEBUG_GRPC), those with provider plugins."""
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    return [_exchange(e) for e in entries if "ResourceProvider/" in e["method"]]


def _exchange(entry: dict[str, Any]) -> Exchange:
    request = entry["request"]
    name = request.get("name") or request.get("urn", "").rpartition("::")[2]
    return Exchange(
        entry["method"].rpartition("/")[2],
        name,
        request,
        entry.get("response"),
        list(entry.get("errors") or ()),
    )


def numbered(exchanges: list[Exchange]) -> dict[tuple[str, str, int], Exchange]:
    """The exchanges by method, resource and how often that came before: their order is the engine's whim."""
    seen: Counter[tuple[str, str]] = Counter()
    result = {}
    for exchange in exchanges:
        key = (exchange.method, exchange.resource)
        result[*key, seen[key]] = exchange
        seen[key] += 1
    return result


def normalised(value: Any) -> Any:
    """A copy without what differs from run to run: times, uids, versions, addresses, drawn names."""
    if isinstance(value, dict):
        same = {
            key: "~" if key in _VOLATILE and isinstance(item, str) else normalised(item)
            for key, item in value.items()
        }
        if isinstance(same.get("replaces"), list):
            same["replaces"] = sorted(same["replaces"])
        return same
    if isinstance(value, list):
        return [normalised(item) for item in value]
    if isinstance(value, str):
        return _ADDRESS.sub("IP", _SUFFIX.sub("-#", _UUID.sub("UID", value)))
    return value


def differences(first: Any, second: Any, path: str = "") -> Iterator[str]:
    """The paths at which two values differ."""
    if isinstance(first, dict) and isinstance(second, dict):
        for key in sorted({*first, *second}):
            if key in first and key in second:
                yield from differences(first[key], second[key], f"{path}.{key}")
            else:
                yield f"{path}.{key}"
    elif isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        for index, (left, right) in enumerate(zip(first, second, strict=True)):
            yield from differences(left, right, f"{path}[{index}]")
    elif first != second:
        yield path


def unexpected(theirs: Exchange, ours: Any) -> list[str]:
    """Where a response differs from the recorded one without a reason in the table."""
    found = differences(normalised(theirs.response), normalised(ours))
    return [
        path
        for path in found
        if not any(
            (method, resource) == (theirs.method, theirs.resource) and path.startswith(start)
            for method, resource, start in DIFFERENCES
        )
    ]
