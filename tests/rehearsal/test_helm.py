"""Manifests and charts by the real engine: components, rendered charts, releases and their troubles."""

import shutil
import signal
import time
from pathlib import Path

import pytest
from trial_project import Trial

from rehearsal.paths import CHECKOUT

pytestmark = pytest.mark.rehearsal

CHART = CHECKOUT / "tests" / "data" / "chart"
FIRST = """
apiVersion: example.com/v1
kind: Gadget
metadata: {name: late, namespace: trial-manifest}
spec: {size: 3}
---
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: ConfigMap
  metadata:
    name: second
    namespace: trial-manifest
    annotations: {config.kubernetes.io/depends-on: /namespaces/trial-manifest/ConfigMap/first}
  data: {when: 2001-12-14, time: '22:22'}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: first, namespace: trial-manifest}}
"""
SECOND = """
apiVersion: v1
kind: Namespace
metadata: {name: trial-manifest}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: gadgets, singular: gadget, kind: Gadget}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties: {spec: {type: object, properties: {size: {type: integer}}}}
"""
GROUP = """
from pulumi_kubernetes.yaml.v2 import ConfigGroup
group = ConfigGroup("group", files=["manifests/*.yaml"], opts=pulumi.ResourceOptions(depends_on=[ns]))
pulumi.export("count", group.resources.apply(len))
"""


def release(options: str, chart: Path = CHART) -> str:
    return f"""
from pulumi_kubernetes.helm.v3 import Release
made = Release("web", chart="{chart}", name="web", namespace="trial", {options},
               opts=pulumi.ResourceOptions(depends_on=[ns]))
pulumi.export("status", made.status)
pulumi.export("names", made.resource_names)
"""


def test_a_manifest_in_any_order_is_created_in_the_right_one(trial: Trial) -> None:
    (trial.folder / "manifests").mkdir()
    (trial.folder / "manifests" / "a.yaml").write_text(FIRST)
    (trial.folder / "manifests" / "b.yaml").write_text(SECOND)
    trial.program(GROUP)
    trial.pulumi("preview")
    trial.up()
    assert trial.pulumi("stack", "output", "count").strip() == "5"
    shown = trial.run("kubectl", "-n", "trial-manifest", "get", "cm,gadget", "-o", "name")
    assert {"configmap/first", "configmap/second", "gadget.example.com/late"} <= set(shown.split())
    assert trial.state("group:trial-manifest/late")["parent"].endswith("::group")
    trial.pulumi("preview", "--expect-no-changes")
    trial.program()
    trial.up()
    left = trial.run("kubectl", "get", "ns,crd", "-o", "name")
    assert "trial-manifest" not in left
    assert "gadgets.example.com" not in left


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (GROUP.replace("*.yaml", "missing.yaml"), "missing.yaml cannot be read"),
        (
            "import pulumi_kubernetes.kustomize as kz\nkz.Directory('d', directory='.')",
            "does not cover kustomize",
        ),
    ],
)
def test_a_manifest_that_cannot_be_had_is_refused(trial: Trial, program: str, said: str) -> None:
    trial.program(program)
    assert said in trial.pulumi("preview", fails=True)


def test_the_older_classes_render_on_the_programs_side(trial: Trial) -> None:
    (trial.folder / "map.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: old, namespace: trial}\n"
    )
    trial.program(
        f"""
from pulumi_kubernetes.yaml import ConfigFile
from pulumi_kubernetes.helm.v3 import Chart, LocalChartOpts
from pulumi_kubernetes.helm.v4 import Chart as Chart4
here = pulumi.ResourceOptions(depends_on=[ns])
ConfigFile("old", file="map.yaml", opts=here)
Chart("third", LocalChartOpts(path="{CHART}", namespace="trial"), here)
Chart4("fourth", chart="{CHART}", namespace="trial", values={{"greeting": "hi"}}, opts=here)
"""
    )
    trial.up()
    assert trial.object("configmap", "old")
    server = trial.run("kubectl", "version", "-o", "json")
    version = trial.object("configmap", "fourth-page")["data"]["kubernetes"]
    assert version in server, "templates see the cluster's version"
    hooks = trial.run("kubectl", "-n", "trial", "get", "cm", "-o", "name")
    assert "third-before" in hooks, "v3 renders hooks as objects"
    assert "fourth-before" not in hooks, "v4 leaves them out"
    assert "third-test" not in hooks
    trial.pulumi("preview", "--expect-no-changes")


def test_a_release_is_installed_updated_refreshed_and_removed(trial: Trial, tmp_path: Path) -> None:
    chart = tmp_path / "copy"
    shutil.copytree(CHART, chart)
    program = release('values={"greeting": pulumi.Output.secret("hush")}', chart)
    trial.program(program)
    trial.up()
    assert trial.object("configmap", "web-page")["data"]["greeting"] == "hush"
    assert "hush" not in trial.pulumi("stack", "export"), "a secret value stays secret in state"
    assert '"trial/web-page"' in trial.pulumi("stack", "output", "names")
    trial.pulumi("preview", "--expect-no-changes")
    assert "unchanged" in trial.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    (chart / "templates" / "more.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: more}\n"
    )
    assert "checksum" in trial.pulumi("preview", "--diff"), "an edited chart is an update"
    trial.program(program.replace("hush", "aloud"))
    trial.up()
    assert trial.object("configmap", "web-page")["data"]["greeting"] == "aloud"
    assert trial.object("configmap", "more")
    assert '"revision":2' in trial.pulumi("stack", "output", "status", "--json").replace(" ", "")
    trial.program()
    trial.up()
    assert "web" not in trial.run("kubectl", "-n", "trial", "get", "cm,secret,deploy", "-o", "name")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ('values={"replicas": "many"}', "got string, want integer"),
        ('skip_crds="yes"', "skipCrds: expected true or false"),
        ("version=3", "version: expected a string"),
    ],
)
def test_a_mistake_in_a_release_is_refused_in_the_preview(trial: Trial, options: str, said: str) -> None:
    trial.program(release(options))
    assert said in trial.pulumi("preview", fails=True)


def test_a_release_that_does_not_start_says_why_and_can_be_mended(trial: Trial) -> None:
    broken = 'values={"replicas": 1, "image": "none.invalid/none:1"}, timeout=12'
    trial.program(release(broken))
    text = trial.pulumi("up", "--yes", "--skip-preview", fails=True)
    assert "its objects were not ready within 12 s" in text
    assert "none.invalid/none:1" in text
    assert "ErrImagePull" in text or "ImagePullBackOff" in text
    trial.program(release('values={"replicas": 0}'))
    trial.up()
    trial.pulumi("preview", "--expect-no-changes")


def test_an_atomic_release_that_fails_leaves_nothing(trial: Trial) -> None:
    trial.program(release('values={"replicas": 1, "image": "none.invalid/none:1"}, timeout=10, atomic=True'))
    text = trial.pulumi("up", "--yes", "--skip-preview", fails=True)
    assert "it was removed, as `atomic` asks" in text
    assert "none.invalid/none:1" in text, "the reasons were gathered before it was removed"
    assert "web" not in trial.run("kubectl", "-n", "trial", "get", "cm,secret,deploy", "-o", "name")


def test_an_interrupted_release_ends_soon(trial: Trial) -> None:
    trial.program(release('values={"replicas": 1, "image": "none.invalid/none:1"}'))
    running = trial.start(
        "pulumi", "-C", str(trial.folder), "--non-interactive", "up", "--yes", "--skip-preview"
    )
    assert running.stdout
    for line in running.stdout:
        if "expected pods are ready" in line:
            break
    began = time.monotonic()
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=60)
    assert running.returncode != 0
    assert time.monotonic() - began < 15
