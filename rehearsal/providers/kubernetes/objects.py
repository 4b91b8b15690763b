"""Kubernetes objects as Pulumi sees them: type tokens, ids, property paths, small pure helpers."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from rehearsal.providers.kubernetes.values import UNKNOWN, Secret, reveal

Path = tuple[str | int, ...]
SKIP_AWAIT = "pulumi.com/skipAwait"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_SIMPLE_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_PATH_PART = re.compile(
    r'\["((?:[^"\\]|\\.)*)"\]'  # ["quoted key"]
    r"|\[(\d+)\]|\[([^\]]*)\]"  # [index], [key] as the API server writes it
    r"|([^.\[\]]+)"  # key
)
MISSING = object()


class TypeToken(NamedTuple):
    """`kubernetes:apps/v1:Deployment`, taken apart. patch: it is a `…Patch` of an object that others own."""

    api_version: str
    kind: str
    patch: bool = False

    @property
    def is_list(self) -> bool:
        """A `…List` whose items are the objects."""
        return self.kind.endswith("List") and self.kind != "List"


def parse_type(token: str) -> TypeToken:
    """Read a type token."""
    _, group_version, kind = token.split(":", 2)
    api_version = group_version.removeprefix("core/")
    is_patch = kind.endswith("Patch") and kind != "Patch"
    return TypeToken(api_version, kind.removesuffix("Patch") if is_patch else kind, is_patch)


def format_path(path: Path) -> str:
    """Write a property path: `spec.ports[0].port`, `metadata.annotations["a.b/c"]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _SIMPLE_KEY.match(part):
            text += f".{part}" if text else part
        else:
            escaped = part.replace("\\", "\\\\").replace('"', '\\"')
            text += f'["{escaped}"]'
    return text


def parse_path(text: str) -> Path:
    """Read a property path, in Pulumi's form or the API server's (`spec.ports[0].port`, `data[a.b]`)."""
    parts: list[str | int] = []
    for quoted, index, bracketed, plain in _PATH_PART.findall(text):
        if index:
            parts.append(int(index))
        else:
            parts.append(quoted.replace('\\"', '"').replace("\\\\", "\\") if quoted else bracketed or plain)
    return tuple(parts)


def get_path(value: Any, path: Path) -> Any:
    """The value at a path, looking through secrets; MISSING where there is none."""
    for part in path:
        if isinstance(value, Secret):
            value = value.value
        if isinstance(value, dict):
            value = value.get(part, MISSING)
        elif isinstance(value, list) and isinstance(part, int) and 0 <= part < len(value):
            value = value[part]
        else:
            return MISSING
    return value


def under(path: Path, parent: Path) -> bool:
    """Whether a path is the parent or below it."""
    return path[: len(parent)] == parent


def walk(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every leaf with its path; empty maps and lists are leaves."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from walk(item, (*path, key))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from walk(item, (*path, index))
    else:
        yield path, value


def prune(value: Any) -> Any:
    """A copy without nulls in maps: to Kubernetes they are absent."""
    if isinstance(value, Secret):
        return Secret(prune(value.value))
    if isinstance(value, dict):
        return {key: prune(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [prune(item) for item in value]
    return value


def meta(obj: Mapping[str, Any], key: str) -> str:
    """A string of the metadata; empty where it is absent or unknown."""
    value = reveal(get_path(dict(obj), ("metadata", key)))
    return value if isinstance(value, str) else ""


def annotation(obj: Mapping[str, Any], key: str) -> str:
    """An annotation; empty where it is absent or unknown."""
    value = reveal(get_path(dict(obj), ("metadata", "annotations", key)))
    return value if isinstance(value, str) else ""


def object_id(obj: Mapping[str, Any]) -> str:
    """`namespace/name`, or `name` for a cluster-scoped object."""
    namespace, name = meta(obj, "namespace"), meta(obj, "name")
    return f"{namespace}/{name}" if namespace else name


def parse_id(identity: str) -> tuple[str, str]:
    """(namespace, name); the namespace is empty where the id has none."""
    namespace, _, name = identity.rpartition("/")
    return namespace, name


def group_of(api_version: str) -> str:
    """The API group; empty for the core group."""
    return api_version.rpartition("/")[0]


def with_metadata(obj: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """A copy with metadata fields set."""
    metadata = obj.get("metadata")
    base = {} if metadata is None or metadata is UNKNOWN else dict(metadata)
    return {**obj, "metadata": {**base, **fields}}
