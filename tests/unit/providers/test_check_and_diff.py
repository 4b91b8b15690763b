import base64
from typing import Any

import pytest

from rehearsal.providers.kubernetes import diff, immutable, naming
from rehearsal.providers.kubernetes.apierrors import ApiError
from rehearsal.providers.kubernetes.check import check
from rehearsal.providers.kubernetes.schema import validate
from rehearsal.providers.plugin.model import Autonaming, Call, Change, Checked, Values
from rehearsal.providers.plugin.values import UNKNOWN, Secret

CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
META = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "labels": {"$ref": "#/components/schemas/Map"}},
}
COMPONENTS: dict[str, Any] = {
    "Map": {"type": "object", "additionalProperties": {"type": "string"}},
    "Meta": META,
    "Port": {
        "type": "object",
        "required": ["port"],
        "properties": {
            "port": {"type": "integer", "format": "int32"},
            "targetPort": {"allOf": [{"$ref": "#/components/schemas/IntOrString"}], "description": "d"},
            "protocol": {"type": "string", "enum": ["TCP", "UDP"]},
        },
    },
    "IntOrString": {"oneOf": [{"type": "integer"}, {"type": "string"}], "format": "int-or-string"},
}
THING = {
    "type": "object",
    "properties": {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"allOf": [{"$ref": "#/components/schemas/Meta"}], "default": {}},
        "ports": {"type": "array", "items": {"$ref": "#/components/schemas/Port"}},
        "on": {"type": "boolean"},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    },
}


def _call(token: str) -> Call:
    return Call(urn=f"urn:pulumi:dev::p::{token}::name", type=token, name="name")


def _check(news: Values, olds: Values | None = None, token: str = CONFIG_MAP, **how: Any) -> Checked:
    settings: dict[str, Any] = {"seed": b"seed", "autonaming": None, "find_schema": lambda *_: None} | how
    return check(_call(token), olds or {}, news, **settings)


def test_all_errors_are_found_at_once_each_with_its_path() -> None:
    value = {
        "metadata": {"labels": {"a": 1}, "nam": "x"},
        "ports": [{"port": "80", "protocol": "SCTP"}, {"targetPort": []}, {"target_port": 1, "port": 1}],
        "on": "yes",
        "free": {"any": ["thing"]},
    }
    assert [tuple(f) for f in validate(value, THING, COMPONENTS)] == [
        ("metadata.labels.a", "expected a string, got a number"),
        ("metadata.nam", 'unknown field; did you mean "name"?'),
        ("ports[0].port", "expected a whole number, got a string"),
        ("ports[0].protocol", 'expected one of "TCP", "UDP"'),
        ("ports[1].targetPort", "expected a string or a number, got a list"),
        ("ports[1].port", "required, but missing"),
        ("ports[2].target_port", 'unknown field; did you mean "targetPort"?'),
        ("on", "expected true or false, got a string"),
    ]


def test_what_is_unknown_or_secret_is_judged_as_far_as_possible() -> None:
    assert (
        validate({"ports": UNKNOWN, "metadata": Secret({"labels": {"a": UNKNOWN}})}, THING, COMPONENTS) == []
    )
    found = validate({"on": Secret("hunter2")}, THING, COMPONENTS)
    assert len(found) == 1
    assert "hunter2" not in found[0].reason


def test_a_whole_number_may_not_have_a_fraction_and_true_is_no_number() -> None:
    assert len(validate({"ports": [{"port": 8.5}]}, THING, COMPONENTS)) == 1
    assert len(validate({"ports": [{"port": True}]}, THING, COMPONENTS)) == 1


def test_the_schema_is_not_asked_about_unchanged_inputs() -> None:
    def never(*_: str) -> None:
        raise AssertionError

    stored = _check({"data": {"a": "b"}}).inputs
    assert _check({"data": {"a": "b"}}, stored, find_schema=never).inputs == stored


def test_an_automatic_name_stays_until_the_user_gives_one() -> None:
    first = _check({}).inputs
    assert first["metadata"]["name"].startswith("name-")
    assert _check({}, first, seed=b"another").inputs == first
    named = _check({"metadata": {"name": "mine"}}, first).inputs
    assert named["metadata"] == {"name": "mine"}
    assert _check({}, named).inputs["metadata"]["name"].startswith("name-"), "an explicit name is not adopted"


def test_names_that_are_unknown_or_generated_by_the_server_are_left_alone() -> None:
    for metadata in ({"name": UNKNOWN}, {"generateName": "x-"}):
        assert _check({"metadata": metadata}).inputs["metadata"] == metadata
    assert _check({"metadata": UNKNOWN}).inputs["metadata"] is UNKNOWN


@pytest.mark.parametrize("mode", ["PROPOSE", "ENFORCE"])
def test_the_engine_s_autonaming_is_followed(mode: Any) -> None:
    inputs = _check({}, autonaming=Autonaming(mode=mode, proposed="as-told")).inputs
    assert inputs["metadata"]["name"] == "as-told"
    assert naming.is_autonamed(inputs)


def test_a_name_is_demanded_where_automatic_ones_are_disabled() -> None:
    failures = _check({}, autonaming=Autonaming(mode="DISABLE")).failures
    assert [f.path for f in failures] == ["metadata.name"]
    assert _check({"metadata": {"name": "a"}}, autonaming=Autonaming(mode="DISABLE")).failures == []


def test_the_provider_s_namespace_is_written_into_inputs_that_name_none() -> None:
    assert _check({}, default_namespace="team").inputs["metadata"]["namespace"] == "team"
    own = _check({"metadata": {"namespace": "own"}}, default_namespace="team").inputs
    assert own["metadata"]["namespace"] == "own"


def test_string_data_is_encoded_and_wins_over_data() -> None:
    news = {"data": {"a": "eA==", "b": "eQ=="}, "stringData": Secret({"a": "new", "c": UNKNOWN})}
    inputs = _check(news, token="kubernetes:core/v1:Secret").inputs
    encoded = base64.b64encode(b"new").decode()
    assert inputs["data"] == Secret({"a": encoded, "b": "eQ==", "c": UNKNOWN})
    assert "stringData" not in inputs


def test_plain_text_in_data_and_numbers_in_string_data_are_refused() -> None:
    checked = _check(
        {"data": {"a": "not base64!"}, "stringData": {"b": 3}}, token="kubernetes:core/v1:Secret"
    )
    assert [f.path for f in checked.failures] == ["data.a", "stringData.b"]


def test_a_patch_names_its_object_and_needs_nothing_else() -> None:
    token = "kubernetes:core/v1:ConfigMapPatch"
    assert [f.path for f in _check({"data": {}}, token=token).failures] == ["metadata.name"]
    inputs = _check({"metadata": {"name": "a"}}, token=token).inputs
    assert inputs == {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}


def test_nulls_are_absent() -> None:
    assert "data" not in _check({"data": None}).inputs


OLD = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "a", "labels": {"x": "1"}},
    "data": {"k": ["a", "b"], "n": 1},
}


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ({"data": {"k": ["a", "c"], "n": 1}}, {("data", "k", 1): Change("UPDATE")}),
        ({"data": {"k": ["a"], "n": 1}}, {("data", "k", 1): Change("DELETE", input_diff=True)}),
        ({"data": {"k": ["a", "b", {}], "n": 1}}, {("data", "k", 2): Change("ADD")}),
        ({"data": {"k": ["a", "b"], "n": "1"}}, {("data", "n"): Change("UPDATE")}),
        ({"data": {"k": {"a": 1}, "n": 1}}, {("data", "k"): Change("UPDATE")}),
        ({"metadata": {"name": "a"}}, {("metadata", "labels"): Change("DELETE", input_diff=True)}),
        ({"data": UNKNOWN}, {("data",): Change("UPDATE")}),
        ({"data": Secret({"k": ["a", "b"], "n": 1})}, {}),
        ({"binaryData": {"z": "eA=="}}, {("binaryData",): Change("ADD")}),
    ],
)
def test_differences_are_named_at_the_deepest_path(new: Values, expected: diff.Changes) -> None:
    assert diff.changes(OLD, {**OLD, **new}) == expected


def test_ignored_paths_are_no_changes() -> None:
    new = {**OLD, "data": {"k": ["z"], "n": 2}}
    assert list(diff.changes(OLD, new, ["data.k"])) == [("data", "n")]


@pytest.mark.parametrize(
    ("metadata", "paths"),
    [
        ({"name": "b"}, [("metadata", "name")]),
        ({"name": "a", "namespace": "default"}, []),
        ({"name": "a", "namespace": "other"}, [("metadata", "namespace")]),
        ({"name": "a", "namespace": UNKNOWN}, [("metadata", "namespace")]),
    ],
)
def test_another_name_or_namespace_is_another_object(metadata: Values, paths: list[object]) -> None:
    assert diff.identity_paths(OLD, {**OLD, "metadata": metadata}, "default") == paths


def test_another_version_of_the_same_api_group_is_the_same_object() -> None:
    old = {"apiVersion": "apps/v1beta1", "kind": "Deployment", "metadata": {"name": "a"}}
    assert diff.identity_paths(old, {**old, "apiVersion": "apps/v1"}, "") == []
    assert diff.identity_paths(old, {**old, "apiVersion": "other/v1"}, "") == [("apiVersion",)]


def test_the_old_object_goes_first_only_if_it_keeps_its_explicit_name() -> None:
    def answer(new: Values) -> bool:
        found = diff.replaced(diff.changes(OLD, new), [("data",), ("metadata", "name")])
        assert diff.needs_replacement(found)
        return diff.result(found, OLD, new, "").delete_before_replace

    assert answer({**OLD, "data": {}})
    assert not answer({**OLD, "metadata": {"name": "b"}})
    autonamed = {**OLD["metadata"], "annotations": {naming.AUTONAMED: "true"}}  # type: ignore[dict-item]
    assert not answer({**OLD, "metadata": autonamed, "data": {}})


def test_a_refusal_for_immutability_is_told_from_others() -> None:
    def refused(*causes: tuple[str, str]) -> list[object]:
        details = {"causes": [{"field": field, "message": message} for field, message in causes]}
        return list(immutable.refused_paths(ApiError(422, "Invalid", "no", details)))

    assert refused(("spec.selector", "Invalid value: {}: field is immutable")) == [("spec", "selector")]
    assert refused(("spec.clusterIPs[0]", 'Invalid value: "x": may not change once set')) != []
    assert refused(
        ("spec", "Forbidden: updates to statefulset spec for fields other than 'replicas' are forbidden")
    )
    assert refused(("spec", "Forbidden: pod updates may not change fields other than `image`")) == [("spec",)]
    assert refused(("spec.replicas", "Invalid value: -1: must be greater than or equal to 0")) == []


def test_a_refused_field_that_nobody_writes_is_brought_to_the_change_nearby() -> None:
    found = {("spec", "hostPath", "path"): Change("UPDATE"), ("metadata", "labels"): Change("ADD")}
    assert diff.nearest(("spec", "persistentvolumesource"), found) == ("spec",)
    assert diff.nearest(("spec", "hostPath"), found) == ("spec", "hostPath")
