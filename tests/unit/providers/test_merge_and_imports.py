import json
from typing import Any

from rehearsal.providers.kubernetes import merge
from rehearsal.providers.kubernetes.imports import inputs_of
from rehearsal.providers.kubernetes.objects import LAST_APPLIED
from rehearsal.providers.plugin.drift import drift

OWN = "pulumi-kubernetes-0123abcd"


def _entry(manager: str, operation: str, **fields: Any) -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "fieldsType": "FieldsV1", "fieldsV1": fields}


def test_a_new_port_takes_the_place_of_the_old_one() -> None:
    old = {"ports": [{"port": 80, "targetPort": 80}]}
    new = {"ports": [{"port": 81, "targetPort": 80}]}
    live = {"ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}], "clusterIP": "10.0.0.1"}
    assert merge.three_way(old, new, live) == {
        "ports": [{"port": 81, "targetPort": 80}],
        "clusterIP": "10.0.0.1",
    }


def test_what_others_wrote_stays_and_what_the_program_dropped_goes() -> None:
    old = {"labels": {"a": "1", "b": "2"}, "containers": [{"name": "c", "image": "1"}, {"name": "gone"}]}
    new = {"labels": {"a": "3"}, "containers": [{"name": "c", "image": "2"}]}
    live = {
        "labels": {"a": "1", "b": "2", "theirs": "x"},
        "containers": [{"name": "c", "image": "1", "pull": "Always"}, {"name": "gone"}, {"name": "sidecar"}],
    }
    assert merge.three_way(old, new, live) == {
        "labels": {"a": "3", "theirs": "x"},
        "containers": [{"name": "c", "image": "2", "pull": "Always"}, {"name": "sidecar"}],
    }


def test_lists_without_names_are_written_whole() -> None:
    assert merge.three_way({"a": [1]}, {"a": [2]}, {"a": [1, 3]}) == {"a": [2]}


class Client:
    """Records the take-over of a POST's fields."""

    def __init__(self) -> None:
        self.patches: list[Any] = []

    def object_path(self, obj: Any) -> str:
        return str(obj["metadata"]["name"])

    def patch(self, path: str, body: Any, **_: Any) -> None:
        self.patches.append((path, body))


def test_the_fields_of_the_first_post_move_to_the_resource_s_manager() -> None:
    kept = _entry("kube-controller-manager", "Update", **{"f:status": {}})
    fields = {"f:spec": {"f:ports": {}}}
    live = {
        "metadata": {
            "name": "a",
            "resourceVersion": "7",
            "managedFields": [_entry(merge.CREATOR, "Update", **fields), kept],
        }
    }
    assert not merge.has_adopted(live, OWN)
    client: Any = Client()
    merge.adopt(client, live, OWN)
    [(path, [fields_patch, version_patch])] = client.patches
    assert path == "a"
    assert fields_patch["value"] == [_entry(OWN, "Apply", **fields), kept]
    assert version_patch["value"] == "7", "only if nobody changed the object meanwhile"


def test_later_updates_have_nothing_to_take_over() -> None:
    live = {"metadata": {"name": "a", "managedFields": [_entry(OWN, "Apply")]}}
    assert merge.has_adopted(live, OWN)
    client: Any = Client()
    merge.adopt(client, live, OWN)
    assert client.patches == []


def test_fields_of_foreign_objects_are_not_taken() -> None:
    live = {"metadata": {"name": "a", "managedFields": [_entry("kubectl-create", "Update")]}}
    client: Any = Client()
    merge.adopt(client, live, OWN)
    assert client.patches == []


def test_a_refresh_keeps_inputs_that_the_server_only_writes_otherwise() -> None:
    inputs = {"cpu": "0.1", "list": [{"a": 1}]}
    outputs = {"cpu": "100m", "list": [{"a": 1, "default": True}], "status": {}}
    assert drift(inputs, outputs, outputs) == inputs


def test_a_refresh_takes_over_what_changed_in_the_cluster() -> None:
    inputs = {"image": "1", "labels": {"a": "1", "b": "2"}, "list": [{"a": 1}, {"a": 2}]}
    outputs = {**inputs, "extra": 1}
    live = {
        "image": "2",
        "labels": {"a": "1", "theirs": "x"},
        "list": [{"a": 1}, {"a": 3, "new": 1}],
        "extra": 2,
    }
    assert drift(inputs, outputs, live) == {
        "image": "2",
        "labels": {"a": "1"},
        "list": [{"a": 1}, {"a": 3}],
    }
    assert drift({"list": [1]}, {"list": [1]}, {"list": [1, 2]}) == {"list": [1, 2]}


def test_an_input_that_the_server_never_shows_stays() -> None:
    assert drift({"stringData": {"a": "b"}}, {}, {}) == {"stringData": {"a": "b"}}


LIVE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "a", "namespace": "n", "uid": "u", "resourceVersion": "1", "labels": {"x": "y"}},
    "data": {"k": "v", "other": "w"},
    "status": {},
}


def test_an_import_leaves_out_what_only_the_server_writes() -> None:
    assert inputs_of(LIVE) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a", "namespace": "n", "labels": {"x": "y"}},
        "data": {"k": "v", "other": "w"},
    }


def test_an_import_takes_kubectl_s_last_applied_configuration() -> None:
    applied = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "v"}}
    live = {**LIVE, "metadata": {**LIVE["metadata"], "annotations": {LAST_APPLIED: json.dumps(applied)}}}
    assert inputs_of(live) == {**applied, "metadata": {"name": "a", "namespace": "n"}}


def test_an_import_takes_the_fields_that_were_applied() -> None:
    entry = _entry("someone", "Apply", **{"f:data": {"f:k": {}}, "f:metadata": {"f:labels": {"f:x": {}}}})
    live = {**LIVE, "metadata": {**LIVE["metadata"], "managedFields": [entry]}}
    assert inputs_of(live) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a", "namespace": "n", "labels": {"x": "y"}},
        "data": {"k": "v"},
    }


def test_applied_items_of_lists_are_found_by_their_keys() -> None:
    key = 'k:{"name":"c"}'
    entry = _entry(
        "someone", "Apply", **{"f:spec": {"f:containers": {key: {".": {}, "f:name": {}, "f:image": {}}}}}
    )
    live = {
        **{k: v for k, v in LIVE.items() if k != "data"},
        "metadata": {**LIVE["metadata"], "managedFields": [entry]},
        "spec": {
            "containers": [{"name": "sidecar"}, {"name": "c", "image": "1", "pull": "Always"}],
            "dns": "x",
        },
    }
    assert inputs_of(live)["spec"] == {"containers": [{"name": "c", "image": "1"}]}
