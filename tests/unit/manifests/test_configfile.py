"""What components of YAML refuse, and how they appear to the engine."""

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rehearsal.providers.kubernetes import configfile
from rehearsal.providers.kubernetes.children import Child, register
from rehearsal.providers.kubernetes.configfile import CONFIG_FILE, CONFIG_GROUP, ConfigError
from rehearsal.providers.kubernetes.manifests import Item, ManifestError
from rehearsal.providers.plugin.values import Secret

MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
NO_CLUSTER: Any = SimpleNamespace(known=False, namespace="default")


def objects(token: str, **inputs: Any) -> list[dict[str, Any]]:
    return configfile._objects(token, "x", inputs, NO_CLUSTER)


def test_decoding_expands_lists() -> None:
    text = (
        "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n---\n"
    )
    assert configfile.decode({"text": text})["result"] == [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    ]


def test_decoding_something_else_is_refused() -> None:
    with pytest.raises(ConfigError):
        configfile.decode({"text": 3})
    with pytest.raises(ManifestError):
        configfile.decode({"text": "a: 1"})


def test_kustomize_is_refused_with_the_way_out() -> None:
    with pytest.raises(ConfigError) as caught:
        configfile.INVOKES["kubernetes:kustomize:directory"]({}, NO_CLUSTER)
    assert "kubectl kustomize" in caught.value.hint


def test_files_patterns_text_and_objects_add_up(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(MAP.replace("a}", f"{name}}}"))
    found = objects(CONFIG_GROUP, files=[f"{tmp_path}/*.yaml"], yaml=MAP, objs=[{"kind": "X"}])
    assert [obj.get("metadata", {}).get("name") for obj in found] == ["one", "two", "a", None]


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"file": "/nowhere/x.yaml"}, "/nowhere/x.yaml cannot be read: No such file"),
        ({"file": "/nowhere/*.yaml"}, "no file matches"),
        ({"file": "https://example.com/x.yaml"}, "local manifests only"),
        ({"file": "x", "transformations": []}, "has no property transformations"),
        ({}, "`file` is required"),
    ],
)
def test_a_file_that_cannot_be_had_is_refused(inputs: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said.replace("*", r"\*")):
        objects(CONFIG_FILE, **inputs)


def test_broken_yaml_names_its_file(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("a: [")
    with pytest.raises(ConfigError, match=r"broken\.yaml: this is no YAML"):
        objects(CONFIG_FILE, file=str(tmp_path / "broken.yaml"))


def test_a_secret_manifest_hides_everything_but_the_identity() -> None:
    shown = configfile._hide({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}, "data": {"a": "b"}})
    assert shown["data"] == Secret({"a": "b"})
    assert shown["kind"] == "ConfigMap"


class Recorder:
    """A monitor that records the order in which children are made."""

    def __init__(self) -> None:
        self.made: list[tuple[str, tuple[str, ...]]] = []
        self._lock = threading.Lock()

    def child(self, parent: str, name: str, type_: str, inputs: Any, needs: Any) -> Child:
        with self._lock:
            self.made.append((name, tuple(needs)))
        return Child(f"urn:{name}", name, {"urn": f"urn:{name}"})


def test_children_are_made_after_what_they_need_and_reported_in_order() -> None:
    namespace = Item({"apiVersion": "v1", "kind": "Namespace", "metadata": {}}, "ns")
    maps = [
        Item({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}}, f"ns/{n}", [namespace])
        for n in range(50)
    ]
    monitor = Recorder()
    made = register(monitor, "urn:parent", [namespace, *maps], prefix="p")  # type: ignore[arg-type]
    assert [child.urn for child in made] == ["urn:p:ns", *(f"urn:p:ns/{n}" for n in range(50))]
    assert monitor.made[0] == ("p:ns", ())
    assert all(needs == ("urn:p:ns",) for _, needs in monitor.made[1:])
    assert register(monitor, "urn:parent", [], prefix="p") == []  # type: ignore[arg-type]
