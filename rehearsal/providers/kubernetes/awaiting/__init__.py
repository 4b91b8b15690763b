"""Waits as pulumi-kubernetes does them: until an object is ready, or gone.

Rules (`workloads`, `networking`, `cluster`) and explanations (`trouble`) are pure functions over plain
objects; `watching` alone talks to the API server, for all waits of a client together.
"""

from rehearsal.providers.kubernetes.awaiting.deletion import await_deleted
from rehearsal.providers.kubernetes.awaiting.outcome import AwaitCancelled, AwaitFailed
from rehearsal.providers.kubernetes.awaiting.settings import propagation, skips_await
from rehearsal.providers.kubernetes.awaiting.table import seconds_to_wait
from rehearsal.providers.kubernetes.awaiting.waiting import await_ready, explanation, readiness

__all__ = [
    "AwaitCancelled",
    "AwaitFailed",
    "await_deleted",
    "await_ready",
    "explanation",
    "propagation",
    "readiness",
    "seconds_to_wait",
    "skips_await",
]
