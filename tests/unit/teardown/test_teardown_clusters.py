"""What a stack has in Kubernetes: drained where the cluster answers, forgotten where it is gone."""

import json
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
import scripted_engine
from moto import mock_aws
from scripted_engine import ScriptedEngine, resource, urn
from teardown_fakes import Cloud, Listener

from rehearsal.errors import BerthError
from scripts.berth.teardown import clusters, down, drain
from scripts.berth.teardown.down import Ask

ENV = "aws-vm"
EKS, NAMESPACE = "aws:eks/cluster:Cluster", "kubernetes:core/v1:Namespace"
SERVICE, RELEASE = "kubernetes:core/v1:Service", "kubernetes:helm.sh/v3:Release"
PROVIDER = "pulumi:providers:kubernetes"
KUBECTL = f"""\
#!{sys.executable} -S
import json, os, sys
from pathlib import Path

folder = Path(os.environ["SCRIPTED"])
words = [word for word in sys.argv[1:] if not word.startswith("--request-timeout")]
if "--kubeconfig" in words:
    at = words.index("--kubeconfig")
    (folder / "kubeconfig").write_text(Path(words[at + 1]).read_text())
    del words[at:at + 2]
if "--context" in words:
    at = words.index("--context")
    del words[at:at + 2]
with (folder / "kubectl").open("a") as calls:
    calls.write(" ".join(words) + "\\n")
dead = folder / "dead"
if words[:2] == ["config", "view"]:
    print((folder / "server").read_text() if (folder / "server").exists() else "https://10.0.0.1:6443")
    sys.exit()
if dead.exists():
    sys.exit(dead.read_text())
file = folder / "objects.json"
objects = json.loads(file.read_text()) if file.exists() else {{}}
if words[:2] == ["get", "--raw"]:
    print("{{}}")
elif words[0] == "get":
    found = objects.get(words[1], [])
    if "--namespace" in words:
        space = words[words.index("--namespace") + 1]
        found = [one for one in found if one["metadata"]["namespace"] == space]
    print(json.dumps({{"items": found}}))
elif words[0] == "delete":
    kind, name, space = words[1] + ("es" if words[1].endswith("s") else "s"), words[2], words[4]
    objects[kind] = [
        one for one in objects.get(kind, [])
        if (one["metadata"]["namespace"], one["metadata"]["name"]) != (space, name)
        or one["metadata"].get("finalizers")
    ]
    file.write_text(json.dumps(objects))
"""


class Kubernetes:
    """A cluster with objects, which answers until it is told not to."""

    def __init__(self, engine: ScriptedEngine) -> None:
        self.folder = engine.folder

    def put(self, kind: str, namespace: str, name: str, *, stuck: bool = False, **spec: Any) -> None:
        file = self.folder / "objects.json"
        objects = json.loads(file.read_text()) if file.exists() else {}
        metadata = {"namespace": namespace, "name": name, **({"finalizers": ["x"]} if stuck else {})}
        objects.setdefault(kind, []).append({"metadata": metadata, "spec": spec})
        file.write_text(json.dumps(objects))

    def says(self, error: str) -> None:
        (self.folder / "dead").write_text(error)

    def is_at(self, server: str) -> None:
        (self.folder / "server").write_text(server)

    @property
    def deletions(self) -> list[str]:
        file = self.folder / "kubectl"
        lines = file.read_text().splitlines() if file.exists() else []
        return [" ".join(line.split()[1:5]) for line in lines if line.startswith("delete")]


@pytest.fixture
def engine(tmp_path: Path) -> ScriptedEngine:
    program = tmp_path / "bin" / "kubectl"
    program.parent.mkdir()
    program.write_text(KUBECTL)
    program.chmod(0o755)
    return scripted_engine.made(tmp_path, PATH=str(program.parent))


@pytest.fixture
def kubernetes(engine: ScriptedEngine) -> Kubernetes:
    return Kubernetes(engine)


def provider(*needs: str, **inputs: Any) -> dict[str, Any]:
    return resource(PROVIDER, "k8s", id="p1", inputs=inputs, needs=needs)


def inside(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return resource(kind, name, provider=f"{urn(PROVIDER, 'k8s')}::p1", **more)


def run(engine: ScriptedEngine, listener: Listener, **ask: bool) -> down.Outcome:
    done = down.down(engine.place, ENV, Ask(yes=True, quiet=True, **ask), listener.talk())
    assert done is not None
    return done


def only(engine: ScriptedEngine) -> clusters.Cluster:
    (found,) = clusters.of(engine.state(ENV))
    return found


def test_a_kubeconfig_is_read_whatever_it_is_kept_as(engine: ScriptedEngine, kubernetes: Kubernetes) -> None:
    del kubernetes
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
    text = "apiVersion: v1\nkind: Config\n"
    for kept in (text, {**secret, "plaintext": json.dumps(text)}):
        engine.put(ENV, provider(kubeconfig=kept, context="lab"), inside(NAMESPACE, "ns"))
        cluster = only(engine)
        assert (cluster.kubeconfig, cluster.context, cluster.own) == (text, "lab", False)
        assert clusters.silence(engine.place, cluster) == ""
        assert (engine.folder / "kubeconfig").read_text() == text


def test_a_refusal_is_no_silence(engine: ScriptedEngine, kubernetes: Kubernetes) -> None:
    engine.put(ENV, provider(), inside(NAMESPACE, "ns"))
    kubernetes.says("error: You must be logged in to the server (Unauthorized)")
    with pytest.raises(BerthError, match="not to you"):
        clusters.silence(engine.place, only(engine))


def test_a_provider_that_made_nothing_is_no_cluster(engine: ScriptedEngine) -> None:
    engine.put(ENV, provider())
    assert clusters.of(engine.state(ENV)) == []


def test_all_that_an_own_cluster_made_in_the_cloud_is_drained(
    engine: ScriptedEngine, kubernetes: Kubernetes, cloud: Cloud, listener: Listener
) -> None:
    del cloud
    engine.put(ENV, resource(EKS, "eks"), provider(urn(EKS, "eks")), inside(NAMESPACE, "ns", id="serving"))
    kubernetes.put("services", "elsewhere", "public", type="LoadBalancer")
    kubernetes.put("services", "elsewhere", "internal", type="ClusterIP")
    kubernetes.put("ingresses", "serving", "web")
    kubernetes.put("persistentvolumeclaims", "serving", "data")
    claim = {"persistentVolumeClaim": {"claimName": "data"}}
    kubernetes.put("pods", "serving", "trainer", volumes=[claim])
    kubernetes.put("pods", "serving", "other", volumes=[{"emptyDir": {}}])
    done = run(engine, listener)
    assert kubernetes.deletions == [
        "service public --namespace elsewhere",
        "ingress web --namespace serving",
        "persistentvolumeclaim data --namespace serving",
        "pod trainer --namespace serving",
    ]
    assert len(done.drained) == 3
    assert done.status == 0


def test_in_a_cluster_of_others_only_our_namespaces_are_drained(
    engine: ScriptedEngine, kubernetes: Kubernetes, cloud: Cloud, listener: Listener
) -> None:
    del cloud
    predict = inside(SERVICE, "predict", id="serving/predict")
    engine.put(ENV, provider(), inside(NAMESPACE, "ns", id="serving"), predict)
    kubernetes.put("services", "theirs", "public", type="LoadBalancer")
    kubernetes.put("persistentvolumeclaims", "theirs", "data")
    kubernetes.put("services", "serving", "ours", type="LoadBalancer")
    kubernetes.put("services", "serving", "predict", type="LoadBalancer")
    run(engine, listener)
    assert kubernetes.deletions == ["service ours --namespace serving"], (
        "the engine deletes what is in the state"
    )


def test_what_does_not_drain_is_said_after_a_while(
    engine: ScriptedEngine, kubernetes: Kubernetes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain, "LONGEST_SECONDS", -1.0)
    engine.put(ENV, provider(), inside(NAMESPACE, "ns", id="serving"))
    kubernetes.put("services", "serving", "held", stuck=True, type="LoadBalancer")
    done = drain.drain(engine.place, engine.state(ENV), only(engine), lambda _: None)
    assert done.stuck == ["service serving/held"]


def test_nothing_to_drain_is_not_waited_for(engine: ScriptedEngine, kubernetes: Kubernetes) -> None:
    del kubernetes
    engine.put(ENV, provider(), inside(NAMESPACE, "ns", id="serving"))
    waited: list[float] = []
    done = drain.drain(engine.place, engine.state(ENV), only(engine), lambda _: None, pause=waited.append)
    assert (done.deleted, waited) == ([], [])


def test_what_was_in_a_cluster_that_is_gone_is_forgotten(
    engine: ScriptedEngine, kubernetes: Kubernetes, cloud: Cloud, listener: Listener,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    del cloud
    kubernetes.says("Unable to connect to the server: dial tcp: lookup X: no such host")
    kubernetes.is_at("https://ABC.gr7.us-east-1.eks.amazonaws.com")
    for name, value in (("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")):
        monkeypatch.setenv(name, value)
    engine.put(
        ENV,
        provider(),
        inside(NAMESPACE, "ns"),
        inside(RELEASE, "operator", needs=[urn(NAMESPACE, "ns")]),
        resource("aws:route53/record:Record", "name", needs=[urn(RELEASE, "operator")]),
    )
    engine.destroys(ENV, {"keeps": ["name"], "says": "error: UnauthorizedOperation"})
    with mock_aws():
        done = run(engine, listener)
    assert done.forgotten == ["Namespace ns-id", "Release operator-id"]
    left = engine.state(ENV)["deployment"]["resources"]
    assert [one["dependencies"] for one in left] == [[]], "and nothing refers to it any more"
    assert any("does not exist any more" in line for line in listener.said)


def test_a_cluster_that_its_cloud_has_still_is_not_forgotten(
    engine: ScriptedEngine, kubernetes: Kubernetes, cloud: Cloud, listener: Listener,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    del cloud
    kubernetes.says("Unable to connect to the server: net/http: request timed out")
    for name, value in (("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")):
        monkeypatch.setenv(name, value)
    engine.put(ENV, provider(), inside(NAMESPACE, "ns"))
    with mock_aws():
        made = boto3.client("eks", "us-east-1").create_cluster(
            name="theirs", roleArn="arn:aws:iam::123456789012:role/eks", resourcesVpcConfig={}
        )
        endpoint = made["cluster"]["endpoint"]
        monkeypatch.setattr(clusters, "_server", lambda *_: "https://ABC.gr7.us-east-1.eks.amazonaws.com")
        monkeypatch.setattr(clusters, "_eks_at", lambda place, _, region: _EKS_AT(place, endpoint, region))
        with pytest.raises(BerthError, match="exists and does not answer"):
            run(engine, listener)
    assert engine.called("destroy") == []


_EKS_AT = clusters._eks_at


def test_an_own_cluster_goes_with_what_is_in_it(
    engine: ScriptedEngine, kubernetes: Kubernetes, cloud: Cloud, listener: Listener,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    kubernetes.says("The connection to the server was refused")
    monkeypatch.setattr(clusters, "_eks", lambda *_: True)
    engine.put(ENV, resource(EKS, "eks"), provider(urn(EKS, "eks")), inside(NAMESPACE, "ns"))
    done = run(engine, listener)
    assert done.forgotten == ["Namespace ns-id"]
    assert cloud.asked[-1]["clusters"] == {"eks-id"}, "what it left in the cloud is looked for by its name"


def test_a_silent_cluster_that_nobody_knows_is_for_the_user_to_say(
    engine: ScriptedEngine, kubernetes: Kubernetes, cloud: Cloud, listener: Listener
) -> None:
    del cloud
    kubernetes.says("The connection to the server 10.0.0.1:6443 was refused")
    engine.put(ENV, provider(), inside(NAMESPACE, "ns"))
    with pytest.raises(BerthError, match="no cloud can be asked") as refusal:
        run(engine, listener)
    assert "--cluster-gone" in refusal.value.hint
    assert engine.names(ENV) == ["k8s", "ns"], "nothing is forgotten on a guess"
    done = run(engine, listener, cluster_gone=True)
    assert done.forgotten == ["Namespace ns-id"]
    assert done.status == 0


def test_without_kubectl_a_cluster_that_stays_is_left_to_the_engine(
    engine: ScriptedEngine, cloud: Cloud, listener: Listener, tmp_path: Path
) -> None:
    del cloud
    engine.put(ENV, provider(), inside(NAMESPACE, "ns"))
    (tmp_path / "bin" / "kubectl").unlink()
    assert run(engine, listener).status == 0


def test_without_kubectl_an_own_cluster_is_not_taken_down(
    engine: ScriptedEngine, cloud: Cloud, listener: Listener, tmp_path: Path
) -> None:
    """What it made in the cloud would be left."""
    del cloud
    engine.put(ENV, resource(EKS, "eks"), provider(urn(EKS, "eks")), inside(NAMESPACE, "ns"))
    (tmp_path / "bin" / "kubectl").unlink()
    with pytest.raises(BerthError, match="no `kubectl` on PATH"):
        run(engine, listener)
    assert engine.called("destroy") == []
