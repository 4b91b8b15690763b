"""The program `berth-helm`: brought when it is first needed, called with JSON, cancelled by a signal."""

import contextlib
import functools
import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rehearsal import artifacts
from rehearsal.errors import BerthError
from rehearsal.paths import paths

PROGRAM = artifacts.GoProgram(
    name="helm",
    module=Path(__file__).parent / "module",
    packages={"berth-helm": "."},
    expected="about a minute",
)
CANCEL_CHECK = 0.25  # seconds
CANCEL_GRACE = 5.0


class HelmError(BerthError):
    """Helm refused or failed. kind: `not-found`, `cancelled` or empty. release: what is known of it."""

    def __init__(self, message: str, kind: str = "", release: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.release = release


_building = threading.Lock()


@functools.cache
def _executable() -> Path:
    with _building:
        where = paths()
        if artifacts.present(PROGRAM, where):
            return artifacts.directory(PROGRAM, where) / "berth-helm"
        from rich.console import Console

        from rehearsal.steps import Steps

        # standard error is the engine's: the build shows itself in its log and through `say` only
        with Steps(where.logs, console=Console(quiet=True)).step("helm") as step:
            return artifacts.ensure(PROGRAM, where, step) / "berth-helm"


def ready() -> bool:
    """Whether the program is there, so that the next call is quick."""
    return artifacts.present(PROGRAM, paths())


def call(
    request: dict[str, Any],
    *,
    env: dict[str, str] | None = None,
    say: Callable[[str], None] = lambda _: None,
    cancelled: threading.Event | None = None,
) -> dict[str, Any]:
    """One operation; returns the answer's `release` and `objects`.

    say gets Helm's progress lines. The program is built first where that has not been done.

    Raises:
        HelmError: Helm refused or failed, or the run was cancelled.
    """
    if not ready():
        say(f"building Helm (once, {PROGRAM.expected})")
    process = subprocess.Popen(
        [_executable()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
        start_new_session=True,
    )
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise AssertionError
    progress: list[str] = []
    threads = [
        threading.Thread(target=_relay, args=(process.stderr, progress, say), daemon=True),
        threading.Thread(target=_cancel, args=(process, cancelled), daemon=True),
    ]
    for thread in threads:
        thread.start()
    process.stdin.write(json.dumps(request))
    process.stdin.close()
    output = process.stdout.read()
    process.wait()
    threads[0].join(1.0)
    try:
        answer: dict[str, Any] = json.loads(output)
    except ValueError:
        kind = "cancelled" if cancelled is not None and cancelled.is_set() else ""
        tail = "\n".join(progress[-10:])
        raise HelmError(f"Helm ended with status {process.returncode} and no answer\n{tail}", kind) from None
    if answer.get("error"):
        raise HelmError(answer["error"], answer.get("kind", ""), answer.get("release"))
    return answer


def _relay(stream: Any, kept: list[str], say: Callable[[str], None]) -> None:
    for line in stream:
        text = line.strip()
        if text:
            kept.append(text)
            say(text)


def _cancel(process: "subprocess.Popen[str]", cancelled: threading.Event | None) -> None:
    while cancelled is not None and process.poll() is None:
        if not cancelled.wait(CANCEL_CHECK):
            continue
        _signal(process, signal.SIGTERM)
        try:
            process.wait(CANCEL_GRACE)
        except subprocess.TimeoutExpired:
            _signal(process, signal.SIGKILL)
        return


def _signal(process: "subprocess.Popen[str]", number: signal.Signals) -> None:
    """Signal Helm and what it has started: post-renderers, credential helpers."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
