"""Times, peak memory and peak disk of the user's commands, from a clean clone in an empty home.

    python tests/bench/rehearsal_times.py cold [ENV]  # clone, ./scripts/up with nothing cached, then the rest
    python tests/bench/rehearsal_times.py warm [ENV]  # in this checkout: up twice, preview, down

Memory is the largest sum, sampled every second, of the proportional set sizes (Pss, proc(5)) of all processes
that started after the benchmark did, except its own. Disk is the largest growth of the used space of the file
system that holds the caches. Prints one JSON object; `--markdown` a table for docs/benchmarks.md.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

CHECKOUT = Path(__file__).resolve().parents[2]
# Of docs/benchmarks.md; None: recorded without one.
TARGETS: dict[str, dict[str, float | None]] = {
    "local": {
        "up, nothing cached": 15 * 60,
        "up, programs in the cache": None,
        "up again": 60,
        "preview without a change": 6,
        "down": 30,
        "peak memory, GiB": 4,
        "peak disk, GiB": 12,
    },
    "aws-vm": {
        "up, nothing cached": None,
        "up, programs in the cache": 6 * 60,
        "up again": None,
        "preview without a change": 8,
        "down": None,
        "peak memory, GiB": None,
        "peak disk, GiB": None,
    },
}


def started(pid: str) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


def memory_since(tick: int, own: int) -> int:
    """Bytes of Pss of every process that started after `tick`, except `own`."""
    total = 0
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit() or int(entry.name) == own:
            continue
        try:
            if started(entry.name) <= tick:
                continue
            for line in Path(f"/proc/{entry.name}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        except (OSError, IndexError):
            continue
    return total


@dataclass
class Peaks:
    """Samples memory and disk in a thread until it is closed."""

    where: Path
    memory: int = 0
    disk: int = 0
    _done: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._tick, self._disk_before = started("self"), shutil.disk_usage(self.where).used
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._done.wait(1):
            self.memory = max(self.memory, memory_since(self._tick, os.getpid()))
            self.disk = max(self.disk, shutil.disk_usage(self.where).used - self._disk_before)


def timed(command: list[str], cwd: Path, env: dict[str, str]) -> float:
    print(f"$ {' '.join(command)}", file=sys.stderr, flush=True)
    began = time.monotonic()
    subprocess.run(command, cwd=cwd, env=env, check=True, stdout=sys.stderr)
    return time.monotonic() - began


def clean_environment(home: Path) -> dict[str, str]:
    """What a login shell would have on a fresh machine, and how package clients are set up here."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("PIP_", "UV_", "GO", "SSL_", "LANG"))
    }
    kept.pop("GOPATH", None)
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return kept | {"HOME": str(home), "PATH": path, "TERM": "dumb"}


def measure(kind: str, environment: str) -> dict[str, float]:
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="berth-bench-") as scratch:
        checkout, env = CHECKOUT, dict(os.environ)
        if kind == "cold":
            checkout, home = Path(scratch) / "berth", Path(scratch) / "home"
            home.mkdir()
            env = clean_environment(home)
            subprocess.run(["git", "clone", "-q", CHECKOUT, checkout], check=True)
        berth = str(checkout / ".venv" / "bin" / "berth")
        try:
            with Peaks(Path(scratch)) as peaks:
                first = "up, nothing cached" if kind == "cold" else "up, programs in the cache"
                figures[first] = timed(["./scripts/up", environment], checkout, env)
                figures["up again"] = timed(["./scripts/up", environment], checkout, env)
                preview = [berth, "rehearse", "preview", environment]
                timed(preview, checkout, env)
                figures["preview without a change"] = min(timed(preview, checkout, env) for _ in range(3))
            figures["peak memory, GiB"] = peaks.memory / 2**30
            figures["peak disk, GiB"] = peaks.disk / 2**30
        finally:
            figures["down"] = timed(["./scripts/down", environment], checkout, env)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=["cold", "warm"])
    parser.add_argument("environment", nargs="?", default="local", choices=sorted(TARGETS))
    parser.add_argument("--markdown", action="store_true")
    arguments = parser.parse_args()
    figures = measure(arguments.kind, arguments.environment)
    machine = (
        f"{os.cpu_count()} cores, {os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"
    )
    if arguments.markdown:
        system = f"Linux {platform.release()}, {time.strftime('%Y-%m-%d')}"
        print(f"{arguments.kind} {arguments.environment} on {machine}, {system}\n")
        print("| what | measured | target |\n|---|---|---|")
        for name, value in figures.items():
            unit = "" if name.endswith("GiB") else " s"
            target = TARGETS[arguments.environment][name]
            wanted = "" if target is None else f"≤ {target}{unit}"
            print(f"| {name} | {value:.1f}{unit} | {wanted} |")
    else:
        told = {"machine": machine, "kind": arguments.kind, "environment": arguments.environment}
        print(json.dumps({**told, **figures}, indent=2))


if __name__ == "__main__":
    main()
