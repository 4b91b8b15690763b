"""Requests per second and latency of a server, with and without batching.

    python tests/bench/bench_serving.py URL                      a server that runs, such as predict_url
    python tests/bench/bench_serving.py --model-dir DIRECTORY    starts servers itself (needs PyTorch)

Every client sends one image at a time over its own connection, as a binary V2 tensor, and waits for the
answer. Clients and server share the machine, so the figures are a lower bound.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import numpy as np

HEADER = "Inference-Header-Content-Length"


def request_body(height: int, width: int) -> tuple[bytes, dict[str, str]]:
    """One made-up image as a V2 request with a binary tensor."""
    image = np.random.Generator(np.random.PCG64(0)).integers(0, 17, (1, height, width)).astype("<f4")
    tensor = {"name": "images", "shape": list(image.shape), "datatype": "FP32"}
    tensor["parameters"] = {"binary_data_size": image.nbytes}
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    return head + image.tobytes(), {HEADER: str(len(head))}


async def measure(url: str, clients: int, seconds: float) -> str:
    """Load a server for some seconds; one line of figures."""
    latencies: list[float] = []
    failed = 0
    connector = aiohttp.TCPConnector(limit=clients)
    async with aiohttp.ClientSession(connector=connector) as session:
        async with session.get(f"{url}/v2/models/digits") as response:
            shape = (await response.json())["inputs"][0]["shape"]
        body, headers = request_body(*shape[1:])
        until = time.perf_counter() + seconds

        async def client() -> None:
            nonlocal failed
            while (began := time.perf_counter()) < until:
                async with session.post(
                    f"{url}/v2/models/digits/infer", data=body, headers=headers
                ) as answer:
                    await answer.read()
                    failed += answer.status != 200
                latencies.append(time.perf_counter() - began)

        began = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(clients)))
        took = time.perf_counter() - began
    cuts = statistics.quantiles(latencies, n=100)
    return (
        f"{clients:3} clients: {len(latencies) / took:6.0f} requests/s, "
        f"p50 {cuts[49] * 1e3:6.1f} ms, p99 {cuts[98] * 1e3:6.1f} ms, {failed} failed"
    )


@contextmanager
def server(model_dir: str, max_batch_size: int) -> Iterator[str]:
    """A server of its own on a free port."""
    settings = {"MODEL_DIR": model_dir, "MAX_BATCH_SIZE": str(max_batch_size), "DRAIN_SECONDS": "0"}
    process = subprocess.Popen(
        [sys.executable, "-m", "workloads.serve", "--host=127.0.0.1", "--port=0"],
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        port = 0
        for line in process.stdout or ():
            event = json.loads(line)
            port = event.get("port", port)
            if event["event"] == "ready":
                break
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.communicate()


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("url", nargs="?", help="the server's base URL")
    parser.add_argument("--model-dir", help="a trained model; servers are started for it")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32])
    options = parser.parse_args()
    if bool(options.url) == bool(options.model_dir):
        parser.error("either a URL or --model-dir is required")
    if options.url:
        for clients in options.clients:
            print(asyncio.run(measure(options.url.rstrip("/"), clients, options.seconds)))
        return
    for size in (1, 64):
        with server(options.model_dir, size) as url:
            for clients in options.clients:
                figures = asyncio.run(measure(url, clients, options.seconds))
                print(f"batches up to {size:2}, {figures}", flush=True)


if __name__ == "__main__":
    main()
