"""Serving in the image: over HTTP, in any batch, what the model says in process; and a graceful end."""

import json
import shutil
import signal
import struct
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

try:
    import torch

    import workloads.serve.app  # noqa: F401 # the image of training has no serving
    from workloads.common import bundle, network
    from workloads.common.predictor import Predictor
    from workloads.common.storage import DirectoryStore
except ModuleNotFoundError as missing:
    raise unittest.SkipTest(f"NOT RUN HERE: {missing}; the smoke test of the image runs it") from None

sys.path.insert(0, str(Path(__file__).parent))

import samples


def model(directory: Path) -> Predictor:
    """A network with made-up weights, saved and loaded in process."""
    torch.set_num_threads(1)
    torch.manual_seed(3)
    untrained = network.DigitsNet(10, 32)
    for module in untrained.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    about = {"height": 8, "width": 8, "classes": 10, "pixel_max": 16, "channels": 32}
    about |= {"accuracy": 0.5, "parameters": network.parameters(untrained), "torch": torch.__version__}
    store = DirectoryStore(directory)
    bundle.save(store, "", network.to_bytes(untrained), about)
    return Predictor(*bundle.load(store, ""))


def images(count: int) -> "np.ndarray[Any, np.dtype[np.float32]]":
    return np.random.Generator(np.random.PCG64(1)).integers(0, 17, size=(count, 8, 8)).astype(np.float32)


class Batches(unittest.TestCase):
    def test_an_image_gets_the_same_result_in_every_batch_and_place(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            predictor = model(Path(directory))
        pictures = images(40)
        alone = np.concatenate([predictor.probabilities(pictures[i : i + 1]) for i in range(40)])
        for count in range(1, 41):
            np.testing.assert_array_equal(predictor.probabilities(pictures[:count]), alone[:count])
        order = np.random.Generator(np.random.PCG64(2)).permutation(40)
        np.testing.assert_array_equal(predictor.probabilities(pictures[order]), alone[order])


class Serving(unittest.TestCase):
    def setUp(self) -> None:
        self.directory = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.directory)
        self.predictor = model(self.directory)
        self.process = samples.start(
            [*samples.SERVE, "--host=127.0.0.1", "--port=0"], MODEL_DIR=self.directory, DRAIN_SECONDS=2
        )
        self.addCleanup(self.end)
        events = (json.loads(line) for line in self.process.stdout or ())
        self.url = next(
            f"http://127.0.0.1:{event['port']}" for event in events if event["event"] == "listening"
        )
        next(event for event in events if event["event"] == "ready")

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()

    def call(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes, dict[str, str]]:
        request = urllib.request.Request(self.url + path, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, response.read(), dict(response.headers)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read(), dict(refused.headers)

    def predict(self, pictures: Any) -> "np.ndarray[Any, np.dtype[np.float32]]":
        body = json.dumps({"instances": pictures.tolist()}).encode()
        status, answer, _ = self.call("/v1/models/digits:predict", body)
        assert status == 200, answer
        rows = [entry["probabilities"] for entry in json.loads(answer)["predictions"]]
        return np.array(rows, dtype=np.float32)

    def test_predictions_over_http_are_those_of_the_model_in_process(self) -> None:
        pictures = images(96)
        expected = self.predictor.probabilities(pictures)
        pieces = [
            slice(start, start + size) for start, size in zip(range(0, 96, 3), [1, 2, 3] * 11, strict=False)
        ]
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda piece: self.predict(pictures[piece]), pieces))
        for piece, answer in zip(pieces, answers, strict=True):
            np.testing.assert_array_equal(answer, expected[piece])
        assert b"inference_batch_images_bucket" in self.call("/metrics")[1]

        tensor = {"name": "images", "shape": [96, 8, 8], "datatype": "FP32"}
        tensor["parameters"] = {"binary_data_size": pictures.nbytes}
        asked = {"name": "probabilities", "parameters": {"binary_data": True}}
        head = json.dumps({"inputs": [tensor], "outputs": [asked]}).encode()
        length = {"Inference-Header-Content-Length": str(len(head))}
        status, answer, headers = self.call("/v2/models/digits/infer", head + pictures.tobytes(), **length)
        assert status == 200, answer
        blob = answer[int(headers["Inference-Header-Content-Length"]) :]
        np.testing.assert_array_equal(np.frombuffer(blob, "<f4").reshape(96, 10), expected)
        assert struct.calcsize("<960f") == len(blob)

    def test_it_drains_before_it_ends(self) -> None:
        assert self.call("/readyz")[0] == 200
        self.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        while self.call("/readyz")[0] == 200:
            assert time.monotonic() - began < 1
        assert self.call("/livez")[0] == 200
        assert len(self.predict(images(1))) == 1
        assert self.process.wait(10) == 0


if __name__ == "__main__":
    unittest.main()
