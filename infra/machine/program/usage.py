"""How busy the GPUs are, in slots of five minutes of the last day: utilization.json in the bucket.

A sample is the busiest GPU's share of a moment of up to a second in which it did anything.
https://docs.nvidia.com/deploy/nvml-api/structnvmlUtilization__t.html
"""

# ruff: noqa: TC001 # a block for type checking would be shipped for nothing
from __future__ import annotations

import json
import time

from .machine import Machine
from .report import Report, utc

SLOT, SECONDS, KEPT = 300, 15, 288
FILE = "/var/lib/berth/utilization.json"
ASK = ("nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits")


def watch(machine: Machine, report: Report) -> None:
    """Until the machine ends. A slot without a sample, because the driver does not answer, is left out."""
    while True:
        seen: list[int] = []
        for _ in range(SLOT // SECONDS):
            status, text = machine.ask(*ASK, seconds=60)
            found = [int(word) for word in text.split() if word.isdigit() and not status]
            seen += [max(found)] if found else []
            time.sleep(SECONDS)
        record(machine, report, seen)


def record(machine: Machine, report: Report, seen: list[int]) -> None:
    """Add a slot that ends now. seen: its samples, in percent."""
    slots = json.loads(machine.read(FILE) or "[]")
    if seen:
        slots.append({"end": utc(), "mean": sum(seen) / len(seen), "max": max(seen)})
    text = json.dumps(slots[-KEPT:])
    machine.write(FILE, text)
    report.upload("utilization.json", text.encode())
