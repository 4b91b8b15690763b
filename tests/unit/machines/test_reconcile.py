"""What the controller decides, from facts alone."""

from dataclasses import replace
from typing import Any

import pytest
from machines_samples import account, instance, machine

from rehearsal.machines.model import Interruption
from rehearsal.machines.reconcile import (
    BROKEN,
    INTERRUPTED,
    SHUT_DOWN,
    SHUTDOWN_SECONDS,
    Action,
    Boot,
    Forget,
    Kill,
    Report,
    Seen,
    Shutdown,
    decide,
)

B, M = instance().id, machine().id


def actions(
    *states: str, one_at_a_time: bool = False, notices: tuple[Interruption, ...] = (), **seen: Any
) -> list[Action]:
    """Decisions for a bastion and a machine in the given states."""
    both = zip((instance(), machine()), states, strict=False)
    present = tuple(replace(one, state=state) for one, state in both)
    state = replace(account(), instances=present, interruptions=notices)
    return decide(state, Seen(now=1000.0, **seen), one_at_a_time=one_at_a_time)


def test_instances_that_run_get_machines() -> None:
    assert actions("running", "pending") == [Boot(B), Boot(M)]


def test_under_emulation_one_starts_after_the_other() -> None:
    assert actions("running", "running", one_at_a_time=True) == [Boot(B)]
    busy = {"alive": {B}, "recorded": {B}, "booting": {B}}
    assert actions("running", "running", one_at_a_time=True, **busy) == []
    assert actions("running", "running", one_at_a_time=True, alive={B}, recorded={B}) == [Boot(M)]


def test_what_runs_and_should_is_left_alone() -> None:
    assert actions("running", "running", alive={B, M}, recorded={B, M}, files={B, M}) == []


def test_a_machine_that_went_away_by_itself_is_started_again() -> None:
    assert actions("running", recorded={B}, files={B}) == [Boot(B, again=True)]


def test_but_not_forever() -> None:
    assert actions("running", recorded={B}, crashes={B: 3}) == [Report(B, BROKEN)]


def test_a_power_off_inside_is_told_to_the_account() -> None:
    assert actions("running", recorded={B}, powered_off={B}) == [Report(B, SHUT_DOWN)]


def test_a_disk_without_a_process_is_booted_after_a_restart_of_this_machine() -> None:
    assert actions("running", files={B}) == [Boot(B)]


@pytest.mark.parametrize("state", ["stopping", "stopped", "shutting-down", "terminated"])
def test_an_ended_instance_is_asked_to_shut_down_and_then_made_to(state: str) -> None:
    alive = {"alive": {B}, "recorded": {B}, "files": {B}}
    assert actions(state, **alive) == [Shutdown(B)]
    assert actions(state, **alive, asked={B: 1000.0 - SHUTDOWN_SECONDS + 1}) == []
    assert actions(state, **alive, asked={B: 1000.0 - SHUTDOWN_SECONDS - 1}) == [Kill(B)]


def test_a_stopped_instance_keeps_its_disk_and_a_terminated_one_does_not() -> None:
    assert actions("stopped", recorded={B}, powered_off={B}, files={B}) == [Kill(B)]
    assert actions("stopped", files={B}) == []
    assert actions("terminated", recorded={B}, files={B}) == [Kill(B), Forget(B)]
    assert actions("terminated") == []


def test_a_stopped_instance_that_is_started_again_boots() -> None:
    assert actions("pending", files={B}) == [Boot(B)]


def test_a_machine_of_no_instance_ends() -> None:
    assert actions(alive={"i-x"}, recorded={"i-x"}, files={"i-x"}) == [Shutdown("i-x")]
    assert actions(recorded={"i-x"}, files={"i-x"}) == [Kill("i-x"), Forget("i-x")]


def test_an_interrupted_instance_ends_when_its_time_is_over() -> None:
    running = {"alive": {B}, "recorded": {B}}
    assert actions("running", notices=(Interruption(instance=B, at=1001.0),), **running) == []
    due = (Interruption(instance=B, at=999.0),)
    assert actions("running", notices=due, **running) == [Report(B, INTERRUPTED)]
