import pytest
from google.protobuf import json_format

from rehearsal.providers.kubernetes import secretfields
from rehearsal.providers.kubernetes.objects import parse_type
from rehearsal.providers.plugin import values, wire
from rehearsal.providers.plugin.paths import format_path, parse_path
from rehearsal.providers.plugin.values import UNKNOWN, Secret, decode, encode, has_unknown, reveal


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("spec", "ports", 0, "port"), "spec.ports[0].port"),
        (("metadata", "annotations", "a.b/c"), 'metadata.annotations["a.b/c"]'),
        (("data", 'quo"te'), 'data["quo\\"te"]'),
        (("data", "tls-key"), 'data["tls-key"]'),
    ],
)
def test_property_paths_are_written_and_read_back(path: tuple[str | int, ...], text: str) -> None:
    assert format_path(path) == text
    assert parse_path(text) == path


def test_paths_of_the_api_server_are_understood() -> None:
    assert parse_path("spec.template.spec.containers[0].image")[-2:] == (0, "image")
    assert parse_path("metadata.labels[a.b/c]") == ("metadata", "labels", "a.b/c")


def test_type_tokens() -> None:
    assert parse_type("kubernetes:core/v1:ConfigMap") == ("v1", "ConfigMap", False)
    assert parse_type("kubernetes:apps/v1:DeploymentPatch") == ("apps/v1", "Deployment", True)
    assert parse_type("kubernetes:core/v1:ConfigMapList").is_list
    assert parse_type("kubernetes:foo.io/v1:Widget").api_version == "foo.io/v1"


def test_values_survive_the_wire() -> None:
    given = {
        "text": "a",
        "whole": 3,
        "part": 0.5,
        "yes": True,
        "nothing": None,
        "list": [1, {"b": []}, {}],
        "secret": Secret({"pw": "x", "inner": UNKNOWN}),
        "unknown": UNKNOWN,
    }
    back = decode(encode(given))
    assert back == given
    assert isinstance(back["whole"], int), "ports and replicas must not become 3.0"
    assert has_unknown(back)
    assert not has_unknown({"a": ["b"]})


def test_the_marks_are_those_of_the_protocol() -> None:
    sent = json_format.MessageToDict(encode({"a": Secret("b"), "c": UNKNOWN}))
    assert sent["a"] == {
        "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
        "value": "b",
    }
    assert sent["c"] == "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def test_a_secret_does_not_show_its_value() -> None:
    assert "hunter2" not in repr({"a": [Secret("hunter2")]})
    assert reveal({"a": [Secret("hunter2")]}) == {"a": ["hunter2"]}
    assert list(values.secret_paths({"a": [1, Secret("x")], "b": Secret({})})) == [("a", 1), ("b",)]


def test_outputs_are_secret_where_inputs_are() -> None:
    inputs = {"spec": {"env": [{"name": "A", "value": Secret("x")}]}}
    live = {"spec": {"env": [{"name": "A", "value": "x"}], "other": 1}}
    marked = secretfields.mark_outputs(live, inputs)
    assert marked["spec"]["env"][0]["value"] == Secret("x")
    assert marked["spec"]["other"] == 1


def test_a_secret_that_moved_takes_its_surroundings_along() -> None:
    marked = secretfields.mark_outputs({"spec": {"env": "x"}}, {"spec": {"env": [{"value": Secret("x")}]}})
    assert marked["spec"]["env"] == Secret("x")


def test_data_of_a_secret_is_secret_even_if_the_program_says_nothing() -> None:
    marked = secretfields.mark_inputs({"apiVersion": "v1", "kind": "Secret", "data": {"a": "eA=="}})
    assert marked["data"] == Secret({"a": "eA=="})


def test_messages_are_shared_with_the_sdk() -> None:
    from pulumi.runtime.proto import provider_pb2

    assert provider_pb2.CheckRequest is wire.provider_pb2.CheckRequest
