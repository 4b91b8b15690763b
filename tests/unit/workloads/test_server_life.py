"""A server from its start to its end: waiting for the model, an unmodified client, draining."""

import asyncio
import json
import os
import signal
import threading
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import tritonclient.http as triton

from workloads.common import bundle
from workloads.common.storage import DirectoryStore
from workloads.serve import server
from workloads.serve.batching import Array
from workloads.serve.options import ServeOptions

ABOUT = {
    "height": 8,
    "width": 8,
    "classes": 10,
    "pixel_max": 16,
    "channels": 4,
    "accuracy": 0.9,
    "parameters": 1,
    "torch": "none",
}


class Summing:
    def probabilities(self, images: Array) -> Array:
        return np.repeat(images.sum(axis=(1, 2))[:, None] / 3, 10, axis=1).astype(np.float32)


def status(url: str) -> int:
    try:
        return int(urllib.request.urlopen(url, timeout=5).status)
    except urllib.error.HTTPError as refused:
        return refused.code


def use(port: int, directory: Path) -> None:
    """What a client sees from the first moment to the last."""
    url = f"http://127.0.0.1:{port}"
    assert status(f"{url}/livez") == 200
    assert status(f"{url}/readyz") == 503
    bundle.save(DirectoryStore(directory), "", b"weights", ABOUT)
    until = time.monotonic() + 10
    while status(f"{url}/readyz") != 200:
        assert time.monotonic() < until
        time.sleep(0.05)
    pictures = np.random.Generator(np.random.PCG64(0)).integers(0, 17, size=(5, 8, 8)).astype(np.float32)
    client = triton.InferenceServerClient(f"127.0.0.1:{port}")
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("digits")
    assert client.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    assert client.get_model_metadata("digits", "1")["inputs"][0]["shape"] == [-1, 8, 8]
    for binary in (True, False):
        tensor = triton.InferInput("images", list(pictures.shape), "FP32")
        tensor.set_data_from_numpy(pictures, binary_data=binary)
        outputs = [
            triton.InferRequestedOutput(name, binary_data=binary) for name in ("probabilities", "label")
        ]
        result = client.infer("digits", [tensor], outputs=outputs, request_compression_algorithm="gzip")
        np.testing.assert_array_equal(result.as_numpy("probabilities"), Summing().probabilities(pictures))
        assert result.as_numpy("label").tolist() == [0] * 5
    with pytest.raises(triton.InferenceServerException, match="no model"):
        client.get_model_metadata("other")
    os.kill(os.getpid(), signal.SIGTERM)
    until = time.monotonic() + 0.5
    while status(f"{url}/readyz") == 200:
        assert time.monotonic() < until
    assert status(f"{url}/livez") == 200


def test_a_servers_life(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failed: list[BaseException] = []

    def client(port: int) -> None:
        try:
            use(port, tmp_path)
        except BaseException as reason:  # noqa: BLE001 # told to the test below
            failed.append(reason)
            os.kill(os.getpid(), signal.SIGTERM)

    def listening(port: int) -> None:
        threading.Thread(target=client, args=(port,)).start()

    options = ServeOptions(model_dir=str(tmp_path), host="127.0.0.1", port=0, drain_seconds=0.5)
    asyncio.run(server.run(options, lambda _manifest, _weights: Summing(), listening))
    assert not failed, failed
    events = [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()]
    assert events[:2] == ["listening", "waiting_for_model"]
    assert events[-3:] == ["ready", "draining", "stopped"]
