"""Annotations and time-outs, and the JSONPath that waitFor takes."""

from typing import Any

import pytest

from rehearsal.providers.kubernetes.awaiting import jsonpath, seconds_to_wait, settings
from rehearsal.providers.kubernetes.awaiting.jsonpath import JsonPathError
from rehearsal.providers.kubernetes.awaiting.settings import SettingsError


def noted(kind: str = "Deployment", api_version: str = "apps/v1", **notes: Any) -> Any:
    notes = {f"pulumi.com/{key}": value for key, value in notes.items()}
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x", "annotations": notes}}


DOCUMENT = {
    "metadata": {"annotations": {"example.com/a": "1"}},
    "spec": {"replicas": 3, "on": True},
    "status": {
        "phase": "Up",
        "conditions": [{"type": "Ready", "status": "True"}, {"type": "Old", "status": "False"}],
    },
}


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("{.status.phase}", ["Up"]),
        ("status.phase", ["Up"]),
        (".status.nothing.deeper", []),
        ('{.status.conditions[?(@.type=="Ready")].status}', ["True"]),
        ("{.status.conditions[?(@.type!='Ready')].type}", ["Old"]),
        ("{.status.conditions[*].type}", ["Ready", "Old"]),
        ("{.status.conditions[-1].type}", ["Old"]),
        ("{.status.conditions[7].type}", []),
        ("{.metadata.annotations['example.com/a']}", ["1"]),
        (r"{.metadata.annotations.example\.com/a}", None),
        ("{.spec.replicas}", [3]),
    ],
)
def test_paths(expression: Any, found: Any) -> None:
    if found is None:
        with pytest.raises(JsonPathError, match="not understood"):
            jsonpath.find(expression, DOCUMENT)
    else:
        assert jsonpath.find(expression, DOCUMENT) == found


@pytest.mark.parametrize(
    ("annotation", "holds"),
    [
        ("jsonpath={.status.phase}=Up", True),
        ("jsonpath={.status.phase}", True),
        ("jsonpath={.status.phase}=Down", False),
        ("jsonpath={.status.missing}", False),
        ("jsonpath={.spec.replicas}=3", True),
        ("jsonpath={.spec.on}=true", True),
        ('jsonpath={.status.conditions[?(@.type=="Ready")].status}=True', True),
        ("condition=Ready", True),
        ("condition=Old", False),
        ("condition=Old=False", True),
        ('["condition=Ready", "jsonpath={.status.phase}=Up"]', True),
        ('["condition=Ready", "condition=Old"]', False),
    ],
)
def test_wait_for(annotation: Any, holds: Any) -> None:
    wanted = settings.wait_for(noted(waitFor=annotation))
    assert all(one.holds(DOCUMENT) for one in wanted) is holds


@pytest.mark.parametrize(
    "annotation", ["Ready", "", "[]", "[1]", "[broken", "condition=", "jsonpath={.a[1:2]}"]
)
def test_a_wait_for_that_is_not_understood_says_what_it_takes(annotation: Any) -> None:
    with pytest.raises((SettingsError, JsonPathError)) as caught:
        settings.wait_for(noted(waitFor=annotation))
    assert "{" in caught.value.hint, "an example is given"


@pytest.mark.parametrize(("value", "skips"), [("true", True), ("false", False), ("True", True)])
def test_skip_await(value: Any, skips: Any) -> None:
    assert settings.skips_await(noted(skipAwait=value)) is skips


def test_a_skip_await_that_is_neither_true_nor_false_is_refused() -> None:
    with pytest.raises(SettingsError):
        settings.skips_await(noted(skipAwait="yes"))


def test_custom_timeouts_win_over_the_annotation_which_wins_over_the_default() -> None:
    assert seconds_to_wait(noted(timeoutSeconds="30"), 12.0) == 12.0
    assert seconds_to_wait(noted(timeoutSeconds="30")) == 30.0
    assert seconds_to_wait(noted()) == 600.0
    assert seconds_to_wait(noted("PersistentVolumeClaim", "v1")) == 300.0
    assert seconds_to_wait(noted("ConfigMap", "v1")) == 0.0


@pytest.mark.parametrize("text", ["0", "-1", "soon", "inf", "nan"])
def test_a_time_out_that_is_no_time_is_refused(text: Any) -> None:
    with pytest.raises(SettingsError, match="timeoutSeconds"):
        seconds_to_wait(noted(timeoutSeconds=text))


def test_propagation() -> None:
    assert settings.propagation(noted()) == "Foreground"
    assert settings.propagation(noted(deletionPropagationPolicy="background")) == "Background"
    with pytest.raises(SettingsError):
        settings.propagation(noted(deletionPropagationPolicy="later"))
