"""What the engine is told when things do not go as planned."""

from typing import Any

import pytest
from google.protobuf import json_format
from plugin_double import AbortedError, MemoryClient, Plugin

from rehearsal.providers.kubernetes.apierrors import ApiError, UnreachableError
from rehearsal.providers.kubernetes.config import Config
from rehearsal.providers.plugin import wire

URN = "urn:pulumi:dev::p::kubernetes:{}::r"
MAP = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "a", "namespace": "n"},
    "data": {"k": "v"},
}
OWN = "pulumi-kubernetes-0123abcd"
MAP_TYPE = "core/v1:ConfigMap"


def _request(token: str = MAP_TYPE, **fields: Any) -> dict[str, Any]:
    return {"urn": URN.format(token), "type": f"kubernetes:{token}", "name": "r", **fields}


def _stored(obj: dict[str, Any]) -> dict[str, Any]:
    return {**obj, "__inputs": obj, "__fieldManager": OWN, "__initialApiVersion": obj["apiVersion"]}


def _change(old: dict[str, Any], new: dict[str, Any], token: str = MAP_TYPE, **fields: Any) -> dict[str, Any]:
    return _request(token, id="n/a", olds=_stored(old), oldInputs=old, news=new, **fields)


def _immutable(field: str) -> ApiError:
    return ApiError(422, "Invalid", "no", {"causes": [{"field": field, "message": "field is immutable"}]})


def test_an_object_that_exists_is_not_adopted(plugin: Plugin) -> None:
    plugin.client.live[MemoryClient.object_path(MAP)] = MAP
    with pytest.raises(AbortedError) as aborted:
        plugin.ask("Create", _request(properties=MAP))
    message = aborted.value.status.details
    assert message.startswith(
        f'resource "{URN.format(MAP_TYPE)}" was not successfully created by the Kubernetes API server: '
    )
    assert 'import_="n/a"' in message


def test_what_is_not_ready_in_time_is_handed_over_with_its_state(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rehearsal.providers.kubernetes import awaiting

    def never(_client: Any, obj: dict[str, Any], **_: Any) -> None:
        raise awaiting.AwaitFailed(
            "not ready", {**obj, "status": {"phase": "Pending"}}, ["no node", "no image"]
        )

    monkeypatch.setattr(awaiting, "await_ready", never)
    with pytest.raises(AbortedError) as aborted:
        plugin.ask("Create", _request(properties=MAP))
    [(key, data)] = aborted.value.status.trailing_metadata
    assert key == "grpc-status-details-bin"
    detail = wire.provider_pb2.ErrorResourceInitFailed()
    assert wire.status_pb2.Status.FromString(data).details[0].Unpack(detail)
    sent = json_format.MessageToDict(detail)
    assert sent["id"] == "n/a"
    assert sent["inputs"] == MAP
    assert sent["properties"]["status"] == {"phase": "Pending"}
    assert sent["properties"]["__inputs"] == MAP
    assert sent["reasons"] == [
        'the Kubernetes API server reported that "n/a" failed to fully initialize or become live: not ready',
        "no node",
        "no image",
    ]


def test_the_server_is_asked_which_fields_are_immutable(plugin: Plugin) -> None:
    quota = {**MAP, "kind": "ResourceQuota", "spec": {"hard": {"pods": "1"}, "other": "x"}}
    changed = {**quota, "spec": {"hard": {"pods": "2"}, "other": "y"}}
    plugin.client.live[MemoryClient.object_path(quota)] = quota
    plugin.client.refuse = lambda verb, _: _immutable("spec.other") if verb == "replace" else None
    answer = plugin.ask("Diff", _change(quota, changed, "core/v1:ResourceQuota"))
    assert answer["detailedDiff"] == {
        "spec.hard.pods": {"kind": "UPDATE"},
        "spec.other": {"kind": "UPDATE_REPLACE"},
    }
    assert answer["deleteBeforeReplace"], "its name is the user's own"
    assert plugin.client.wrote() == []


def test_a_refusal_that_is_not_about_immutability_is_left_to_the_update(plugin: Plugin) -> None:
    quota = {**MAP, "kind": "ResourceQuota", "spec": {"hard": {"pods": "1"}}}
    changed = {**quota, "spec": {"hard": {"pods": "-1"}}}
    plugin.client.live[MemoryClient.object_path(quota)] = quota
    causes = {
        "causes": [{"field": "spec.a", "message": "must be positive"}, {"field": "spec.b", "message": "no"}]
    }
    refusal = ApiError(422, "Invalid", 'ResourceQuota "a" is invalid: [many]', causes)
    plugin.client.refuse = lambda verb, _: refusal if verb == "replace" else None
    request = _change(quota, changed, "core/v1:ResourceQuota")
    assert "replaces" not in plugin.ask("Diff", request)
    with pytest.raises(AbortedError, match=r"- spec\.a: must be positive\n  - spec\.b: no"):
        plugin.ask("Update", {**request, "preview": True})


def test_an_object_that_someone_deleted_is_made_again(plugin: Plugin) -> None:
    changed = {**MAP, "metadata": {**MAP["metadata"], "labels": {"a": "b"}}}  # type: ignore[dict-item]
    preview = plugin.ask("Update", _change(MAP, changed, preview=True))
    assert preview["properties"]["metadata"]["labels"] == {"a": "b"}
    assert plugin.client.wrote() == []
    plugin.ask("Update", _change(MAP, changed))
    assert plugin.client.wrote() == ["create"]


def test_a_conflict_says_what_can_be_done(plugin: Plugin) -> None:
    changed = {**MAP, "metadata": {**MAP["metadata"], "labels": {"a": "b"}}}  # type: ignore[dict-item]
    plugin.client.live[MemoryClient.object_path(MAP)] = MAP
    refusal = ApiError(409, "Conflict", 'conflict with "kubectl": .metadata.labels.a')
    plugin.client.refuse = lambda verb, _: refusal if verb == "apply" else None
    with pytest.raises(AbortedError, match="patchForce"):
        plugin.ask("Update", _change(MAP, changed))


def test_a_job_that_failed_is_replaced_if_the_program_asks_for_it(plugin: Plugin) -> None:
    metadata = {**MAP["metadata"], "annotations": {"pulumi.com/replaceUnready": "true"}}  # type: ignore[dict-item]
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {}}
    request = _change(job, job, "batch/v1:Job")
    assert plugin.ask("Diff", request)["changes"] == "DIFF_NONE"
    request["olds"]["status"] = {"conditions": [{"type": "Failed", "status": "True"}]}
    assert plugin.ask("Diff", request)["replaces"] == ["spec"]
    plain = {**job, "metadata": MAP["metadata"]}
    request = _change(plain, plain, "batch/v1:Job")
    request["olds"]["status"] = {"conditions": [{"type": "Failed", "status": "True"}]}
    assert plugin.ask("Diff", request)["changes"] == "DIFF_NONE", "the next update waits again"


def test_config_maps_can_be_made_mutable(plugin: Plugin) -> None:
    plugin.client.live[MemoryClient.object_path(MAP)] = MAP
    request = _change(MAP, {**MAP, "data": {"k": "w"}})
    assert plugin.ask("Diff", request)["replaces"] == ["data.k"]
    plugin.connect(Config(enable_config_map_mutable=True))
    assert "replaces" not in plugin.ask("Diff", request)


def test_without_server_side_apply_the_whole_object_is_written(plugin: Plugin) -> None:
    plugin.connect(Config(enable_server_side_apply=False))
    plugin.client.live[MemoryClient.object_path(MAP)] = {**MAP, "data": {"k": "v", "theirs": "x"}}
    plugin.ask("Update", _change(MAP, {**MAP, "data": {"k": "w"}}))
    verb, _, how = plugin.client.calls[-1]
    assert verb == "replace"
    assert how["obj"]["data"] == {"k": "w", "theirs": "x"}


def test_deleting_what_is_gone_succeeds_and_reading_it_says_so(plugin: Plugin) -> None:
    assert plugin.ask("Delete", _request(id="n/a", properties=_stored(MAP))) == {}
    assert plugin.ask("Read", _request(id="n/a", properties=_stored(MAP), inputs=MAP)) == {}


def test_an_import_by_id_finds_the_object(plugin: Plugin) -> None:
    live = {**MAP, "metadata": {**MAP["metadata"], "uid": "u"}}  # type: ignore[dict-item]
    plugin.client.live[MemoryClient.object_path(MAP)] = live
    answer = plugin.ask("Read", _request(id="n/a"))
    assert answer["id"] == "n/a"
    assert answer["inputs"] == MAP
    assert answer["properties"]["metadata"]["uid"] == "u"


def test_a_cluster_that_is_gone_for_good(plugin: Plugin) -> None:
    def down(*_: Any, **_how: Any) -> None:
        raise UnreachableError("the server is unreachable")

    plugin.client.refuse = down  # type: ignore[assignment]
    plugin.client.delete = down  # type: ignore[method-assign,assignment]
    stored = _request(id="n/a", properties=_stored(MAP), inputs=MAP)
    for method in ("Read", "Delete"):
        with pytest.raises(AbortedError, match="PULUMI_K8S_DELETE_UNREACHABLE"):
            plugin.ask(method, stored)
    plugin.connect(Config(delete_unreachable=True))
    assert plugin.ask("Read", stored) == {}
    assert plugin.ask("Delete", stored) == {}
    changed = _change(MAP, {**MAP, "data": {"k": "w"}})
    with pytest.raises(AbortedError, match="is unreachable"):
        plugin.ask("Update", changed)
    plugin.connect(Config(skip_update_unreachable=True))
    assert plugin.ask("Update", changed)["properties"] == _stored(MAP)


def test_a_cluster_that_this_update_creates(plugin: Plugin) -> None:
    plugin.connect(Config(unknown=True))
    assert plugin.ask("Create", _request(properties=MAP, preview=True)) == {"properties": MAP}
    changed = plugin.ask("Update", _change(MAP, {**MAP, "data": {"k": "w"}}, preview=True))
    assert changed["properties"]["data"] == {"k": "w"}
    assert plugin.client.calls == []


def test_what_is_unknown_yet_stays_so_in_a_preview(plugin: Plugin) -> None:
    unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
    inputs = {**MAP, "data": {"k": unknown}}
    assert plugin.ask("Create", _request(properties=inputs, preview=True))["properties"] == inputs
    assert plugin.client.calls == []


def test_addresses_that_a_dry_run_invents_are_unknown(plugin: Plugin) -> None:
    service = {**MAP, "kind": "Service", "spec": {"ports": [{"port": 80}]}}
    made = {**service, "spec": {"clusterIP": "10.0.0.9", "ports": [{"port": 80}]}, "status": {}}
    plugin.client.made[MemoryClient.object_path(service)] = made
    answer = plugin.ask("Create", _request("core/v1:Service", properties=service, preview=True))
    assert answer["properties"]["spec"]["clusterIP"] == "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
    assert "status" not in answer["properties"]


def test_a_bug_is_reported_with_its_traceback(plugin: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin.client, "create", None)
    with pytest.raises(AbortedError, match="Traceback"):
        plugin.ask("Create", _request(properties=MAP))


def test_check_failures_carry_their_path_and_no_value(plugin: Plugin) -> None:
    request = _request("core/v1:Secret", news={"data": {"a": "hunter2!"}})
    [failure] = plugin.ask("Check", request)["failures"]
    assert failure == {"reason": "data.a: expected base64; use stringData for plain text"}


def test_a_patch_gives_its_fields_back_and_leaves_the_object(plugin: Plugin) -> None:
    plugin.client.live[MemoryClient.object_path(MAP)] = MAP
    token = "core/v1:ConfigMapPatch"
    made = plugin.ask("Create", _request(token, properties=MAP))
    assert made["id"] == "n/a"
    manager = made["properties"]["__fieldManager"]
    plugin.ask("Delete", _request(token, id="n/a", properties=made["properties"], oldInputs=MAP))
    verb, _, how = plugin.client.calls[-1]
    assert verb == "apply"
    assert how["field_manager"] == manager
    assert "data" not in how["obj"]
    assert MemoryClient.object_path(MAP) in plugin.client.live


def test_items_of_a_list_come_and_go_by_themselves(plugin: Plugin) -> None:
    def item(name: str, value: str) -> dict[str, Any]:
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": value}}

    token = "core/v1:ConfigMapList"
    old = {"apiVersion": "v1", "kind": "ConfigMapList", "items": [item("a", "1"), item("b", "1")]}
    new = {"apiVersion": "v1", "kind": "ConfigMapList", "items": [item("b", "1"), item("c", "1")]}
    made = plugin.ask("Create", _request(token, properties=old))
    request = _request(token, id=made["id"], olds=made["properties"], oldInputs=old, news=new)
    assert plugin.ask("Diff", request)["detailedDiff"] == {
        "items[0]": {"kind": "DELETE", "inputDiff": True},
        "items[1]": {},  # an addition, as the protocol leaves out zeros
    }
    unnamed = plugin.ask("Check", _request(token, news={"items": [{"data": {}}]}))
    assert "items[0].metadata.name" in unnamed["failures"][0]["reason"]
