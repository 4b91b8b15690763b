"""Kubernetes objects as Pulumi sees them: type tokens, ids, property paths, small pure helpers."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from rehearsal.providers.plugin.paths import get_path
from rehearsal.providers.plugin.values import UNKNOWN, Secret, reveal

SKIP_AWAIT = "pulumi.com/skipAwait"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


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
