import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3
from conftest import brought_up
from kubernetes_objects import (
    RESTRICTED,
    Kubectl,
    Object,
    deployment,
    pod,
    pod_spec,
    pulling_namespace,
    until,
)
from registry_client import push_busybox

from rehearsal import process
from rehearsal.cluster import addons
from rehearsal.cluster.addons import gpus, network, volumes
from rehearsal.cluster.addons.api import Api
from rehearsal.paths import Paths
from rehearsal.steps import Steps

pytestmark = pytest.mark.rehearsal


@pytest.fixture(scope="module")
def running(paths: Paths, steps: Steps) -> None:
    brought_up(paths, steps)


@pytest.fixture(scope="module")
def image(paths: Paths, running: None, tmp_path_factory: pytest.TempPathFactory) -> str:
    return push_busybox(paths, tmp_path_factory.mktemp("busybox"))


@pytest.fixture(scope="module")
def kubectl(paths: Paths, image: str) -> Iterator[Kubectl]:
    """kubectl in a namespace of its own, restricted, whose pods may pull from the registry."""
    with pulling_namespace(paths, "test-addons") as made:
        yield made


@pytest.fixture(scope="module")
def shell(kubectl: Kubectl, image: str) -> str:
    """A pod to run commands in."""
    kubectl.create(pod("shell", pod_spec(image, "sleep", "3600")))
    kubectl("wait", "--for=condition=Ready", "pod/shell", "--timeout=90s")
    return "shell"


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("kubernetes.default.svc.cluster.local", "10.213.128.1"),
        ("kube-dns.kube-system.svc.cluster.local", "10.213.128.10"),
    ],
)
def test_names_of_services_resolve_in_a_pod(kubectl: Kubectl, shell: str, name: str, answer: str) -> None:
    assert f"Address: {answer}" in kubectl("exec", shell, "--", "nslookup", name)


def test_a_pod_reaches_a_service_by_its_short_name(kubectl: Kubectl, shell: str) -> None:
    # The API server answers plain HTTP with a complaint, which is answer enough.
    command = "wget -qO- http://kubernetes.default:443/ 2>&1 || true"
    assert "400 Bad Request" in kubectl("exec", shell, "--", "sh", "-c", command)


def test_the_autoscaler_acts_on_what_pods_use(kubectl: Kubectl, image: str) -> None:
    busy = pod_spec(
        image, "sh", "-c", "while :; do :; done",
        container={"resources": {"requests": {"cpu": "20m"}, "limits": {"cpu": "60m"}}},
    )  # fmt: skip
    scaler: Object = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "busy"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "busy"},
            "minReplicas": 1,
            "maxReplicas": 2,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
                }
            ],
        },
    }
    kubectl.create(deployment("busy", busy), scaler)

    def grown() -> bool:
        return bool(kubectl.get("deployment", "busy")["spec"]["replicas"] == 2)

    until("a second replica of a busy deployment", grown, seconds=120)
    figures = json.loads(kubectl("get", "--raw", "/apis/metrics.k8s.io/v1beta1/nodes"))
    assert [item["metadata"]["name"] for item in figures["items"]] == ["berth"]
    kubectl("delete", "deployment,hpa", "busy")


def claim(name: str, mode: str = "ReadWriteOnce") -> Object:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {"accessModes": [mode], "resources": {"requests": {"storage": "64Mi"}}},
    }


def writer(image: str, name: str, command: str) -> Object:
    return pod(
        name,
        pod_spec(
            image, "sh", "-c", command,
            container={"volumeMounts": [{"name": "data", "mountPath": "/data"}]},
            volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": name}}],
            restartPolicy="Never",
        ),
    )  # fmt: skip


def test_a_volume_is_made_written_without_root_and_removed(
    paths: Paths, kubectl: Kubectl, image: str
) -> None:
    kubectl.create(claim("kept"), writer(image, "kept", "id -u > /data/who && cat /data/who"))
    kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/kept", "--timeout=90s")
    bound = kubectl.get("pvc", "kept")
    assert bound["status"]["phase"] == "Bound"
    assert bound["spec"]["storageClassName"] == volumes.STORAGE_CLASS
    volume = bound["spec"]["volumeName"]
    directory = volumes.directory(paths) / volume
    assert (directory / "who").read_text() == "65532\n"
    kubectl("delete", "pod/kept", "pvc/kept", "--timeout=60s")
    until("the volume's removal", lambda: not kubectl.exists("pv", volume), seconds=60)
    assert not directory.exists()


def test_a_volume_for_many_nodes_is_refused_with_a_reason(kubectl: Kubectl, image: str) -> None:
    kubectl.create(claim("shared", "ReadWriteMany"), writer(image, "shared", "true"))

    def reason() -> bool:
        return "ReadWriteMany is not offered" in kubectl("get", "events", "-o", "json")

    until("an event that names the reason", reason, seconds=60)
    kubectl("delete", "pod/shared", "pvc/shared")


def answers(url: str) -> bool:
    try:
        return urllib3.request("GET", url, timeout=2.0, retries=False).status == 200
    except urllib3.exceptions.HTTPError:
        return False


def test_a_load_balancer_answers_from_here_and_keeps_its_address(
    paths: Paths, kubectl: Kubectl, image: str
) -> None:
    serving = pod_spec(
        image, "sh", "-c", "echo hello > /tmp/index.html && httpd -f -p 8080 -h /tmp",
        container={
            "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - a path in the pod
            "securityContext": RESTRICTED,
        },
        volumes=[{"name": "tmp", "emptyDir": {}}],
    )  # fmt: skip
    service: Object = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {
            "type": "LoadBalancer",
            "selector": {"app": "web"},
            "ports": [{"port": 80, "targetPort": 8080}],
        },
    }
    kubectl.create(deployment("web", serving), service)

    def address() -> str:
        ingress = kubectl.get("service", "web")["status"]["loadBalancer"].get("ingress", [])
        return str(ingress[0]["ip"]) if ingress else ""

    given = until("an address", address, seconds=20)
    until("an answer from this machine", lambda: answers(f"http://{given}/"), seconds=60)
    assert "hello" in kubectl("exec", "shell", "--", "wget", "-qO-", f"http://{given}/"), "pods reach it too"

    process.stop(paths, network.NAME)
    network.release_all()
    addons.ensure_running(paths, Steps(paths.logs), gpus=present_gpus(paths))
    assert address() == given
    until("the address to be back", lambda: answers(f"http://{given}/"), seconds=20)

    kubectl("delete", "service", "web")
    until("the address to be released", lambda: not on_this_machine(given), seconds=20)
    kubectl("delete", "deployment", "web")


def on_this_machine(address: str) -> bool:
    shown = subprocess.run(["ip", "-o", "address"], capture_output=True, text=True, check=True).stdout
    return f" {address}/" in shown


def present_gpus(paths: Paths) -> int:
    node = Api(paths, addons.ADMINISTRATOR).call("GET", "/api/v1/nodes/berth")
    return int(node["status"]["capacity"].get(gpus.RESOURCE, "0"))


def test_network_policies_are_enforced(kubectl: Kubectl, image: str) -> None:
    labels = {"app": "guarded"}
    serve = "echo in > /tmp/index.html && httpd -f -p 8080 -h /tmp"
    volume = {"name": "tmp", "emptyDir": {}}
    mount = {"volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}]}  # noqa: S108 - a path in the pod
    guarded = pod("guarded", pod_spec(image, "sh", "-c", serve, container=mount, volumes=[volume]))
    kubectl.create(guarded, *(pod(name, pod_spec(image, "sleep", "600")) for name in ("friend", "stranger")))
    kubectl("wait", "--for=condition=Ready", "pod/guarded", "pod/friend", "pod/stranger", "--timeout=60s")
    target = kubectl.get("pod", "guarded")["status"]["podIP"]

    def reaches(name: str, address: str = target) -> bool:
        fetch = ("timeout", "2", "wget", "-qO-", f"http://{address}:8080/")
        return "in" in kubectl("exec", name, "--", *fetch, check=False)

    until("an answer without policies", lambda: reaches("stranger"), seconds=20)
    friends = {"from": [{"podSelector": {"matchLabels": {"app": "friend"}}}], "ports": [{"port": 8080}]}
    kubectl.create(policy("guard", labels, ingress=[friends]))
    until("the stranger to be shut out", lambda: not reaches("stranger"), seconds=20)
    assert reaches("friend")

    kubectl.create(policy("alone", {"app": "friend"}, egress=[]))
    until("the friend to be shut in", lambda: not reaches("friend"), seconds=20)
    resolve = ("exec", "friend", "--", "nslookup", "kubernetes.default.svc.cluster.local")
    assert "10.213.128.1" not in kubectl(*resolve, check=False), "nor may it ask for names"
    system = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}
    asking = {"to": [system], "ports": [{"protocol": "UDP", "port": 53}]}
    kubectl.create(policy("names", {"app": "friend"}, egress=[asking]))
    until("names", lambda: "10.213.128.1" in kubectl(*resolve, check=False), seconds=20)

    kubectl("delete", "networkpolicy", "--all")
    until("the stranger to be let in again", lambda: reaches("stranger"), seconds=20)
    kubectl("delete", "pod", "guarded", "friend", "stranger")


def policy(name: str, labels: dict[str, str], **rules: list[Object]) -> Object:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name},
        "spec": {
            "podSelector": {"matchLabels": labels},
            "policyTypes": [direction.capitalize() for direction in rules],
            **rules,
        },
    }


def test_simulated_gpus_are_counted_by_the_scheduler(paths: Paths, kubectl: Kubectl, image: str) -> None:
    api = Api(paths, addons.ADMINISTRATOR)
    before = present_gpus(paths)
    gpus.ensure(api, 1)
    try:
        asking = {"resources": {"limits": {gpus.RESOURCE: "1"}}}
        selector = {"nvidia.com/gpu.present": "true"}
        for name in ("first", "second"):
            spec = pod_spec(image, "sleep", "600", container=asking, nodeSelector=selector)
            kubectl.create(pod(name, spec))
            if name == "first":
                kubectl("wait", "--for=condition=Ready", "pod/first", "--timeout=60s")

        def refused() -> bool:
            return "Insufficient nvidia.com/gpu" in json.dumps(kubectl.get("pod", "second")["status"])

        until("the second pod to be held back", refused, seconds=30)
    finally:
        kubectl("delete", "pod", "first", "second", "--ignore-not-found")
        gpus.ensure(api, before)


def test_every_addon_runs_under_an_identity_of_its_own(paths: Paths, kubectl: Kubectl) -> None:
    for name in ("dns", "metrics", "volumes", "network"):
        kubeconfig = paths.state / "addons" / f"{name}.kubeconfig"
        assert Path(kubeconfig).is_file()
        seen = kubectl("auth", "whoami", "-o", "json", f"--kubeconfig={kubeconfig}")
        assert json.loads(seen)["status"]["userInfo"]["username"] == f"berth:{name}"
        for verb, what in (("get", "secrets"), ("create", "pods"), ("delete", "namespaces")):
            asked = kubectl("auth", "can-i", verb, what, "-A", f"--kubeconfig={kubeconfig}", check=False)
            assert asked.strip() == "no", f"{name} may {verb} {what}"
