"""Objects from manifests: lists expanded, namespaces made explicit, and an order in which to create them.

Pure functions over plain objects; `namespaced` says whether a kind lives in namespaces.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rehearsal.errors import BerthError

Object = dict[str, Any]
DEPENDS_ON = "config.kubernetes.io/depends-on"
SKIP_AWAIT = "pulumi.com/skipAwait"
CRD = ("apiextensions.k8s.io", "CustomResourceDefinition")


class ManifestError(BerthError):
    """An object that is incomplete, or a dependency that cannot be."""


@dataclass
class Item:
    """One object with its id (`namespace/name` or `name`) and those that must be there before it."""

    obj: Object
    identity: str
    needs: list["Item"] = field(default_factory=list)

    @property
    def group(self) -> str:
        """The API group; empty for the core group."""
        return str(self.obj["apiVersion"]).rpartition("/")[0]

    @property
    def kind(self) -> str:
        """The kind."""
        return str(self.obj["kind"])

    @property
    def title(self) -> str:
        """`Kind id`, for messages."""
        return f"{self.kind} {self.identity}"


def type_token(obj: Mapping[str, Any]) -> str:
    """`kubernetes:apps/v1:Deployment`; the core group is written out."""
    api_version = str(obj["apiVersion"])
    return f"kubernetes:{api_version if '/' in api_version else f'core/{api_version}'}:{obj['kind']}"


def expand(objects: Iterable[Object]) -> list[Object]:
    """The objects, with lists replaced by their items.

    Raises:
        ManifestError: an object has no apiVersion or kind.
    """
    found: list[Object] = []
    for obj in objects:
        if not obj:
            continue
        if not obj.get("apiVersion") or not obj.get("kind"):
            raise ManifestError(f"a Kubernetes object needs apiVersion and kind: {str(obj)[:200]}")
        if str(obj["kind"]).endswith("List") and isinstance(obj.get("items", []), list):
            found += expand(obj.get("items") or [])
        else:
            found.append(obj)
    return found


def arrange(
    objects: Iterable[Object],
    *,
    namespace: str,
    namespaced: Callable[[str, str], bool | None],
    skip_await: bool = False,
) -> list[Item]:
    """Items in an order in which they can be created, each with what it needs.

    An object needs its Namespace and the definition of its kind where they are among the objects, and what
    its annotation `config.kubernetes.io/depends-on` names. namespaced answers None for an unknown kind.

    Raises:
        ManifestError: an object has no name, occurs twice, or the dependencies form a circle.
    """
    expanded = expand(objects)
    defined = {
        (str(spec.get("group")), str((spec.get("names") or {}).get("kind"))): spec.get("scope") != "Cluster"
        for spec in (obj.get("spec") or {} for obj in expanded if _is(obj, CRD))
    }
    items = []
    for obj in expanded:
        kind = (str(obj["apiVersion"]).rpartition("/")[0], str(obj["kind"]))
        local = defined[kind] if kind in defined else namespaced(str(obj["apiVersion"]), kind[1])
        items.append(_item(obj, namespace if local is not False else "", skip_await=skip_await))
    _refuse_twins(items)
    for item in items:
        item.needs = _needs(item, items)
    return _sorted(items)


def _is(obj: Object, kind: tuple[str, str]) -> bool:
    return (str(obj["apiVersion"]).rpartition("/")[0], obj["kind"]) == kind


def _item(obj: Object, namespace: str, *, skip_await: bool) -> Item:
    metadata = dict(obj.get("metadata") or {})
    if not metadata.get("name"):
        raise ManifestError(f"a {obj['kind']} in the manifest has no metadata.name")
    if namespace:
        metadata["namespace"] = metadata.get("namespace") or namespace
    else:
        metadata.pop("namespace", None)
    if skip_await:
        metadata["annotations"] = {**(metadata.get("annotations") or {}), SKIP_AWAIT: "true"}
    where = metadata.get("namespace")
    identity = f"{where}/{metadata['name']}" if where else str(metadata["name"])
    return Item({**obj, "metadata": metadata}, identity)


def _refuse_twins(items: list[Item]) -> None:
    seen: set[tuple[str, str, str]] = set()
    for item in items:
        key = (item.group, item.kind, item.identity)
        if key in seen:
            raise ManifestError(f"{item.title} occurs twice in the manifest")
        seen.add(key)


def _needs(item: Item, items: list[Item]) -> list[Item]:
    metadata = item.obj["metadata"]
    needed = [other for other in items if _is_namespace_of(other, metadata) or _defines(other.obj, item)]
    references = str((metadata.get("annotations") or {}).get(DEPENDS_ON) or "").split(",")
    needed += [_referred(one.strip(), item, items) for one in references if one.strip()]
    return [one for one in needed if one is not item]


def _is_namespace_of(other: Item, metadata: Mapping[str, Any]) -> bool:
    return _is(other.obj, ("", "Namespace")) and other.identity == metadata.get("namespace")


def _defines(crd: Object, item: Item) -> bool:
    spec = crd.get("spec") or {}
    return _is(crd, CRD) and (spec.get("group"), (spec.get("names") or {}).get("kind")) == (
        item.group,
        item.kind,
    )


def _referred(reference: str, item: Item, items: list[Item]) -> Item:
    parts = reference.split("/")
    if len(parts) == 5 and parts[1] == "namespaces":
        wanted = (parts[0], parts[3], f"{parts[2]}/{parts[4]}")
    elif len(parts) == 3:
        wanted = (parts[0], parts[1], parts[2])
    else:
        raise ManifestError(
            f"{item.title}: {DEPENDS_ON} has {reference!r}",
            "It takes GROUP/namespaces/NAMESPACE/KIND/NAME or GROUP/KIND/NAME; the core group is empty.",
        )
    found = next((one for one in items if (one.group, one.kind, one.identity) == wanted), None)
    if found is None:
        raise ManifestError(f"{item.title}: {DEPENDS_ON} names {reference!r}, which is not in the manifest")
    return found


def _sorted(items: list[Item]) -> list[Item]:
    """What is needed first comes first; otherwise the order of the manifest."""
    done: list[Item] = []
    path: list[Item] = []

    def visit(item: Item) -> None:
        if any(item is one for one in done):
            return
        if any(item is one for one in path):
            circle = " → ".join(one.title for one in [*path, item])
            raise ManifestError(f"the manifest's dependencies form a circle: {circle}")
        path.append(item)
        for need in item.needs:
            visit(need)
        path.pop()
        done.append(item)

    for item in items:
        visit(item)
    return done
