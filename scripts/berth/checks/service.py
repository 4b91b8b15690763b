"""The prediction service, asked over HTTP: its health, and predictions of held-out samples."""

import io
import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.berth.checks import Failed, Prediction, Verification

BATCH = 50
HTTP_SECONDS = 20.0
# A new address is known a moment before the nodes, or a cloud's load balancer, forward what is sent to it.
SETTLE_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class Service:
    """Where a model is served. url: without a slash at its end."""

    url: str
    model: str


@dataclass(frozen=True)
class Held:
    """Held-out samples: images (n, height, width), labels (n)."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


def read(archive: bytes, most: int) -> Held:
    """The first samples of a `held-out.npz`."""
    with np.load(io.BytesIO(archive), allow_pickle=False) as arrays:
        return Held(arrays["images"][:most], arrays["labels"][:most].astype(np.int64))


def health(
    found: Verification, service: Service, *, settle: float | None = None, until_ready: bool = False
) -> None:
    """Whether the service is live and ready, and its model too.

    settle: seconds that the first answer may take; with until_ready, that readiness may take as well.
    """
    within = SETTLE_SECONDS if settle is None else settle
    late = within if until_ready else 0
    found.check("service is live", lambda: _answers(service, "/v2/health/live", within=within))
    found.check("service is ready", lambda: _answers(service, "/v2/health/ready", until_200=late))
    found.check("model is ready", lambda: _answers(service, f"/v2/models/{service.model}/ready"))


def predictions(found: Verification, service: Service, held: Held, threshold: float) -> None:
    """Whether both protocols predict the samples alike, and enough of them right."""
    found.check(
        f"predictions are right for at least {threshold:.0%}, alike in V1 and V2",
        lambda: _predictions(found, service, held, threshold),
    )


def _answers(service: Service, path: str, *, within: float = 0, until_200: float = 0) -> str:
    began = time.monotonic()
    while True:
        took = time.monotonic() - began
        try:
            status, _ = _request(service.url + path)
            if status == 200 or took > until_200:
                break
        except Failed:
            if took > max(within, until_200):
                raise
        time.sleep(0.2)
    if status != 200:
        raise Failed(f"GET {service.url}{path} answered {status}")
    return f"GET {path}: 200"


def _predictions(found: Verification, service: Service, held: Held, threshold: float) -> str:
    v1: list[dict[str, Any]] = []
    v2_labels: list[int] = []
    v2_probabilities: list[NDArray[np.float64]] = []
    for start in range(0, len(held.labels), BATCH):
        images = held.images[start : start + BATCH]
        v1 += _v1(service, images)
        labels, probabilities = _v2(service, images)
        v2_labels += labels
        v2_probabilities.append(probabilities)
    predicted = np.array([int(one["label"]) for one in v1])
    found.prediction = Prediction(
        image=held.images[0],
        label=int(held.labels[0]),
        predicted=int(predicted[0]),
        confidence=float(max(v1[0]["probabilities"])),
    )
    if v2_labels != predicted.tolist():
        raise Failed("V1 and V2 predict different labels for the same images")
    if not np.array_equal(np.concatenate(v2_probabilities), np.array([one["probabilities"] for one in v1])):
        raise Failed("V1 and V2 give different probabilities for the same images")
    right = int((predicted == held.labels).sum())
    share = right / len(held.labels)
    if share < threshold:
        raise Failed(f"{right} of {len(held.labels)} ({share:.2%})")
    return f"{right} of {len(held.labels)} ({share:.2%})"


def _v1(service: Service, images: NDArray[np.uint8]) -> list[dict[str, Any]]:
    url = f"{service.url}/v1/models/{service.model}:predict"
    answer = _post(url, {"instances": images.tolist()})
    predictions = answer.get("predictions")
    if not isinstance(predictions, list) or len(predictions) != len(images):
        raise Failed(f"POST {url} did not answer a prediction for each image")
    return predictions


def _v2(service: Service, images: NDArray[np.uint8]) -> tuple[list[int], NDArray[np.float64]]:
    url = f"{service.url}/v2/models/{service.model}/infer"
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
