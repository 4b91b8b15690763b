"""Dynamic batching: images of several requests are computed together, in the order in which they came."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workloads.serve.errors import RequestError

Array = NDArray[np.float32]


@dataclass(frozen=True)
class _Waiting:
    images: Array
    done: "asyncio.Future[Array]"


class Batcher:
    """Gathers up to max_images, waiting up to max_delay seconds for them, and calls compute in an executor.

    Requests are not split: one with more than max_images forms a batch of its own.
    observe is told the size of each batch.
    """

    def __init__(
        self,
        compute: Callable[[Array], Array],
        executor: Executor,
        *,
        max_images: int,
        max_delay: float,
        max_queue: int,
        observe: Callable[[int], None] = lambda _size: None,
    ) -> None:
        self._compute = compute
        self._executor = executor
        self._max_images = max_images
        self._max_delay = max_delay
        self._max_queue = max_queue
        self._observe = observe
        self._queue: deque[_Waiting] = deque()
        self._changed = asyncio.Event()
        self.queued_images = 0

    async def submit(self, images: Array) -> Array:
        """Compute images (n, height, width), n > 0; returns one row each.

        Raises:
            RequestError: 503, the queue is full.
        """
        if self.queued_images and self.queued_images + len(images) > self._max_queue:
            raise RequestError(503, f"{self.queued_images} images are waiting already; try again later")
        done: asyncio.Future[Array] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(images, done))
        self.queued_images += len(images)
        self._changed.set()
        return await done

    async def run(self) -> None:
        """Serve the queue until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            batch = await self._gather(loop)
            live = [item for item in batch if not item.done.cancelled()]
            if not live:
                continue
            images = np.concatenate([item.images for item in live])
            self._observe(len(images))
            try:
                rows = await loop.run_in_executor(self._executor, self._compute, images)
            except Exception as reason:  # noqa: BLE001 # whatever it was, the requests must be told
                for item in live:
                    if not item.done.done():
                        item.done.set_exception(reason)
                continue
            start = 0
            for item in live:
                end = start + len(item.images)
                if not item.done.done():
                    item.done.set_result(rows[start:end])
                start = end

    async def _gather(self, loop: asyncio.AbstractEventLoop) -> list[_Waiting]:
        while not self._queue:
            self._changed.clear()
            await self._changed.wait()
        deadline = loop.time() + self._max_delay
        while self.queued_images < self._max_images and (left := deadline - loop.time()) > 0:
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), left)
            except TimeoutError:
                break
        batch = [self._queue.popleft()]
        size = len(batch[0].images)
        while self._queue and size + len(self._queue[0].images) <= self._max_images:
            batch.append(self._queue.popleft())
            size += len(batch[-1].images)
        self.queued_images -= size
        return batch
