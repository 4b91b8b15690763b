"""What a replay counts."""

from dataclasses import dataclass

import pytest

from infra.spend.planner.model import HOUR_S, Job, Outlook, Placement, Situation, Transfers
from infra.spend.planner.policies import Greedy, OnDemandOnly
from infra.spend.planner.simulator import replay
from infra.spend.planner.traces import Trace, outlooks

A, B = Placement("a", on_demand=False), Placement("b", on_demand=False)
A_ON_DEMAND = Placement("a", on_demand=True)
TRANSFERS = Transfers(egress_usd={("r-a", "r-b"): 0.02, ("r-b", "r-a"): 0.04}, copy_usd=0.01)


@dataclass(frozen=True)
class Scripted:
    """Decides what it is told, an hour each."""

    decisions: tuple[Placement | None, ...]
    name: str = "scripted"

    def decide(self, job: Job, outlook: Outlook, situation: Situation) -> Placement | None:
        return self.decisions[situation.now_s // outlook.step_s]


def hourly(zone: str, available: str, price: float = 1.0) -> Trace:
    """An hour for each character: x is without spot."""
    return Trace(
        zone=zone,
        region=f"r-{zone}",
        gap_s=HOUR_S,
        available=tuple(mark != "x" for mark in available),
        spot_usd=(price,) * len(available),
        on_demand_usd=3.0,
    )


def job(work: float, deadline: float = 6, *, restart: float = 0.25, copy: float = 0.0) -> Job:
    return Job.in_hours(
        work=work, deadline=deadline, restart=restart, checkpoint_every=0.5, checkpoint_gb=10, copy=copy
    )


def test_on_demand_is_billed_by_the_second_from_launch_to_end() -> None:
    done = replay(OnDemandOnly(), job(2.5), outlooks([hourly("a", "xxxxxx")]))
    assert done.finished_s == 2.75 * HOUR_S
    assert done.tally.cost_usd == pytest.approx(2.75 * 3.0)
    assert (done.tally.launches, done.tally.interruptions, done.tally.starting_s) == (1, 0, 900)
    assert not done.missed_deadline
    assert [step.decision for step in done.steps] == [A_ON_DEMAND] * 3


def test_an_interruption_loses_what_no_checkpoint_has() -> None:
    """0.75 h worked, 0.5 h saved; the second launch does the rest."""
    done = replay(Greedy("a"), job(2), outlooks([hourly("a", ".x....")]))
    assert done.tally.lost_s == 0.25 * HOUR_S
    assert (done.tally.launches, done.tally.interruptions) == (2, 1)
    assert done.tally.waited_s == HOUR_S
    assert done.finished_s == (2 + 0.25 + 1.5) * HOUR_S
    assert done.tally.cost_usd == pytest.approx(1.0 * (1 + 0.25 + 1.5))


def test_a_planned_stop_loses_nothing() -> None:
    script = Scripted((A, None, A, A, A, A))
    done = replay(script, job(2), outlooks([hourly("a", "......")]))
    assert (done.tally.lost_s, done.tally.launches, done.tally.interruptions) == (0, 2, 0)
    assert done.finished_s == (2 + 0.25 + 1.25) * HOUR_S


def test_a_move_to_another_region_pays_for_the_checkpoint_and_takes_longer() -> None:
    script = Scripted((A, B, A, A, A, A))
    known = outlooks([hourly("a", "......"), hourly("b", "......", 0.5)], TRANSFERS)
    done = replay(script, job(2, copy=0.25), known)
    assert done.tally.egress_usd == pytest.approx(10 * 0.02 + 10 * 0.04)
    assert done.tally.copies == 2
    assert done.tally.copies_usd == pytest.approx(2 * 10 * 0.01)
    assert done.tally.starting_s == (0.25 + 0.5 + 0.5) * HOUR_S
    assert done.tally.instances_usd == pytest.approx(1 + 0.5 + 0.5 + 0.75)
    assert done.tally.cost_usd == pytest.approx(0.6 + 0.2 + 2.75)


def test_nothing_is_moved_before_there_is_work_to_move() -> None:
    script = Scripted((A, B, B, B, B, B))
    known = outlooks([hourly("a", "......"), hourly("b", "......")], TRANSFERS)
    done = replay(script, job(2, restart=1.0), known)
    assert (done.tally.copies, done.tally.egress_usd, done.tally.launches) == (0, 0.0, 2)


def test_a_start_goes_on_over_steps_and_is_lost_with_the_machine() -> None:
    done = replay(Greedy("a"), job(1, 9, restart=1.5), outlooks([hourly("a", ".x.......")]))
    assert done.tally.starting_s == 2.5 * HOUR_S
    assert done.tally.lost_s == 0
    assert done.finished_s == 4.5 * HOUR_S


def test_work_that_is_never_done_is_a_missed_deadline() -> None:
    late = replay(Scripted((None,) * 6), job(1), outlooks([hourly("a", "......")]))
    assert late.missed_deadline
    assert late.finished_s is None
    assert replay(OnDemandOnly(), job(6, 6), outlooks([hourly("a", "." * 9)])).missed_deadline


def test_a_replay_refuses_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="cover 7200 s, the deadline is at 21600 s"):
        replay(OnDemandOnly(), job(1), outlooks([hourly("a", "..")]))
    with pytest.raises(ValueError, match="no spot in zone a at 0 s"):
        replay(Scripted((A,) * 6), job(1), outlooks([hourly("a", "x.....")]))
