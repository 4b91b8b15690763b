import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from infra.outputs import Deployed, from_mapping
from scripts.berth import checks, report
from scripts.berth.aws.bucket import Bucket
from scripts.berth.checks import service
from scripts.berth.targets import Ask, local

LABELS = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3]
IMAGES = np.zeros((10, 8, 8), np.uint8)
IMAGES[np.arange(10), 0, 0] = LABELS  # a service that reads the first pixel is always right


def held_out() -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, images=IMAGES, labels=np.array(LABELS))
    return buffer.getvalue()


def one_hot(label: int) -> list[float]:
    return [float(index == label) for index in range(10)]


@contextmanager
def serving(
    *, ready: int = 200, v1: Callable[[int], int] = int, v2: Callable[[int], int] = int
) -> Iterator[str]:
    """A service whose prediction for an image is a function of its first pixel."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def do_GET(self) -> None:
            self._answer(ready if self.path == "/v2/health/ready" else 200, {})

        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path.startswith("/v1"):
                labels = [v1(image[0][0]) for image in content["instances"]]
                self._answer(
                    200, {"predictions": [{"label": n, "probabilities": one_hot(n)} for n in labels]}
                )
                return
            tensor = content["inputs"][0]
            first = np.array(tensor["data"]).reshape(tensor["shape"])[:, 0, 0]
            labels = [v2(int(pixel)) for pixel in first]
            flat = [p for n in labels for p in one_hot(n)]
            outputs = [
                {"name": "label", "data": labels, "shape": [len(labels)]},
                {"name": "probabilities", "data": flat, "shape": [len(labels), 10]},
            ]
            self._answer(200, {"outputs": outputs})

        def _answer(self, status: int, content: Any) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def outputs(url: str, accuracy: float = 0.99) -> Deployed:
    training = {"accuracy": accuracy, "steps": 10, "duration_seconds": 1, "run_prefix": "runs/x", "job": "j"}
    names = ("environment", "namespace", "bucket", "s3_endpoint_url", "service", "model_name")
    return from_mapping(dict.fromkeys(names, "x") | {"predict_url": url, "training": training})


class Objects(Bucket):
    """A bucket in memory."""

    content: dict[str, bytes]

    def __init__(self, content: dict[str, bytes]) -> None:
        object.__setattr__(self, "name", "x")
        object.__setattr__(self, "content", content)

    def get(self, key: str) -> bytes | None:
        return self.content.get(key)


@pytest.fixture
def bucket() -> Objects:
    return Objects(
        {
            "runs/x/results.json": json.dumps({"accuracy": 0.99, "steps": 10}).encode(),
            "runs/x/held-out.npz": held_out(),
        }
    )


def failed(found: checks.Verification) -> list[str]:
    return [name.split(" for at least")[0] for name in found.failed]


def verify(url: str, bucket: Objects, accuracy: float = 0.99) -> checks.Verification:
    return local.check(outputs(url, accuracy), bucket, Ask(threshold=0.9, samples=10))


def test_a_working_service_passes_and_gives_a_sample(bucket: Objects) -> None:
    with serving() as url:
        found = verify(url, bucket)
    assert found.passed, failed(found)
    one = found.prediction
    assert one is not None
    assert (one.label, one.predicted, one.confidence) == (3, 3, 1.0)


def test_a_service_that_predicts_wrongly_is_found(bucket: Objects) -> None:
    with serving(v1=lambda _: 0, v2=lambda _: 0) as url:
        assert failed(verify(url, bucket)) == ["predictions are right"]


def test_protocols_that_disagree_are_found(bucket: Objects) -> None:
    with serving(v2=lambda pixel: (pixel + 1) % 10) as url:
        found = verify(url, bucket)
    assert not found.passed
    assert "different labels" in found.checks[-1].detail


def test_each_failed_check_is_listed_and_the_others_still_run(bucket: Objects) -> None:
    bucket.content["runs/x/results.json"] = json.dumps({"accuracy": 0.5, "steps": 10}).encode()
    with serving(ready=503) as url:
        found = verify(url, bucket, accuracy=0.6)
    assert failed(found) == [
        "service is ready",
        "bucket answers and results match",
        "training accuracy is at least 90%",
    ]
    assert "answered 503" in next(check.detail for check in found.checks if not check.passed)


def test_a_service_that_is_not_there_fails_without_a_traceback(
    bucket: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "SETTLE_SECONDS", 0)
    del bucket.content["runs/x/held-out.npz"]
    found = verify("http://127.0.0.1:1", bucket)
    assert "service is live" in failed(found)
    assert not found.passed


def test_a_digit_is_drawn_from_blank_to_full_ink() -> None:
    image = np.array([[0, 16], [8, 0]], np.uint8)
    assert report.draw(image) == "  ██\n▒▒"
