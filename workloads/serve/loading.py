"""Waiting for the model: it may still be in training when the server starts."""

import asyncio
from pathlib import Path

from workloads.common import bundle
from workloads.common.logs import emit
from workloads.common.storage import DirectoryStore, NotFound, S3Store, StorageError, Store
from workloads.serve.options import ServeOptions

FIRST_WAIT = 0.5
LONGEST_WAIT = 5.0


class Source:
    """Where the model is to come from, and why it is not there yet."""

    def __init__(self, options: ServeOptions) -> None:
        self._store: Store
        if options.model_dir:
            self._store, self._key = DirectoryStore(Path(options.model_dir)), bundle.MANIFEST
        else:
            self._store, self._key = S3Store(options, attempts=2), options.model_key
        self.waiting_for = f"the model at {self._store.describe(self._key)} is being loaded"

    async def wait(self) -> tuple[bundle.Manifest, bytes]:
        """The model, as soon as it is there and whole; every failed try is logged and waited for longer."""
        wait = FIRST_WAIT
        while True:
            try:
                return await asyncio.to_thread(bundle.load, self._store, self._key)
            except (NotFound, StorageError, bundle.BadModel) as reason:
                self.waiting_for = f"waiting for the model: {reason}"
                emit("waiting_for_model", reason=str(reason), retry_in_seconds=wait)
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)
