"""A server's life: listen, wait for the model, serve, drain, end."""

import asyncio
import contextlib
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from aiohttp import web

from workloads.common.bundle import Manifest
from workloads.common.logs import emit
from workloads.serve.app import Service
from workloads.serve.batching import Array, Batcher
from workloads.serve.body import RUNNER_SETTINGS
from workloads.serve.loading import Source
from workloads.serve.options import ServeOptions

# What is in flight when the server stops listening has this long to end.
LAST_REQUESTS_SECONDS = 30.0


class Computing(Protocol):
    """A loaded model."""

    def probabilities(self, images: Array) -> Array:
        """One row for each image."""


Load = Callable[[Manifest, bytes], Computing]


async def run(
    options: ServeOptions,
    load: Load,
    listening: Callable[[int], None] = lambda _port: None,
    prepare: Callable[[], None] = lambda: None,
) -> None:
    """Serve until SIGTERM or SIGINT, then drain.

    prepare is what can be done while the model is waited for; load makes a model of its files; listening is
    told the port.
    """
    service, source = Service(options), Source(options)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    runner = web.AppRunner(
        service.application(),
        access_log=None,
        handle_signals=False,
        shutdown_timeout=LAST_REQUESTS_SECONDS,
        **RUNNER_SETTINGS,
    )
    await runner.setup()
    site = web.TCPSite(runner, options.host, options.port, backlog=1024)
    await site.start()
    port = runner.addresses[0][1]
    emit("listening", port=port)
    listening(port)
    executor = ThreadPoolExecutor(1, "compute")
    prepared = loop.run_in_executor(executor, prepare)
    serving = asyncio.create_task(_serve(service, source, load, executor, prepared))
    stopping = asyncio.create_task(stop.wait())
    reporting = asyncio.create_task(_report(service, source))
    done, _ = await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    service.drain()
    if serving not in done:
        emit("draining", seconds=options.drain_seconds)
        stop.clear()
        with contextlib.suppress(TimeoutError):  # a second signal ends the wait
            await asyncio.wait_for(stop.wait(), options.drain_seconds)
    await runner.cleanup()
    for task in (serving, stopping, reporting):
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await serving
    executor.shutdown()
    emit("stopped")


async def _serve(
    service: Service,
    source: Source,
    load: Load,
    executor: ThreadPoolExecutor,
    prepared: asyncio.Future[None],
) -> None:
    (manifest, weights), _ = await asyncio.gather(source.wait(), prepared)
    loop = asyncio.get_running_loop()
    model = await loop.run_in_executor(executor, load, manifest, weights)
    metrics, options = service.metrics, service.options

    def compute(images: Array) -> Array:
        with metrics.compute_seconds.time():
            rows = model.probabilities(images)
        metrics.images.inc(len(images))
        return rows

    batcher = Batcher(
        compute,
        executor,
        max_images=options.max_batch_size,
        max_delay=options.max_batch_delay_ms / 1000,
        max_queue=options.max_queue_images,
        observe=metrics.batch_images.observe,
    )
    service.serve(manifest, batcher)
    emit("ready", model=options.model_name, sha256=manifest.sha256, accuracy=manifest.accuracy)
    await batcher.run()


async def _report(service: Service, source: Source) -> None:
    while service.manifest is None:
        service.waiting_for = source.waiting_for
        await asyncio.sleep(0.2)
