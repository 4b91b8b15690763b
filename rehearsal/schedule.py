"""Runs tasks that depend on one another in parallel threads, one at a time in each lane.

A lane is a resource that tasks share: two Go builds at once would only slow each other down. The first
failure, or a signal, cancels what is running and starts nothing more; what has been finished stays finished.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

CANCEL_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Task:
    """A piece of work. after: names of the tasks it needs. lane: one task at a time in each; "" is free."""

    name: str
    run: Callable[[], None]
    after: tuple[str, ...] = ()
    lane: str = ""


def order(tasks: Sequence[Task]) -> list[Task]:
    """The tasks in an order in which each comes after what it needs, otherwise as given.

    Raises:
        ValueError: a task needs one that does not exist, or itself.
    """
    known = {task.name for task in tasks}
    for task in tasks:
        if unknown := [name for name in task.after if name not in known]:
            raise ValueError(f"{task.name} comes after {unknown}, which nobody does")
    done: set[str] = set()
    ordered: list[Task] = []
    while len(ordered) < len(tasks):
        ready = next((t for t in tasks if t.name not in done and done.issuperset(t.after)), None)
        if ready is None:
            raise ValueError(f"these tasks wait for one another: {sorted(known - done)}")
        ordered.append(ready)
        done.add(ready.name)
    return ordered


def run_all(tasks: Sequence[Task], cancelled: threading.Event) -> None:
    """Run every task; returns when all are done.

    cancelled is set at the first failure or signal, for the running tasks to see.

    Raises:
        the first failure, or KeyboardInterrupt, once the running tasks have ended or `CANCEL_SECONDS` passed.
    """
    run = _Run(order(tasks))
    try:
        run.to_the_end()
    except BaseException:
        cancelled.set()
        run.wind_down()
        raise


class _Run:
    def __init__(self, tasks: list[Task]) -> None:
        self.waiting = tasks
        self.running: dict[str, Task] = {}
        self.done: set[str] = set()
        self.ended: queue.SimpleQueue[tuple[str, BaseException | None]] = queue.SimpleQueue()

    def to_the_end(self) -> None:
        self._begin()
        while self.running:
            try:
                # A bounded wait lets Python handle signals in between.
                name, failure = self.ended.get(timeout=0.5)
            except queue.Empty:
                continue
            del self.running[name]
            if failure is not None:
                raise failure
            self.done.add(name)
            self._begin()

    def wind_down(self) -> None:
        until = time.monotonic() + CANCEL_SECONDS
        while self.running and (left := until - time.monotonic()) > 0:
            try:
                self.running.pop(self.ended.get(timeout=left)[0], None)
            except queue.Empty:
                return

    def _begin(self) -> None:
        for task in list(self.waiting):
            busy = {other.lane for other in self.running.values() if other.lane}
            if self.done.issuperset(task.after) and task.lane not in busy:
                self.waiting.remove(task)
                self.running[task.name] = task
                threading.Thread(target=self._work, args=(task,), name=task.name, daemon=True).start()

    def _work(self, task: Task) -> None:
        try:
            task.run()
        except BaseException as failure:  # noqa: BLE001 - raised again in the caller's thread
            self.ended.put((task.name, failure))
        else:
            self.ended.put((task.name, None))
