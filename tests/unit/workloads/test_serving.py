"""The server with a model that only adds up: protocols, refusals, batching, loading, draining."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from aiohttp.test_utils import TestClient, TestServer

from workloads.common.bundle import Manifest
from workloads.serve.app import Service
from workloads.serve.batching import Array, Batcher
from workloads.serve.body import RUNNER_SETTINGS
from workloads.serve.errors import RequestError
from workloads.serve.options import ServeOptions

IMAGE = [[float((row + column) % 17) for column in range(8)] for row in range(8)]
PREDICT = "/v1/models/digits:predict"
INFER = "/v2/models/digits/infer"


def rows(images: Array) -> Array:
    """Ten numbers that tell the image: its sum comes first, the largest is at its first pixel modulo 10."""
    result = np.zeros((len(images), 10), np.float32)
    result[:, 0] = images.sum(axis=(1, 2)) / 10_000
    result[np.arange(len(images)), images[:, 0, 0].astype(int) % 10] += 1
    return result


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


@asynccontextmanager
async def client(
    manifest: Manifest | None, executor: ThreadPoolExecutor, **options: Any
) -> AsyncIterator[tuple[TestClient[Any, Any], Service]]:
    service = Service(ServeOptions(model_dir="unused", **options))
    running = None
    if manifest:
        batcher = Batcher(rows, executor, max_images=16, max_delay=0.001, max_queue=64)
        running = asyncio.create_task(batcher.run())
        service.serve(manifest, batcher)
    try:
        server = TestServer(service.application())
        await server.start_server(**RUNNER_SETTINGS)
        async with TestClient(server) as http:
            yield http, service
    finally:
        if running:
            running.cancel()


def drive(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(work(), 30))  # type: ignore[arg-type]


def v2(**changes: Any) -> dict[str, Any]:
    tensor = {"name": "images", "shape": [1, 8, 8], "datatype": "FP32", "data": IMAGE} | changes
    return {"inputs": [{name: value for name, value in tensor.items() if value is not None}]}


def test_both_protocols_give_the_same_exact_numbers(manifest: Manifest, executor: ThreadPoolExecutor) -> None:
    async def work() -> None:
        expected = rows(np.array([IMAGE], np.float32))
        async with client(manifest, executor) as (http, _):
            answer = await (await http.post(PREDICT, json={"instances": [IMAGE]})).json()
            assert answer["predictions"][0]["label"] == 0
            assert np.float32(answer["predictions"][0]["probabilities"]).tolist() == expected[0].tolist()
            for data in (IMAGE, np.ravel(IMAGE).tolist()):
                answer = await (await http.post(INFER, json=v2(data=data) | {"id": "7"})).json()
                assert answer["id"] == "7"
                outputs = {entry["name"]: entry for entry in answer["outputs"]}
                assert outputs["probabilities"]["shape"] == [1, 10]
                assert np.float32(outputs["probabilities"]["data"]).tolist() == expected[0].tolist()
                assert outputs["label"] == {"name": "label", "datatype": "INT64", "shape": [1], "data": [0]}

    drive(work)


def test_tensors_travel_in_binary_both_ways(manifest: Manifest, executor: ThreadPoolExecutor) -> None:
    async def work() -> None:
        pixels = np.array([IMAGE, IMAGE], np.uint8)
        request = v2(datatype="UINT8", shape=[2, 1, 8, 8], data=None, parameters={"binary_data_size": 128})
        head = json.dumps(request | {"parameters": {"binary_data_output": True}}).encode()
        headers = {"Inference-Header-Content-Length": str(len(head))}
        async with client(manifest, executor) as (http, _):
            response = await http.post(INFER, data=head + pixels.tobytes(), headers=headers)
            body = await response.read()
            assert response.status == 200, body
            end = int(response.headers["Inference-Header-Content-Length"])
            sizes = [entry["parameters"]["binary_data_size"] for entry in json.loads(body[:end])["outputs"]]
            assert sizes == [80, 16]
            values = np.frombuffer(body, "<f4", count=20, offset=end).reshape(2, 10)
            np.testing.assert_array_equal(values, rows(pixels.astype(np.float32)))

    drive(work)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"{", "not JSON"),
        (b"[]", "instances"),
        (b'{"instances": 3}', "instances"),
        (b'{"instances": []}', "no image"),
        (b'{"instances": [[1, 2]]}', "shape"),
        (b'{"instances": [[1], [1, 2]]}', "lengths"),
        (b'{"instances": ["a"]}', "numbers"),
        (b'{"instances": [null]}', "numbers"),
        (json.dumps({"instances": [[[str(value) for value in row] for row in IMAGE]]}).encode(), "numbers"),
        (json.dumps({"instances": [[[float("nan")] * 8] * 8]}).encode(), "NaN"),
        (json.dumps({"instances": [[[1e400] * 8] * 8]}).encode(), "from 0 to 16"),
        (json.dumps({"instances": [[[-1] * 8] * 8]}).encode(), "from 0 to 16"),
        (json.dumps({"instances": [[[16.5] * 8] * 8]}).encode(), "from 0 to 16"),
        (json.dumps({"instances": [[[10**400] * 8] * 8]}).encode(), "numbers"),
    ],
)
def test_bad_v1_bodies_are_refused(
    body: bytes, word: str, manifest: Manifest, executor: ThreadPoolExecutor
) -> None:
    async def work() -> None:
        async with client(manifest, executor) as (http, _):
            response = await http.post(PREDICT, data=body)
            assert response.status == 400
            assert word in (await response.json())["error"]

    drive(work)


@pytest.mark.parametrize(
    ("request_body", "word"),
    [
        ({}, "inputs"),
        ({"inputs": [{}, {}]}, "exactly one"),
        (v2(name="other"), "no input"),
        (v2(datatype="FP64"), "FP32 or UINT8"),
        (v2(datatype="UINT8", data=[0.5] * 64), "whole numbers"),
        (v2(datatype=["FP32"]), "FP32 or UINT8"),
        (v2(shape=[1, 8, 9]), "takes 72"),
        (v2(shape=[2, 4, 8]), "shape"),
        (v2(shape=[0, 8, 8], data=[]), "must be"),
        (v2(shape=[-1, 8, 8]), "whole numbers"),
        (v2(shape=[True, 8, 8]), "whole numbers"),
        (v2(data=None), "neither"),
        (v2(parameters={"binary_data_size": 256}), "both"),
        (v2(data=None, parameters={"binary_data_size": 256}), "0 bytes follow"),
        (v2(data=None, parameters={"shared_memory_region": "x"}), "shared_memory_region"),
        (v2(parameters=[]), "object"),
        (v2() | {"outputs": [{"name": "nothing"}]}, "no output"),
        (v2() | {"outputs": [{"name": "label", "parameters": {"classification": 3}}]}, "classification"),
        (v2() | {"outputs": 3}, "list of objects"),
        (v2() | {"id": 3}, "string"),
    ],
)
def test_bad_v2_requests_are_refused(
    request_body: dict[str, Any], word: str, manifest: Manifest, executor: ThreadPoolExecutor
) -> None:
    async def work() -> None:
        async with client(manifest, executor) as (http, _):
            response = await http.post(INFER, json=request_body)
            assert response.status == 400, await response.text()
            assert word in (await response.json())["error"]

    drive(work)


@pytest.mark.parametrize(
    ("body", "encoding", "expected"),
    [
        (b"[" * 100_000, "identity", (400, "deeply")),
        (b"\xff\xfe", "identity", (400, "not JSON")),
        (b"no gzip", "gzip", (400, "not gzip")),
        (gzip.compress(b"{}", mtime=0)[:-4], "gzip", (400, "too early")),
        (b"{}", "br", (415, "gzip and deflate")),
    ],
)
def test_a_damaged_body_is_the_clients_fault(
    body: bytes, encoding: str, expected: tuple[int, str], manifest: Manifest, executor: ThreadPoolExecutor
) -> None:
    async def work() -> None:
        async with client(manifest, executor) as (http, _):
            for path in (PREDICT, INFER):
                response = await http.post(path, data=body, headers={"Content-Encoding": encoding})
                assert response.status == expected[0]
                assert expected[1] in (await response.json())["error"]
            packed = gzip.compress(json.dumps({"instances": [IMAGE]}).encode())
            response = await http.post(PREDICT, data=packed, headers={"Content-Encoding": "gzip"})
            assert response.status == 200

    drive(work)


@pytest.mark.parametrize("length", ["-1", "1e3", "999999", "²", "x"])
def test_a_bad_length_of_the_json_part_is_refused(
    length: str, manifest: Manifest, executor: ThreadPoolExecutor
) -> None:
    async def work() -> None:
        async with client(manifest, executor) as (http, _):
            headers = {"Inference-Header-Content-Length": length}
            assert (await http.post(INFER, data=b"{}", headers=headers)).status == 400

    drive(work)


def test_wrong_names_methods_and_sizes_have_their_statuses(
    manifest: Manifest, executor: ThreadPoolExecutor
) -> None:
    async def work() -> None:
        async with client(manifest, executor, max_body_bytes=1000) as (http, _):
            for method, path, data, status in [
                ("GET", "/nothing", None, 404),
                ("POST", "/v1/models/other:predict", b"{}", 404),
                ("GET", "/v2/models/other", None, 404),
                ("GET", "/v2/models/digits/versions/2", None, 404),
                ("GET", PREDICT, None, 405),
                ("GET", INFER, None, 405),
                ("POST", "/v2", b"", 405),
                ("POST", PREDICT, b" " * 1001, 413),
                ("POST", INFER, b" " * 1001, 413),
            ]:
                response = await http.request(method, path, data=data)
                assert response.status == status, (method, path)
                assert (await response.json())["error"]
            # A small body that unpacks into a large one is too large as well.
            packed = gzip.compress(b" " * 100_000, mtime=0)
            response = await http.post(PREDICT, data=packed, headers={"Content-Encoding": "gzip"})
            assert response.status == 413

    drive(work)


def test_without_its_model_it_lives_but_is_not_ready(executor: ThreadPoolExecutor) -> None:
    async def work() -> None:
        async with client(None, executor) as (http, service):
            service.waiting_for = "waiting for the model: s3://b/k does not exist"
            for path in ("/livez", "/v2/health/live", "/metrics", "/v1/models", "/v2"):
                assert (await http.get(path)).status == 200, path
            for path in ("/readyz", "/v2/health/ready", "/v2/models/digits/ready", "/v2/models/digits"):
                response = await http.get(path)
                assert response.status == 503, path
                assert "s3://b/k" in (await response.json())["error"]
            response = await http.post(PREDICT, json={"instances": [IMAGE]})
            assert (response.status, response.headers["Retry-After"]) == (503, "1")
            assert (await (await http.get("/v1/models/digits")).json())["ready"] is False

    drive(work)


def test_while_draining_it_is_not_ready_but_answers_and_closes(
    manifest: Manifest, executor: ThreadPoolExecutor
) -> None:
    async def work() -> None:
        async with client(manifest, executor) as (http, service):
            assert (await http.get("/readyz")).status == 200
            service.drain()
            assert (await http.get("/readyz")).status == 503
            response = await http.post(PREDICT, json={"instances": [IMAGE]})
            assert (response.status, response.headers["Connection"]) == (200, "close")

    drive(work)


def test_metrics_tell_requests_and_batches(manifest: Manifest, executor: ThreadPoolExecutor) -> None:
    async def work() -> None:
        async with client(manifest, executor) as (http, _):
            await http.post(PREDICT, json={"instances": [IMAGE]})
            await http.post(INFER, json={})
            response = await http.get("/metrics")
            text = await response.text()
            assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            assert 'inference_requests_total{code="200",protocol="v1"} 1.0' in text
            assert 'inference_requests_total{code="400",protocol="v2"} 1.0' in text
            assert "inference_ready 1.0" in text

    drive(work)


def test_requests_are_computed_together_and_each_gets_its_own(executor: ThreadPoolExecutor) -> None:
    async def work() -> None:
        sizes: list[int] = []
        batcher = Batcher(rows, executor, max_images=16, max_delay=0.05, max_queue=1000, observe=sizes.append)
        running = asyncio.create_task(batcher.run())
        random = np.random.Generator(np.random.PCG64(0))
        requests = [
            random.integers(0, 17, size=(size, 8, 8)).astype(np.float32) for size in [1, 3, 5, 7, 20, 2]
        ]
        answers = await asyncio.gather(*(batcher.submit(images) for images in requests))
        for images, answer in zip(requests, answers, strict=True):
            np.testing.assert_array_equal(answer, rows(images))
        # In order, up to 16 together; what is larger goes alone.
        assert sizes == [16, 20, 2]
        running.cancel()

    drive(work)


def test_a_full_queue_refuses_and_a_failing_model_does_not_end_the_server(
    executor: ThreadPoolExecutor,
) -> None:
    async def work() -> None:
        def fail(_images: Array) -> Array:
            raise RuntimeError("out of memory")

        batcher = Batcher(fail, executor, max_images=4, max_delay=0, max_queue=4)
        images = np.zeros((4, 8, 8), np.float32)
        first = asyncio.create_task(batcher.submit(images))
        await asyncio.sleep(0)
        with pytest.raises(RequestError, match="waiting already"):
            await batcher.submit(images)
        running = asyncio.create_task(batcher.run())
        for request in (first, asyncio.create_task(batcher.submit(images))):
            with pytest.raises(RuntimeError, match="out of memory"):
                await request
        running.cancel()

    drive(work)
