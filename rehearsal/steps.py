"""Long work that shows itself: what is being done, how far it is, how long it took, and where its log is.

Several steps may be open at once, in threads. On a terminal they share a live display; elsewhere each prints
a line when it begins, when it ends and every `HEARTBEAT` seconds in between.
"""

import os
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from rehearsal.errors import BerthError

HEARTBEAT = 20.0
TAIL_LINES = 30


class StepFailed(BerthError):
    """A step's command failed: carries the end of its log and the command that repeats it."""

    def __init__(self, step: str, command: Sequence[str], status: int, log: Path) -> None:
        shown = shlex.join(command)
        super().__init__(
            f"{step}: `{shown}` ended with status {status}\n\n{tail(log)}",
            f"The whole log is {log}; to repeat the step by hand: {shown}",
        )
        self.log = log


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    """The last lines of a log file, indented; empty where there is none."""
    try:
        text = log.read_text(errors="replace")
    except OSError:
        return ""
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])


@dataclass
class Step:
    """One open step: say how far it is, or run a command whose output goes to its log."""

    name: str
    log: Path
    show: Callable[[str], None]
    cancelled: threading.Event
    result: str = ""

    def say(self, text: str) -> None:
        """Replace the step's status text, such as `3 of 12 packages`."""
        self.show(text)

    def run(
        self,
        argv: Sequence[str | os.PathLike[str]],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
        on_line: Callable[[str], str | None] | None = None,
        check: bool = True,
    ) -> str:
        """Run a command to its end; returns what it printed (both streams together).

        env is the whole environment, not an addition. on_line may turn a line of output into a status text.

        Raises:
            StepFailed: the command failed and check is set.
            BerthError: the command does not exist.
        """
        command = [os.fspath(part) for part in argv]
        lines: list[str] = []
        with self.log.open("a", buffering=1) as log:
            log.write(f"$ {shlex.join(command)}\n")
            try:
                process = subprocess.Popen(
                    command,
                    cwd=cwd,
                    env=dict(env) if env is not None else None,
                    stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    errors="replace",
                    start_new_session=True,
                )
            except FileNotFoundError:
                raise BerthError(
                    f"{self.name}: the program {command[0]!r} is not on this machine",
                    "`berth doctor` lists what is missing and how to get it.",
                ) from None
            watcher = threading.Thread(target=self._stop_when_cancelled, args=(process,), daemon=True)
            watcher.start()
            try:
                if stdin is not None and process.stdin:
                    process.stdin.write(stdin)
                    process.stdin.close()
                for line in process.stdout or ():
                    log.write(line)
                    lines.append(line)
                    text = on_line(line.rstrip("\n")) if on_line else None
                    if text:
                        self.say(text)
                status = process.wait()
            finally:
                if process.poll() is None:
                    _signal_group(process, signal.SIGTERM)
                    process.wait()
        if status and check:
            raise StepFailed(self.name, command, status, self.log)
        return "".join(lines)

    def _stop_when_cancelled(self, process: "subprocess.Popen[str]") -> None:
        while process.poll() is None:
            if self.cancelled.wait(0.5):
                _signal_group(process, signal.SIGTERM)
                return


def _signal_group(process: "subprocess.Popen[str]", number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


@dataclass
class Steps:
    """The display and the timings of one command's steps."""

    logs: Path
    console: Console = field(default_factory=lambda: Console(stderr=True))
    timings: list[tuple[str, float]] = field(default_factory=list)
    cancelled: threading.Event = field(default_factory=threading.Event)
    _progress: Progress | None = None
    _open: int = 0
    _guard: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def step(self, name: str, *, expected: str = "") -> Iterator[Step]:
        """Open a step. expected says how long it usually takes, for people: `about 6 minutes`."""
        self.logs.mkdir(parents=True, exist_ok=True)
        log = self.logs / f"{name.lower().replace(' ', '-').replace('/', '-')}.log"
        log.write_text("")
        began = time.monotonic()
        task = self._begin(name, expected)
        last = began

        def show(text: str) -> None:
            nonlocal last
            if self._progress is not None and task is not None:
                self._progress.update(task, status=text)
            elif time.monotonic() - last > HEARTBEAT:
                last = time.monotonic()
                self.console.print(
                    f"    {name}: {text} ({last - began:.0f} s)", highlight=False, markup=False
                )

        step = Step(name=name, log=log, show=show, cancelled=self.cancelled)
        mark = "[red]failed[/]"
        try:
            yield step
            mark = "[green]done[/]"
        except KeyboardInterrupt:
            self.cancelled.set()
            mark = "[yellow]interrupted[/]"
            raise
        finally:
            if self.cancelled.is_set() and "failed" in mark:
                mark = "[yellow]interrupted[/]"
            took = time.monotonic() - began
            self._end(task)
            self.timings.append((name, took))
            result = f" [dim]{step.result}[/]" if step.result else ""
            self.console.print(f"  {mark} {name} [dim]{took:.1f} s[/]{result}", highlight=False)

    def _begin(self, name: str, expected: str) -> TaskID | None:
        with self._guard:
            if not self.console.is_terminal:
                note = f" ({expected})" if expected else ""
                self.console.print(f"  … {name}{note}", highlight=False, markup=False)
                return None
            if self._progress is None:
                self._progress = Progress(
                    SpinnerColumn(),
                    TextColumn("{task.description}"),
                    TimeElapsedColumn(),
                    TextColumn("[dim]{task.fields[status]}", markup=True),
                    console=self.console,
                    transient=True,
                )
                self._progress.start()
            self._open += 1
            return self._progress.add_task(name, total=None, status=expected)

    def _end(self, task: TaskID | None) -> None:
        with self._guard:
            if self._progress is None or task is None:
                return
            self._progress.remove_task(task)
            self._open -= 1
            if self._open == 0:
                self._progress.stop()
                self._progress = None
