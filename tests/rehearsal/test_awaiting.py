"""Waits on a real cluster: what becomes ready, and what users are told where something does not."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import brought_up
from kubernetes_objects import Kubectl, Object, deployment, pod, pod_spec, pulling_namespace
from registry_client import push_busybox

from rehearsal.paths import Paths
from rehearsal.providers.kubernetes import kubeconfig
from rehearsal.providers.kubernetes.awaiting import (
    AwaitCancelled,
    AwaitFailed,
    await_deleted,
    await_ready,
    readiness,
)
from rehearsal.providers.kubernetes.client import Client
from rehearsal.steps import Steps

pytestmark = pytest.mark.rehearsal

PATIENCE = 90.0  # seconds, for what should become ready
SHORT = 6.0  # for what cannot


@pytest.fixture(scope="module")
def image(paths: Paths, steps: Steps, tmp_path_factory: pytest.TempPathFactory) -> str:
    brought_up(paths, steps)
    return push_busybox(paths, tmp_path_factory.mktemp("busybox"))


@pytest.fixture(scope="module")
def kubectl(paths: Paths, image: str) -> Iterator[Kubectl]:
    with pulling_namespace(paths, "test-awaiting") as made:
        yield made


@pytest.fixture(scope="module")
def client(paths: Paths) -> Client:
    return Client(kubeconfig.load(str(paths.kubeconfig)))


class Trial:
    """Writes objects as the provider does, and waits for them."""

    def __init__(self, client: Client, namespace: str) -> None:
        self.client = client
        self.namespace = namespace
        self.said: list[str] = []
        self.cancelled = threading.Event()

    def write(self, obj: Object) -> Object:
        meta = {"namespace": self.namespace, **obj["metadata"]}
        return self.client.apply({**obj, "metadata": meta}, field_manager="test", force=True)

    def ready(self, obj: Object, timeout: float = PATIENCE) -> Object:
        live = self.write(obj)
        return await_ready(self.client, live, timeout=timeout, say=self.said.append, cancelled=self.cancelled)

    def fails(self, obj: Object, timeout: float = SHORT) -> str:
        with pytest.raises(AwaitFailed) as caught:
            self.ready(obj, timeout)
        return "\n".join([caught.value.message, *caught.value.reasons])

    def delete(self, obj: Object, timeout: float = PATIENCE) -> None:
        path = self.client.object_path({**obj, "metadata": {"namespace": self.namespace, **obj["metadata"]}})
        live = self.client.get(path)
        self.client.delete(path, propagation="Foreground")
        await_deleted(self.client, live, timeout=timeout, say=self.said.append, cancelled=self.cancelled)


@pytest.fixture
def trial(client: Client, kubectl: Kubectl) -> Trial:
    return Trial(client, kubectl.namespace)


@pytest.fixture
def shell(image: str) -> Callable[..., Object]:
    """The specification of a pod that runs a shell command."""
    return lambda command, **more: pod_spec(image, "sh", "-c", command, **more)


def job(name: str, spec: Object, **more: Any) -> Object:
    template = {"spec": {"restartPolicy": "Never", **spec}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"template": template, "backoffLimit": 0, **more},
    }


def service(name: str, app: str, **more: Any) -> Object:
    spec = {"selector": {"app": app}, "ports": [{"port": 80, "targetPort": 8080}], **more}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


SLEEP = "sleep 3600"
SERVE = "httpd -f -p 8080 -h /"


def test_a_deployment_becomes_ready_rolls_and_goes(trial: Trial, shell: Callable[..., Object]) -> None:
    live = trial.ready(deployment("rolls", shell(SLEEP), replicas=2))
    assert live["status"]["availableReplicas"] == 2
    assert "Waiting for rolls ReplicaSet to be available (0/2 Pods available)" in trial.said
    live = trial.ready(deployment("rolls", shell(f"true; {SLEEP}"), replicas=2))
    assert live["status"]["replicas"] == live["status"]["updatedReplicas"] == 2, "no old Pod is left"
    assert readiness(trial.client, live) == []
    trial.delete(live)
    left = trial.client.list("v1", "Pod", trial.namespace, labels="app=rolls")
    assert left == [], "its Pods went before it"


def test_an_image_that_cannot_be_pulled_ends_the_wait_and_is_named(
    trial: Trial, shell: Callable[..., Object]
) -> None:
    spec = shell(SLEEP, container={"image": "10.213.0.1:5000/no/such:image"})
    text = trial.fails(deployment("unpullable", spec), 120.0)
    assert 'Deployment "' in text
    assert "the image 10.213.0.1:5000/no/such:image cannot be pulled" in text
    assert "was not ready within" not in text, "the registry said no; there is nothing to wait for"
    assert 'container "main" is waiting: ' in text
    assert "10.213.0.1:5000/no/such:image" in text
    assert any("ImagePull" in said for said in trial.said), "it is said as soon as it is known"


def test_a_crash_shows_its_exit_code_and_the_last_lines_of_the_log(
    trial: Trial, shell: Callable[..., Object]
) -> None:
    obj = deployment("crashes", shell("echo no data today; exit 3"))
    obj["spec"]["minReadySeconds"] = 5  # without it, and without a probe, running for a moment is available
    text = trial.fails(obj, 12.0)
    assert "exited with code 3 (Error)" in text
    assert 'the last log lines of container "main":\n    no data today' in text


def test_a_pod_that_never_gets_ready_shows_its_probe_and_log(
    trial: Trial, shell: Callable[..., Object]
) -> None:
    probe = {"httpGet": {"path": "/", "port": 9}, "periodSeconds": 1}
    spec = shell(f"echo listening; {SLEEP}", container={"readinessProbe": probe})
    text = trial.fails(deployment("unready", spec), 12.0)
    assert "Unhealthy: Readiness probe failed" in text
    assert 'container "main" is running but not ready' in text
    assert "listening" in text


def test_a_job_starts_and_succeeds(trial: Trial, shell: Callable[..., Object]) -> None:
    live = trial.ready(job("succeeds", shell("sleep 1")))
    assert live["status"]["succeeded"] == 1
    name = f"{trial.namespace}/succeeds"
    assert f'Waiting for Job "{name}" to succeed (Active: 1 | Succeeded: 0 | Failed: 0)' in trial.said


@pytest.mark.parametrize("policy", ["Never", "OnFailure"])
def test_a_job_that_fails_shows_its_log(trial: Trial, shell: Callable[..., Object], policy: str) -> None:
    spec = {
        **shell("echo loading; echo CUDA out of memory; sleep 1; exit 7"),
        "restartPolicy": policy,
        "terminationGracePeriodSeconds": 5,  # OnFailure: the Pod is deleted, and its log with it
    }
    text = trial.fails(job(f"fails-{policy.lower()}", spec), PATIENCE)
    assert "BackoffLimitExceeded" in text
    assert "exited with code 7" in text
    assert "CUDA out of memory" in text


def test_a_pod_that_fits_no_node_says_what_it_lacks(trial: Trial, shell: Callable[..., Object]) -> None:
    asking = {"resources": {"limits": {"nvidia.com/gpu": 1000}}}
    text = trial.fails(pod("homeless", shell(SLEEP, container=asking)))
    assert "Unschedulable: 0/1 nodes are available: 1 Insufficient nvidia.com/gpu" in text


def test_what_pod_security_refuses_is_said_by_every_controller(trial: Trial, image: str) -> None:
    spec = {"containers": [{"name": "main", "image": image}]}
    for obj in (deployment("refused", spec), job("refused", spec)):
        text = trial.fails(obj, 3.0)
        assert 'violates PodSecurity "restricted:latest"' in text
        assert text.count("violates PodSecurity") == 1, "once is enough"


def test_services_wait_for_pods_and_load_balancers_for_an_address(
    trial: Trial, shell: Callable[..., Object]
) -> None:
    text = trial.fails(service("lonely", "nobody"), 2.0)
    assert "[1/3] Finding Pods to direct traffic to" in trial.said
    assert "no Pod has the labels of its selector (app=nobody)" in text
    trial.ready(deployment("answers", shell(SERVE)))
    live = trial.ready(service("answers", "answers", type="LoadBalancer"))
    assert live["status"]["loadBalancer"]["ingress"][0]["ip"]
    trial.ready(service("headless", "nobody", clusterIP="None"), SHORT)


def test_a_claim_is_not_waited_for_where_its_class_binds_late(trial: Trial) -> None:
    def claim(name: str, **more: Any) -> Object:
        spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}, **more}
        return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}

    assert trial.ready(claim("late"), SHORT)["status"]["phase"] == "Pending"
    assert 'there is no StorageClass "fast"' in trial.fails(claim("never", storageClassName="fast"), 1.0)


def test_stateful_sets_and_daemon_sets_become_ready(trial: Trial, shell: Callable[..., Object]) -> None:
    kinds: dict[str, Object] = {
        "StatefulSet": {"replicas": 2, "serviceName": "x"},
        "DaemonSet": {},
    }
    for kind, more in kinds.items():
        obj = deployment(kind.lower(), shell(SLEEP))
        spec = {key: value for key, value in obj["spec"].items() if key != "replicas"}
        live = trial.ready({**obj, "kind": kind, "spec": {**spec, **more}})
        assert readiness(trial.client, live) == []
        assert any(kind in said for said in trial.said)


def test_wait_for_and_skip_await(trial: Trial) -> None:
    def quota(**notes: str) -> Object:
        meta = {"name": "limits", "annotations": {f"pulumi.com/{key}": note for key, note in notes.items()}}
        spec = {"hard": {"count/widgets.example.com": "1"}}
        return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": meta, "spec": spec}

    trial.ready(quota(waitFor="jsonpath={.status.hard}"))
    assert "never" in trial.fails(quota(waitFor="jsonpath={.status.never}", timeoutSeconds="1"), 0.0)
    trial.ready(quota(waitFor="jsonpath={.status.never}", skipAwait="true"))
    assert trial.said[-1] == "Skipping await logic"


def test_a_deletion_that_hangs_names_the_finalizer(trial: Trial) -> None:
    meta = {"name": "held", "finalizers": ["example.com/hold"]}
    obj: Object = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}
    live = trial.write(obj)
    with pytest.raises(AwaitFailed) as caught:
        trial.delete(obj, 1.0)
    assert caught.value.reasons == ["finalizers still to be removed: example.com/hold"]
    trial.client.patch(
        trial.client.object_path(live),
        {"metadata": {"finalizers": None}},
        content_type="application/merge-patch+json",
    )
    await_deleted(trial.client, live, timeout=10, say=trial.said.append, cancelled=trial.cancelled)


def test_cancelling_is_prompt(trial: Trial, shell: Callable[..., Object]) -> None:
    live = trial.write(deployment("endless", shell(SLEEP, nodeSelector={"no": "node"})))
    threading.Timer(1.0, trial.cancelled.set).start()
    began = time.monotonic()
    with pytest.raises(AwaitCancelled):
        await_ready(trial.client, live, timeout=60, say=trial.said.append, cancelled=trial.cancelled)
    assert time.monotonic() - began < 2
