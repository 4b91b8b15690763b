"""Checkpoints in a store: found newest first, verified, and never half written.

`checkpoints/step-<n>.pt` carries its SHA-256 and step as metadata; `checkpoints/latest.json` names the newest
and is written after it, so it never points at something incomplete.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from workloads.common.logs import emit
from workloads.common.storage import NotFound, StorageError, Store, sha256

_NAME = re.compile(r"step-(\d+)\.pt$")


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A verified checkpoint: its key, its step, its content."""

    key: str
    step: int
    data: bytes


class Checkpoints:
    """The checkpoints of one run. prefix ends with `/` or is empty."""

    def __init__(self, store: Store, prefix: str, keep: int) -> None:
        self._store = store
        self._prefix = f"{prefix}checkpoints/"
        self._keep = keep

    def save(self, step: int, data: bytes) -> str:
        """Write a checkpoint, point to it, remove the oldest; returns its key."""
        key = f"{self._prefix}step-{step:010d}.pt"
        digest = sha256(data)
        self._store.put(key, data, {"sha256": digest, "step": str(step)})
        pointer = {
            "key": key,
            "step": step,
            "sha256": digest,
            "bytes": len(data),
            "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        self._store.put(f"{self._prefix}latest.json", json.dumps(pointer).encode())
        existing = self._keys()
        older = [old for old in existing if self._step(old) <= step]
        newer = [old for old in existing if self._step(old) > step]
        # What is newer than the present was found damaged, or belongs to a run with other settings.
        for old in (*newer, *older[: -self._keep]):
            self._store.delete(old)
        return key

    def newest_first(self) -> Iterator[Checkpoint]:
        """Every good checkpoint; each damaged one is named in the log and left out."""
        pointed = self._pointed()
        for key in sorted(self._keys(), key=self._step, reverse=True):
            try:
                data, metadata = self._store.get(key)
            except (NotFound, StorageError) as reason:
                emit("checkpoint_skipped", key=key, reason=str(reason))
                continue
            # Some tools that copy a bucket lose metadata; the pointer then still vouches for the newest.
            if sha256(data) != (metadata.get("sha256") or pointed.get(key)):
                emit("checkpoint_skipped", key=key, reason="damaged: its SHA-256 is not the recorded one")
                continue
            yield Checkpoint(key=key, step=self._step(key), data=data)

    def _pointed(self) -> dict[str, str]:
        """The newest checkpoint's key and SHA-256, as the pointer has them."""
        key = f"{self._prefix}latest.json"
        try:
            pointer = json.loads(self._store.get(key)[0])
            return {str(pointer["key"]): str(pointer["sha256"])}
        except NotFound:
            return {}
        except (ValueError, KeyError, TypeError) as reason:
            emit("checkpoint_skipped", key=key, reason=f"unreadable: {reason}")
            return {}

    def _keys(self) -> list[str]:
        return [key for key in self._store.keys(f"{self._prefix}step-") if _NAME.search(key)]

    @staticmethod
    def _step(key: str) -> int:
        found = _NAME.search(key)
        return int(found[1]) if found else -1
