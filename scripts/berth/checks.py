"""`berth verify`: checks of a deployed environment over its StackOutputs, as a client would do them.

They ask the service over HTTP and the bucket over S3, and know nothing of how either was made.
"""

import io
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.outputs import Deployed

SAMPLES = 200
BATCH = 50
HTTP_SECONDS = 20.0
# A new address is known a moment before the nodes, or a cloud's load balancer, forward what is sent to it.
SETTLE_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class Check:
    """One line of the result."""

    name: str
    passed: bool
    detail: str


@dataclass(kw_only=True)
class Verification:
    """What was asked and answered. image, label, predicted: one held-out sample, for people to look at."""

    checks: list[Check] = field(default_factory=list)
    image: NDArray[np.uint8] | None = None
    label: int | None = None
    predicted: int | None = None
    confidence: float = 0.0

    @property
    def passed(self) -> bool:
        return bool(self.checks) and all(check.passed for check in self.checks)


@dataclass(frozen=True)
class _Held:
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


class Failed(Exception):
    """A check did not hold; the message says what was found."""


def verify(outputs: Deployed, environ: Mapping[str, str], *, threshold: float, samples: int) -> Verification:
    """Run every check; one that fails does not keep the others from running."""
    found = Verification()
    held: list[_Held] = []

    def check(name: str, action: Callable[[], str]) -> None:
        try:
            detail, passed = action(), True
        except Failed as failure:
            detail, passed = str(failure), False
        found.checks.append(Check(name=name, passed=passed, detail=detail))

    check("service is live", lambda: _answers(outputs.predict_url, "/v2/health/live", within=SETTLE_SECONDS))
    check("service is ready", lambda: _answers(outputs.predict_url, "/v2/health/ready"))
    check("model is ready", lambda: _answers(outputs.predict_url, f"/v2/models/{outputs.model_name}/ready"))
    check("bucket answers and results match", lambda: _results(outputs, environ))
    check("held-out samples are in the bucket", lambda: _load_samples(outputs, environ, samples, held))
    check(f"training accuracy is at least {threshold:.0%}", lambda: _trained(outputs, threshold))
    if held:
        check(
            f"predictions are right for at least {threshold:.0%}, alike in V1 and V2",
            lambda: _predictions(outputs, held[0], threshold, found),
        )
    return found


def _answers(base: str, path: str, *, within: float = 0) -> str:
    until = time.monotonic() + within
    while True:
        try:
            status, _ = _request(base + path)
            break
        except Failed:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
    if status != 200:
        raise Failed(f"GET {base}{path} answered {status}")
    return f"GET {path}: 200"


def _trained(outputs: Deployed, threshold: float) -> str:
    accuracy = outputs.training.accuracy
    if accuracy < threshold:
        raise Failed(f"{accuracy:.2%}")
    return f"{accuracy:.2%} after {outputs.training.steps} steps"


def _bucket(outputs: Deployed, environ: Mapping[str, str], key: str) -> bytes:
    # botocore reads the process's environment; the rehearsal's is not this process's.
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    session = boto3.Session(
        aws_access_key_id=environ.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=environ.get("AWS_SECRET_ACCESS_KEY"),
        aws_session_token=environ.get("AWS_SESSION_TOKEN"),
        region_name=environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1",
    )
    client = session.client(
        "s3",
        endpoint_url=outputs.s3_endpoint_url,
        config=Config(
            s3={"addressing_style": "path"}, connect_timeout=5, read_timeout=20, retries={"max_attempts": 2}
        ),
    )
    try:
        content: bytes = client.get_object(Bucket=outputs.bucket, Key=key)["Body"].read()
    except (BotoCoreError, ClientError) as reason:
        raise Failed(f"s3://{outputs.bucket}/{key}: {reason}") from None
    return content


def _results(outputs: Deployed, environ: Mapping[str, str]) -> str:
    key = f"{outputs.training.run_prefix.strip('/')}/results.json"
    results = json.loads(_bucket(outputs, environ, key))
    for name in ("accuracy", "steps"):
        if results.get(name) != getattr(outputs.training, name):
            raise Failed(
                f"{key} says {name} {results.get(name)}, the stack {getattr(outputs.training, name)}"
            )
    return f"s3://{outputs.bucket}/{key}"


def _load_samples(outputs: Deployed, environ: Mapping[str, str], most: int, held: list[_Held]) -> str:
    key = f"{outputs.training.run_prefix.strip('/')}/held-out.npz"
    with np.load(io.BytesIO(_bucket(outputs, environ, key)), allow_pickle=False) as arrays:
        images, labels = arrays["images"][:most], arrays["labels"][:most]
    held.append(_Held(images, labels.astype(np.int64)))
    return f"{len(labels)} images of {images.shape[1]}x{images.shape[2]}"


def _predictions(outputs: Deployed, held: _Held, threshold: float, found: Verification) -> str:
    v1: list[dict[str, Any]] = []
    v2_labels: list[int] = []
    v2_probabilities: list[NDArray[np.float64]] = []
    for start in range(0, len(held.labels), BATCH):
        images = held.images[start : start + BATCH]
        v1 += _v1(outputs, images)
        labels, probabilities = _v2(outputs, images)
        v2_labels += labels
        v2_probabilities.append(probabilities)
    predicted = np.array([int(one["label"]) for one in v1])
    found.image, found.label = held.images[0], int(held.labels[0])
    found.predicted, found.confidence = int(predicted[0]), float(max(v1[0]["probabilities"]))
    if v2_labels != predicted.tolist():
        raise Failed("V1 and V2 predict different labels for the same images")
    if not np.array_equal(np.concatenate(v2_probabilities), np.array([one["probabilities"] for one in v1])):
        raise Failed("V1 and V2 give different probabilities for the same images")
    right = int((predicted == held.labels).sum())
    share = right / len(held.labels)
    if share < threshold:
        raise Failed(f"{right} of {len(held.labels)} ({share:.2%})")
    return f"{right} of {len(held.labels)} ({share:.2%})"


def _v1(outputs: Deployed, images: NDArray[np.uint8]) -> list[dict[str, Any]]:
    url = f"{outputs.predict_url}/v1/models/{outputs.model_name}:predict"
    answer = _post(url, {"instances": images.tolist()})
    predictions = answer.get("predictions")
    if not isinstance(predictions, list) or len(predictions) != len(images):
        raise Failed(f"POST {url} did not answer a prediction for each image")
    return predictions


def _v2(outputs: Deployed, images: NDArray[np.uint8]) -> tuple[list[int], NDArray[np.float64]]:
    url = f"{outputs.predict_url}/v2/models/{outputs.model_name}/infer"
    tensor = {"name": "images", "datatype": "FP32", "shape": list(images.shape)}
    answer = _post(url, {"inputs": [tensor | {"data": images.astype(float).ravel().tolist()}]})
    by_name = {output["name"]: output for output in answer.get("outputs", [])}
    if not {"label", "probabilities"} <= by_name.keys():
        raise Failed(f"POST {url} answered outputs {sorted(by_name)}")
    probabilities = by_name["probabilities"]
    return by_name["label"]["data"], np.array(probabilities["data"]).reshape(probabilities["shape"])


def _post(url: str, content: dict[str, Any]) -> dict[str, Any]:
    status, body = _request(url, json.dumps(content).encode())
    if status != 200:
        raise Failed(f"POST {url} answered {status}: {body[:300].decode(errors='replace')}")
    try:
        answer = json.loads(body)
    except ValueError:
        raise Failed(f"POST {url} did not answer JSON") from None
    return answer if isinstance(answer, dict) else {}


def _request(url: str, body: bytes | None = None) -> tuple[int, bytes]:
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
    # The service is on this machine or in a private network: never through a proxy.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=HTTP_SECONDS) as response:
            return int(response.status), response.read()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.read()
    except (urllib.error.URLError, OSError) as reason:
        raise Failed(f"{url} does not answer: {reason}") from None
