"""Small readings of Kubernetes objects (plain dicts) that every rule needs."""

from collections.abc import Iterable, Mapping
from typing import Any

Object = dict[str, Any]
AnyObject = Mapping[str, Any]


def metadata(obj: AnyObject) -> Mapping[str, Any]:
    """An object's metadata, empty where there is none."""
    return obj.get("metadata") or {}


def spec(obj: AnyObject) -> Mapping[str, Any]:
    """An object's spec, empty where there is none."""
    return obj.get("spec") or {}


def status(obj: AnyObject) -> Mapping[str, Any]:
    """An object's status, empty where there is none."""
    return obj.get("status") or {}


def annotations(obj: AnyObject) -> Mapping[str, str]:
    """An object's annotations."""
    return metadata(obj).get("annotations") or {}


def uid(obj: AnyObject) -> str:
    """What tells an object from a namesake."""
    return str(metadata(obj).get("uid") or "")


def full_name(obj: AnyObject) -> str:
    """`namespace/name`, or `name` where there is no namespace."""
    namespace, name = metadata(obj).get("namespace"), metadata(obj).get("name", "")
    return f"{namespace}/{name}" if namespace else str(name)


def title(obj: AnyObject) -> str:
    """`Kind "namespace/name"`."""
    return f'{obj.get("kind", "object")} "{full_name(obj)}"'


def group(obj: AnyObject) -> str:
    """The API group: `apps` of `apps/v1`, empty for the core group."""
    return str(obj.get("apiVersion", "")).rpartition("/")[0]


def condition(obj: AnyObject, kind: str) -> Mapping[str, Any]:
    """The condition of a type, empty where it is not reported."""
    return next((c for c in status(obj).get("conditions") or [] if c.get("type") == kind), {})


def is_true(obj: AnyObject, kind: str) -> bool:
    """Whether a condition is reported as True."""
    return condition(obj, kind).get("status") == "True"


def observed(obj: AnyObject) -> bool:
    """Whether the controller has seen the newest spec."""
    return int(status(obj).get("observedGeneration") or 0) >= int(metadata(obj).get("generation") or 0)


def number(value: Any, default: int = 0) -> int:
    """A count that may be absent."""
    return default if value is None else int(value)


def version(obj: AnyObject) -> int:
    """The resourceVersion; -1 where it is no number, which compares as unknown."""
    text = str(metadata(obj).get("resourceVersion") or "")
    return int(text) if text.isdecimal() else -1


def controlled_by(objects: Iterable[AnyObject], owners: set[str]) -> list[AnyObject]:
    """Those objects whose controller is one of the owners (uids)."""
    return [
        obj
        for obj in objects
        if any(
            ref.get("controller") and ref.get("uid") in owners
            for ref in metadata(obj).get("ownerReferences") or []
        )
    ]


def selected(objects: Iterable[AnyObject], labels: Mapping[str, str]) -> list[AnyObject]:
    """Those objects that carry all the labels; none where no label is asked for."""
    wanted = labels.items()
    return [obj for obj in objects if wanted and wanted <= (metadata(obj).get("labels") or {}).items()]
