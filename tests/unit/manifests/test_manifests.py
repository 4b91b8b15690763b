"""Lists, namespaces, and the order in which the objects of a manifest are created."""

from typing import Any

import pytest

from rehearsal.providers.kubernetes.manifests import (
    DEPENDS_ON,
    Item,
    ManifestError,
    arrange,
    expand,
    type_token,
)

CLUSTER_WIDE = {"Namespace", "CustomResourceDefinition", "ClusterRole"}


def thing(kind: str = "ConfigMap", name: str = "a", api_version: str = "v1", **more: Any) -> dict[str, Any]:
    namespace = more.pop("namespace", None)
    meta = {"name": name, **({"namespace": namespace} if namespace else {}), **more.pop("meta", {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": meta, **more}


def arranged(*objects: dict[str, Any], **more: Any) -> list[Item]:
    return arrange(objects, namespace="default", namespaced=lambda _, kind: kind not in CLUSTER_WIDE, **more)


def widgets(scope: str = "Namespaced") -> dict[str, Any]:
    spec = {"group": "example.com", "scope": scope, "names": {"kind": "Widget"}}
    return thing("CustomResourceDefinition", "widgets.example.com", "apiextensions.k8s.io/v1", spec=spec)


def titles(items: list[Item]) -> list[str]:
    return [item.title for item in items]


def test_tokens() -> None:
    assert type_token(thing()) == "kubernetes:core/v1:ConfigMap"
    assert type_token(thing("Deployment", api_version="apps/v1")) == "kubernetes:apps/v1:Deployment"


def test_lists_are_expanded_at_any_depth() -> None:
    inner = {"apiVersion": "v1", "kind": "ConfigMapList", "items": [thing(name="b")]}
    outer = {"apiVersion": "v1", "kind": "List", "items": [thing(name="a"), inner]}
    assert [obj["metadata"]["name"] for obj in expand([outer, {}])] == ["a", "b"]


def test_a_list_without_items_is_nothing() -> None:
    assert expand([{"apiVersion": "v1", "kind": "List"}]) == []


def test_an_object_without_kind_or_name_is_refused() -> None:
    with pytest.raises(ManifestError, match="apiVersion and kind"):
        expand([{"kind": "ConfigMap"}])
    with pytest.raises(ManifestError, match=r"no metadata\.name"):
        arranged({"apiVersion": "v1", "kind": "ConfigMap"})


def test_namespaces_are_made_explicit_where_the_kind_has_one() -> None:
    items = arranged(
        thing(), thing(name="b", namespace="other"), thing("ClusterRole", "c", namespace="wrong")
    )
    assert [item.identity for item in items] == ["default/a", "other/b", "c"]
    assert "namespace" not in items[2].obj["metadata"]


def test_namespaces_and_definitions_come_before_what_needs_them() -> None:
    widget = thing("Widget", "w", "example.com/v1", namespace="apps")
    items = arranged(widget, thing(namespace="apps"), thing("Namespace", "apps"), widgets())
    assert titles(items) == [
        "Namespace apps",
        "CustomResourceDefinition widgets.example.com",
        "Widget apps/w",
        "ConfigMap apps/a",
    ]
    assert titles(items[2].needs) == ["Namespace apps", "CustomResourceDefinition widgets.example.com"]


def test_the_scope_of_a_kind_that_the_manifest_defines_is_known() -> None:
    items = arranged(widgets("Cluster"), thing("Widget", "w", "example.com/v1"))
    assert items[1].identity == "w"


def test_explicit_dependencies() -> None:
    first = thing(
        name="first",
        meta={"annotations": {DEPENDS_ON: "/namespaces/default/ConfigMap/second, /ClusterRole/r"}},
    )
    items = arranged(first, thing(name="second"), thing("ClusterRole", "r"))
    assert titles(items)[0] == "ConfigMap default/second"
    with pytest.raises(ManifestError, match="not in the manifest"):
        arranged(first)
    with pytest.raises(ManifestError, match=DEPENDS_ON):
        arranged(thing(meta={"annotations": {DEPENDS_ON: "second"}}))


def test_a_circle_is_named() -> None:
    def needing(name: str, other: str) -> dict[str, Any]:
        return thing(name=name, meta={"annotations": {DEPENDS_ON: f"/namespaces/default/ConfigMap/{other}"}})

    with pytest.raises(ManifestError, match="default/a → ConfigMap default/b → ConfigMap default/a"):
        arranged(needing("a", "b"), needing("b", "a"))


def test_twins_are_refused() -> None:
    with pytest.raises(ManifestError, match="ConfigMap default/a occurs twice"):
        arranged(thing(), thing(namespace="default"))


def test_skip_await_reaches_every_object_and_keeps_its_annotations() -> None:
    items = arranged(thing(meta={"annotations": {"x": "y"}}), skip_await=True)
    assert items[0].obj["metadata"]["annotations"] == {"x": "y", "pulumi.com/skipAwait": "true"}
