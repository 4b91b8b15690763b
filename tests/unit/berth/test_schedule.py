import threading
import time

import pytest

from rehearsal.schedule import Task, order, run_all


def nothing() -> None: ...


def test_each_task_comes_after_what_it_needs() -> None:
    tasks = [
        Task(name="c", run=nothing, after=("b",)),
        Task(name="b", run=nothing, after=("a",)),
        Task(name="a", run=nothing),
    ]
    assert [task.name for task in order(tasks)] == ["a", "b", "c"]


def test_an_unknown_predecessor_and_a_circle_are_refused() -> None:
    with pytest.raises(ValueError, match="which nobody does"):
        order([Task(name="a", run=nothing, after=("x",))])
    with pytest.raises(ValueError, match="wait for one another"):
        order([Task(name="a", run=nothing, after=("b",)), Task(name="b", run=nothing, after=("a",))])


def test_tasks_of_one_lane_take_turns_and_others_run_beside_them() -> None:
    guard, inside, most = threading.Lock(), [0], [0]
    beside = threading.Event()

    def build() -> None:
        with guard:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        assert beside.wait(5), "a task outside the lane must not wait for it"
        with guard:
            inside[0] -= 1

    run_all(
        [
            Task(name="one", run=build, lane="go"),
            Task(name="two", run=build, lane="go"),
            Task(name="image", run=beside.set, lane="image"),
        ],
        threading.Event(),
    )
    assert most == [1]


def test_the_first_failure_cancels_the_rest_and_is_raised() -> None:
    cancelled, later = threading.Event(), []

    def fail() -> None:
        raise RuntimeError("no")

    def patient() -> None:
        cancelled.wait(10)

    began = time.monotonic()
    with pytest.raises(RuntimeError, match="no"):
        run_all(
            [
                Task(name="patient", run=patient),
                Task(name="fail", run=fail),
                Task(name="later", run=lambda: later.append(1), after=("patient",)),
            ],
            cancelled,
        )
    assert time.monotonic() - began < 5, "cancelling must take seconds at most"
    assert later == [], "nothing may be started after a failure"
