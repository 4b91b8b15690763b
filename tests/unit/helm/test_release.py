"""Helm releases: inputs, merging of values, what becomes of a release that fails. Helm is scripted."""

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rehearsal.errors import BerthError
from rehearsal.providers.kubernetes.apierrors import ApiError, KubeconfigError
from rehearsal.providers.kubernetes.helm import chart, inputs, program
from rehearsal.providers.kubernetes.helm.program import HelmError
from rehearsal.providers.kubernetes.helm.release import Release
from rehearsal.providers.plugin.model import Call, PartialFailureError, State
from rehearsal.providers.plugin.values import UNKNOWN, Secret

CHART = str(Path(__file__).parents[2] / "data" / "chart")


class Client:
    """As much of a client as releases need."""

    namespace = "here"

    class access:  # noqa: N801 - an attribute of the real one
        @staticmethod
        def to_kubeconfig() -> dict[str, Any]:
            return {"kind": "Config"}

    def get(self, path: str) -> Any:
        return {"gitVersion": "v1.36.1", "groups": [{"versions": [{"groupVersion": "apps/v1"}]}]}

    def resource(self, api_version: str, kind: str) -> Any:
        return type("R", (), {"namespaced": kind != "ClusterRole"})

    def get_object(self, obj: Any) -> Any:
        raise ApiError(404, "NotFound", "gone")


@pytest.fixture
def helm(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[dict[str, Any]]]:
    """Script the answers of Helm by action; returns the list of requests that were made."""

    def script(**answers: Any) -> list[dict[str, Any]]:
        asked: list[dict[str, Any]] = []

        def call(request: dict[str, Any], **_: Any) -> dict[str, Any]:
            asked.append(request)
            answer = answers[request["action"]]
            if isinstance(answer, Exception):
                raise answer
            return {"release": answer}

        monkeypatch.setattr(program, "call", call)
        return asked

    return script


def deployed(revision: int = 1, status: str = "deployed", **more: Any) -> dict[str, Any]:
    page = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "page"}}
    return {
        "name": "r",
        "namespace": "here",
        "revision": revision,
        "status": status,
        "objects": [page],
        **more,
    }


@pytest.fixture
def release() -> Release:
    return Release(Client)  # type: ignore[arg-type]


def call(**more: Any) -> Call:
    return Call(urn="urn:x", type="kubernetes:helm.sh/v3:Release", name="web", **more)


def checked(release: Release, olds: dict[str, Any] | None = None, **news: Any) -> dict[str, Any]:
    found = release.check(call(), olds or {}, {"chart": CHART, **news}, seed=b"seed", autonaming=None)
    assert found.failures == []
    return found.inputs


def test_a_name_a_namespace_a_time_out_and_the_charts_content_are_filled_in(release: Release) -> None:
    done = checked(release)
    assert done["name"].startswith("web-")
    assert len(done["name"]) == len("web-") + 8
    assert (done["namespace"], done["timeout"], done["version"]) == ("here", 300, "1.2.3")
    assert len(done["checksum"]) == 64


def test_an_automatic_name_is_kept(release: Release) -> None:
    first = checked(release)
    again = release.check(call(), first, {"chart": CHART}, seed=b"another", autonaming=None).inputs
    assert again["name"] == first["name"]


@pytest.mark.parametrize(
    ("wrong", "path", "said"),
    [
        ({"valuez": {}}, "valuez", "no such property"),
        ({"timeout": "5m"}, "timeout", "whole number"),
        ({"atomic": "yes"}, "atomic", "true or false"),
        ({"name": "No_Name"}, "name", "no release name"),
        ({"name": "n" * 54}, "name", "at most 53"),
        ({"chart": "./nowhere"}, "chart", "there is no chart at"),
        ({"chart": str(Path(__file__).parent)}, "chart", "no Chart.yaml"),
        ({"chart": None}, "chart", "required"),
        ({"repositoryOpts": {"url": "x"}}, "repositoryOpts.url", "unknown"),
        ({"postrender": "x"}, "postrender", "not covered"),
    ],
)
def test_wrong_inputs_are_refused(release: Release, wrong: dict[str, Any], path: str, said: str) -> None:
    found = release.check(call(), {}, {"chart": CHART, **wrong}, seed=b"", autonaming=None).failures
    assert [failure.path for failure in found] == [path]
    assert said in found[0].reason


def test_unknown_and_secret_values_are_accepted(release: Release) -> None:
    checked(release, values=UNKNOWN)
    checked(release, values={"a": Secret("b")}, namespace=UNKNOWN)


def test_another_name_or_namespace_replaces_other_changes_update(release: Release) -> None:
    before = checked(release, name="r", values={"a": 1})
    after = {**before, "values": {"a": 2}, "namespace": "there"}
    changes = release.diff(call(), State("here/r", before, {}), after, ignored=[]).changes
    assert {path: change.kind for path, change in changes.items()} == {
        "values.a": "UPDATE",
        "namespace": "UPDATE_REPLACE",
    }


def test_an_edited_chart_is_an_update(release: Release, tmp_path: Path) -> None:
    (tmp_path / "Chart.yaml").write_text("name: x\nversion: 1.0.0\n")
    before = checked(release, chart=str(tmp_path), name="r")
    (tmp_path / "new.yaml").write_text("")
    after = checked(release, chart=str(tmp_path), name="r")
    assert list(release.diff(call(), State("here/r", before, {}), after, ignored=[]).changes) == ["checksum"]


def test_values_are_merged_over_files_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("a: {k: 1, m: 1}\nlist: [1, 2]\n")
    given = {
        "valueYamlFiles": [{"path": str(tmp_path / "one.yaml")}, {"text": "a: {m: 2, z: 2}\nlist: [3]"}],
        "values": {"a": {"z": Secret(3), "gone": None}},
    }
    assert chart.merged_values(given) == {"a": {"k": 1, "m": 2, "z": 3}, "list": [3]}
    given["allowNullValues"] = True
    assert chart.merged_values(given)["a"]["gone"] is None


@pytest.mark.parametrize(
    "asset", [{"path": "/nowhere.yaml"}, {"uri": "https://example.com/v.yaml"}, {"text": "[1]"}]
)
def test_files_of_values_that_cannot_be_read_are_refused(asset: dict[str, str]) -> None:
    with pytest.raises(BerthError):
        chart.merged_values({"valueYamlFiles": [asset]})


def test_the_request_says_what_the_inputs_say(release: Release) -> None:
    asked = inputs.request(
        checked(release, name="r", skipAwait=True, createNamespace=True, values={"a": Secret(1)})
    )
    assert (asked["wait"], asked["createNamespace"], asked["values"], asked["chart"]) == (
        False,
        True,
        {"a": 1},
        CHART,
    )
    assert inputs.request(checked(release, name="r", skipAwait=True, atomic=True))["wait"], (
        "atomic has to wait"
    )


def test_names_of_objects_are_grouped_by_kind(release: Release) -> None:
    objects = [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "namespace": "other"}},
        {"apiVersion": "rbac/v1", "kind": "ClusterRole", "metadata": {"name": "c"}},
    ]
    assert release._names(objects, "here") == {
        "ClusterRole.rbac/rbac/v1": ["c"],
        "Deployment.apps/apps/v1": ["here/d"],
        "Service/v1": ["other/s"],
    }


def test_a_release_is_installed_upgraded_and_read(release: Release, helm: Any) -> None:
    asked = helm(install=deployed(), upgrade=deployed(2), status=deployed(2))
    state = release.create(call(timeout=12.0), checked(release, name="r"))
    assert state.id == "here/r"
    assert state.outputs["status"]["status"] == "deployed"
    assert state.outputs["resourceNames"] == {"ConfigMap/v1": ["here/page"]}
    assert asked[0]["timeoutSeconds"] == 12
    updated = release.update(call(), state, checked(release, name="r", values={"a": 1}), ignored=[])
    assert updated.outputs["status"]["revision"] == 2
    assert asked[1]["resetValues"], "values that the program removed must not linger"
    assert release.read(call(), updated) == updated


def test_values_that_somebody_else_set_show_in_a_refresh(release: Release, helm: Any) -> None:
    helm(install=deployed(values={"a": 1}), status=deployed(2, values={"a": 2}))
    state = release.create(call(), checked(release, name="r", values={"a": Secret(1)}))
    seen = release.read(call(), state)
    assert seen is not None
    assert seen.inputs["values"] == Secret({"a": 2})


def test_a_release_that_is_gone_is_gone(release: Release, helm: Any) -> None:
    helm(status=HelmError("release: not found", "not-found"))
    assert release.read(call(), State("here/r", {"chart": CHART}, {})) is None
    with pytest.raises(BerthError, match="no id of a Release"):
        release.read(call(), State("r", {}, {}))


def test_an_import_takes_its_inputs_from_the_release(release: Release, helm: Any) -> None:
    helm(status=deployed(chart="greeter", version="1.2.3", values={"a": 1}))
    state = release.read(call(), State("here/r", {}, {}))
    assert state is not None
    assert (state.inputs["chart"], state.inputs["values"]) == ("greeter", {"a": 1})


def test_a_release_that_does_not_become_ready_stays_with_the_reasons(release: Release, helm: Any) -> None:
    helm(install=HelmError("context deadline exceeded", release=deployed(status="failed")))
    with pytest.raises(PartialFailureError) as caught:
        release.create(call(), checked(release, name="r", timeout=7))
    assert caught.value.state.id == "here/r"
    assert caught.value.reasons == ["its objects were not ready within 7 s (context deadline exceeded)"]


def test_a_chart_that_helm_refuses_leaves_nothing(release: Release, helm: Any) -> None:
    helm(install=HelmError("cannot re-use a name that is still in use"))
    with pytest.raises(BerthError, match="Helm could not install here/r: cannot re-use"):
        release.create(call(), checked(release, name="r"))


def test_an_atomic_release_that_fails_is_removed_or_returned(release: Release, helm: Any) -> None:
    failed = HelmError("context deadline exceeded", release=deployed(status="failed"))
    asked = helm(install=failed, upgrade=failed, uninstall=None, rollback=deployed())
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(BerthError, match="it was removed, as `atomic` asks"):
        release.create(call(cancelled=cancelled), checked(release, name="r", atomic=True))
    old = State("here/r", {}, {"status": {"revision": 2, "status": "deployed"}})
    with pytest.raises(BerthError, match="it was returned to its previous revision"):
        release.update(call(), old, checked(release, name="r", atomic=True), ignored=[])
    assert [one["action"] for one in asked] == ["install", "uninstall", "upgrade", "rollback"]


def test_a_first_revision_that_failed_is_installed_anew(release: Release, helm: Any) -> None:
    asked = helm(install=deployed(), uninstall=None)
    old = State("here/r", {}, {"status": {"revision": 1, "status": "failed"}})
    release.update(call(), old, checked(release, name="r"), ignored=[])
    assert [one["action"] for one in asked] == ["uninstall", "install"]


def test_a_preview_renders_the_chart_and_touches_no_cluster(
    release: Release, helm: Any, monkeypatch: Any
) -> None:
    asked = helm(template=None)
    monkeypatch.setattr(
        program, "call", lambda request, **_: asked.append(request) or {"objects": deployed()["objects"]}
    )
    state = release.create(call(preview=True), checked(release, name="r"))
    assert state.outputs["status"] is UNKNOWN
    assert state.outputs["resourceNames"] == {"ConfigMap/v1": ["here/page"]}
    assert "kubeconfig" not in asked[0]
    release.create(call(preview=True), checked(release, name="r", values={"a": UNKNOWN}))
    assert len(asked) == 1, "a chart whose values are not known yet is not rendered"


def test_deletion_waits_as_the_release_does(release: Release, helm: Any) -> None:
    asked = helm(uninstall=None)
    release.delete(call(timeout=5.0), State("here/r", {"skipAwait": True}, {}))
    assert (asked[0]["wait"], asked[0]["timeoutSeconds"]) == (False, 5)


def test_the_program_reports_what_it_cannot_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = tmp_path / "berth-helm"
    fake.write_text(
        "#!/bin/sh\ncat >/dev/null\necho progress >&2\n"
        'echo \'{"error": "no", "kind": "not-found"}\'\nexit 1\n'
    )
    fake.chmod(0o755)
    monkeypatch.setattr(program, "_executable", lambda: fake)
    monkeypatch.setattr(program, "ready", lambda: True)
    said: list[str] = []
    with pytest.raises(HelmError, match="no") as caught:
        program.call({}, say=said.append)
    assert (caught.value.kind, said) == ("not-found", ["progress"])
    fake.write_text("#!/bin/sh\ncat >/dev/null\necho broken >&2\nexit 3\n")
    with pytest.raises(HelmError, match=r"(?s)status 3 and no answer.*broken"):
        program.call({})


def test_cancelling_ends_helm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = tmp_path / "berth-helm"
    fake.write_text("#!/bin/sh\ncat >/dev/null\ntrap 'exit 1' TERM\nsleep 60 &\nwait\n")
    fake.chmod(0o755)
    monkeypatch.setattr(program, "_executable", lambda: fake)
    monkeypatch.setattr(program, "ready", lambda: True)
    cancelled = threading.Event()
    threading.Timer(0.2, cancelled.set).start()
    with pytest.raises(HelmError) as caught:
        program.call({}, cancelled=cancelled)
    assert caught.value.kind == "cancelled"


def test_the_checksum_is_over_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "Chart.yaml").write_text("x")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "noise").write_text("y")
    assert chart.checksum(tmp_path) == hashlib.sha256(b"Chart.yaml\0x").hexdigest()


def test_charts_see_the_clusters_version_or_a_recent_one(helm: Any, monkeypatch: Any) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(program, "call", lambda request, **_: asked.append(request) or {})

    def nothing_known() -> Any:
        raise KubeconfigError("no cluster yet")

    for client in (Client, nothing_known):
        release = Release(client)  # type: ignore[arg-type]
        release.create(call(preview=True), checked(release, name="r"))
    assert (asked[0]["kubeVersion"], asked[0]["apiVersions"]) == ("v1.36.1", ["v1", "apps/v1"])
    assert (asked[1]["kubeVersion"], asked[1]["namespace"]) == ("v1.36.0", "default")
