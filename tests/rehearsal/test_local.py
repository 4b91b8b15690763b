"""The main job: `local` is brought up, changed under load, rolled back and destroyed, by the user's commands.

The tests of this file build on one another, in the order in which they stand.
"""

import io
import json
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import boto3
import numpy as np
import pytest
from conftest import BERTH, Run
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput

from rehearsal.paths import CHECKOUT, Paths

pytestmark = pytest.mark.rehearsal

IN_PROCESS = """
import asyncio, json, os, sys
import numpy as np
from workloads.common.options import load_or_exit
from workloads.common.predictor import Predictor
from workloads.serve.loading import Source
from workloads.serve.options import ServeOptions
options = load_or_exit(ServeOptions, "test", [], os.environ, "")
manifest, weights = asyncio.run(Source(options).wait())
images = np.array(json.load(sys.stdin), np.float32)
print(json.dumps(Predictor(manifest, weights).probabilities(images).tolist()))
"""


@pytest.fixture(scope="module", autouse=True)
def up(paths: Paths) -> Iterator[None]:
    """`./scripts/up local`, and its end."""
    done = subprocess.run(
        [BERTH, "rehearse", "up", "local"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    yield
    subprocess.run([BERTH, "rehearse", "down", "local"], cwd=CHECKOUT, capture_output=True, check=True)


@pytest.fixture
def outputs(run: Run) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(run(str(BERTH), "rehearse", "outputs", "local", "--json").stdout)
    return values


@pytest.fixture
def digits(outputs: dict[str, Any], environ: dict[str, str]) -> "tuple[np.ndarray, np.ndarray]":
    """Held-out images and labels, from the bucket."""
    client = boto3.client(
        "s3",
        endpoint_url=outputs["s3_endpoint_url"],
        aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
        region_name=environ["AWS_REGION"],
    )
    key = f"{outputs['training']['run_prefix'].strip('/')}/held-out.npz"
    body = client.get_object(Bucket=outputs["bucket"], Key=key)["Body"].read()
    with np.load(io.BytesIO(body)) as arrays:
        return arrays["images"][:100], arrays["labels"][:100]


def post(url: str, content: object) -> dict[str, Any]:
    request = urllib.request.Request(
        url, data=json.dumps(content).encode(), headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        answer: dict[str, Any] = json.loads(response.read())
        return answer


def test_the_outputs_say_what_was_reached_and_where_it_answers(outputs: dict[str, Any]) -> None:
    assert {"predict_url", "namespace", "bucket", "s3_endpoint_url", "training"} <= outputs.keys()
    assert outputs["training"]["accuracy"] >= 0.97
    assert outputs["training"]["steps"] > 0


def test_verify_passes(run: Run) -> None:
    found = json.loads(run(str(BERTH), "rehearse", "verify", "local", "--json").stdout)
    assert found["passed"], found


def test_a_preview_without_a_change_has_none(run: Run) -> None:
    run("pulumi", "preview", "-s", "local", "--expect-no-changes", "--non-interactive")


def test_a_refresh_finds_no_drift(run: Run) -> None:
    run("pulumi", "refresh", "-s", "local", "--preview-only", "--expect-no-changes", "--non-interactive")


def test_predictions_over_http_are_those_of_the_model_in_process(
    run: Run, outputs: dict[str, Any], environ: dict[str, str], digits: "tuple[np.ndarray, np.ndarray]"
) -> None:
    images, _ = digits
    answer = post(f"{outputs['predict_url']}/v1/models/digits:predict", {"instances": images.tolist()})
    served = np.array([one["probabilities"] for one in answer["predictions"]], np.float32)
    in_pod = subprocess.run(
        ["kubectl", "-n", outputs["namespace"], "exec", "-i", "deploy/digits-inference", "--",
         "python3", "-c", IN_PROCESS],
        input=json.dumps(images.tolist()), env=environ, capture_output=True, text=True,
    )  # fmt: skip
    assert in_pod.returncode == 0, in_pod.stderr
    in_process = np.array(json.loads(in_pod.stdout.splitlines()[-1]), np.float32)
    assert np.array_equal(served, in_process), np.abs(served - in_process).max()


def test_an_unmodified_triton_client_works(
    outputs: dict[str, Any], digits: "tuple[np.ndarray, np.ndarray]"
) -> None:
    images, labels = digits
    client = InferenceServerClient(outputs["predict_url"].removeprefix("http://"))
    assert client.is_server_ready()
    assert client.is_model_ready("digits")
    tensor = InferInput("images", list(images.shape), "FP32")
    tensor.set_data_from_numpy(images.astype(np.float32))
    for binary in (True, False):
        wanted = [InferRequestedOutput("label", binary_data=binary)]
        answer = client.infer("digits", [tensor], outputs=wanted).as_numpy("label")
        assert (answer.ravel() == labels).mean() >= 0.97


def test_pods_are_restricted_and_hold_no_token(run: Run, outputs: dict[str, Any]) -> None:
    pods = json.loads(run("kubectl", "-n", outputs["namespace"], "get", "pods", "-o", "json").stdout)["items"]
    assert pods
    for pod in pods:
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False
        for container in spec["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
    namespace = json.loads(run("kubectl", "get", "ns", outputs["namespace"], "-o", "json").stdout)
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_no_secret_is_in_clear_in_the_state(run: Run, environ: dict[str, str], paths: Paths) -> None:
    state = run("pulumi", "stack", "export", "-s", "local").stdout
    assert environ["AWS_SECRET_ACCESS_KEY"] not in state
    for file in (paths.state / "backend").rglob("*"):
        assert not file.is_file() or environ["AWS_SECRET_ACCESS_KEY"].encode() not in file.read_bytes(), file


def test_the_autoscaler_sees_the_pods_load(run: Run, outputs: dict[str, Any]) -> None:
    run("kubectl", "-n", outputs["namespace"], "wait", "hpa", "--all", "--for=condition=ScalingActive",
        "--timeout=180s")  # fmt: skip


@dataclass
class Load:
    """Clients that ask for predictions, each request on a connection of its own, until told to stop."""

    url: str
    body: bytes
    answered: int = 0
    failures: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._threads = [threading.Thread(target=self._ask) for _ in range(4)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        while not self._stop.wait(0.02):
            request = urllib.request.Request(
                self.url, data=self.body, headers={"Content-Type": "application/json"}
            )
            try:
                with urllib.request.urlopen(request, timeout=30) as response:
                    response.read()
                self.answered += 1
            except (urllib.error.URLError, OSError) as reason:
                self.failures.append(str(reason))


def change(run: Run, key: str, value: str) -> str:
    """`pulumi up` with another value, given on the command line."""
    return run("pulumi", "up", "-s", "local", "--yes", "--skip-preview", "--non-interactive",
               "--config-path", "-c", f"berth:{key}={value}").stdout  # fmt: skip


def pods_of(run: Run, namespace: str) -> set[str]:
    listed = run("kubectl", "-n", namespace, "get", "pods", "-l", "app.kubernetes.io/component=inference",
                 "-o", "name").stdout  # fmt: skip
    return set(listed.split())


def test_an_update_rolls_the_service_without_a_failed_request(
    run: Run, outputs: dict[str, Any], digits: "tuple[np.ndarray, np.ndarray]"
) -> None:
    body = json.dumps({"instances": digits[0][:2].tolist()}).encode()
    before = pods_of(run, outputs["namespace"])
    with Load(f"{outputs['predict_url']}/v1/models/digits:predict", body) as load:
        change(run, "inference.max_batch_size", "16")
        run("kubectl", "-n", outputs["namespace"], "wait", "--for=delete", *before, "--timeout=180s")
    assert not before & pods_of(run, outputs["namespace"]), "the pods were not replaced"
    assert load.answered > 50
    assert load.failures == []


def test_a_bad_update_leaves_the_old_pods_answering_and_the_next_up_rolls_it_back(
    run: Run, outputs: dict[str, Any], digits: "tuple[np.ndarray, np.ndarray]"
) -> None:
    name = f"--namespace={outputs['namespace']}"
    run(
        "kubectl",
        name,
        "set",
        "image",
        "deploy/digits-inference",
        "serve=10.213.0.1:5000/berth/serve:missing",
    )
    answer = post(f"{outputs['predict_url']}/v1/models/digits:predict", {"instances": digits[0][:2].tolist()})
    assert len(answer["predictions"]) == 2
    run("kubectl", name, "rollout", "undo", "deploy/digits-inference")
    run("kubectl", name, "rollout", "status", "deploy/digits-inference", "--timeout=180s")


def test_the_shared_volume_carries_the_model_too(run: Run, outputs: dict[str, Any]) -> None:
    change(run, "model_store", "shared-volume")
    again = json.loads(run("pulumi", "stack", "output", "-s", "local", "--json").stdout)
    assert again["training"]["accuracy"] >= 0.97
    claims = json.loads(run("kubectl", "-n", outputs["namespace"], "get", "pvc", "-o", "json").stdout)[
        "items"
    ]
    assert [claim["status"]["phase"] for claim in claims] == ["Bound"]
    run(
        "kubectl",
        "-n",
        outputs["namespace"],
        "rollout",
        "status",
        "deploy/digits-inference",
        "--timeout=180s",
    )
    with urllib.request.urlopen(f"{again['predict_url']}/v2/models/digits/ready", timeout=30) as response:
        assert response.status == 200


def test_destroy_leaves_nothing(run: Run, outputs: dict[str, Any], environ: dict[str, str]) -> None:
    run("pulumi", "destroy", "-s", "local", "--yes", "--non-interactive")
    state = json.loads(run("pulumi", "stack", "export", "-s", "local").stdout)
    assert not state["deployment"].get("resources") or all(
        resource["type"] == "pulumi:pulumi:Stack" for resource in state["deployment"]["resources"]
    )
    namespaces = run("kubectl", "get", "namespaces", "-o", "name").stdout
    assert outputs["namespace"] not in namespaces
    assert run("kubectl", "get", "persistentvolumes", "-o", "name").stdout == ""
    client = boto3.client(
        "s3",
        endpoint_url=outputs["s3_endpoint_url"],
        aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
        region_name=environ["AWS_REGION"],
    )
    assert [bucket["Name"] for bucket in client.list_buckets()["Buckets"]] == []
    with pytest.raises((urllib.error.URLError, OSError)):
        urllib.request.urlopen(f"{outputs['predict_url']}/readyz", timeout=5)
