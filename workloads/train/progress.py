"""`progress.json`: how far a run is, on which machine, in which attempt, and how much work was done twice."""

import json
import time
from datetime import UTC, datetime
from typing import Any

from workloads.common.logs import emit
from workloads.common.storage import NotFound, StorageError, Store


class Heartbeat:
    """Written every few seconds and with every checkpoint, so that the next attempt knows what was lost."""

    def __init__(self, store: Store, prefix: str, *, seconds: float, instance: str, fingerprint: str) -> None:
        self._store = store
        self._key = f"{prefix}progress.json"
        self._seconds = seconds
        self._about = {"instance": instance, "fingerprint": fingerprint}
        self._last = float("-inf")
        self.attempts = 1
        self.lost_steps = 0

    def begin(self, step: int) -> None:
        """Another attempt starts from `step`: what an earlier one did beyond that is lost."""
        try:
            earlier: dict[str, Any] = json.loads(self._store.get(self._key)[0])
            if earlier["fingerprint"] == self._about["fingerprint"]:
                self.attempts = int(earlier["attempts"]) + 1
                self.lost_steps = int(earlier["lost_steps"]) + max(0, int(earlier["step"]) - step)
        except (NotFound, StorageError, ValueError, KeyError, TypeError):
            return

    def beat(self, step: int, of: int, epoch: int, *, now: bool = False) -> None:
        """Write, unless it is too early. now: whatever the time is. A storage that refuses stops nothing."""
        if not now and time.monotonic() - self._last < self._seconds:
            return
        self._last = time.monotonic()
        content = {
            "step": step,
            "of": of,
            "epoch": epoch,
            "attempts": self.attempts,
            "lost_steps": self.lost_steps,
            "updated": datetime.now(UTC).isoformat(timespec="seconds"),
            **self._about,
        }
        try:
            self._store.put(self._key, json.dumps(content).encode())
        except StorageError as reason:
            emit("progress_not_written", reason=str(reason))
