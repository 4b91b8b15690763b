"""Replays: what a policy would have done with a job, and what that would have cost.

Spot in a zone is available for a whole step or not at all; a machine in a zone that loses it is interrupted
between two steps, without notice. Machines are billed by the second from launch to stop, the start included,
at the price of the step. A planned stop saves a checkpoint, an interruption loses what was done since the
last one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from infra.spend.planner.model import (
    HOUR_S,
    START,
    Job,
    Outlook,
    Placement,
    Situation,
    launch_s,
    transfer_usd,
)
from infra.spend.planner.policies import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What has been counted: dollars, seconds and events.

    starting_s: paid for, but not working. lost_s: work done again because an interruption came before its
    checkpoint. launches: the first one and those after a move included.
    """

    instances_usd: float = 0.0
    egress_usd: float = 0.0
    copies_usd: float = 0.0
    spot_s: int = 0
    on_demand_s: int = 0
    starting_s: int = 0
    lost_s: int = 0
    waited_s: int = 0
    launches: int = 0
    interruptions: int = 0
    copies: int = 0

    @property
    def cost_usd(self) -> float:
        """All of it."""
        return self.instances_usd + self.egress_usd + self.copies_usd


@dataclass(frozen=True, slots=True)
class Step:
    """A decision, and what it was made of: `policy.decide(job, outlook, situation)` gives it again."""

    outlook: Outlook
    situation: Situation
    decision: Placement | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """How a job went. finished_s: from the start; None: not before the traces ended."""

    policy: str
    job: Job
    finished_s: int | None
    tally: Tally
    steps: tuple[Step, ...]

    @property
    def missed_deadline(self) -> bool:
        """Whether the work was not done in time."""
        return self.finished_s is None or self.finished_s > self.job.deadline_s


def replay(policy: Policy, job: Job, outlooks: Sequence[Outlook]) -> Replay:
    """Let a policy decide at each step of what was known (`traces.outlooks`) until the work is done.

    Raises ValueError where the traces end before the deadline, or the policy launches what is not there.
    """
    covered_s = sum(outlook.step_s for outlook in outlooks)
    if covered_s < job.deadline_s:
        raise ValueError(f"the traces cover {covered_s} s, the deadline is at {job.deadline_s} s")
    situation, tally, steps = START, Tally(), []
    for outlook in outlooks:
        situation, tally = interrupt(outlook, situation, tally)
        decision = policy.decide(job, outlook, situation)
        steps.append(Step(outlook, situation, decision))
        situation, tally = place(job, outlook, situation, tally, decision)
        situation, tally = advance(job, outlook, situation, tally)
        if situation.done_s == job.work_s:
            break
    finished_s = situation.now_s if situation.done_s == job.work_s else None
    return Replay(policy=policy.name, job=job, finished_s=finished_s, tally=tally, steps=tuple(steps))


def interrupt(outlook: Outlook, situation: Situation, tally: Tally) -> tuple[Situation, Tally]:
    """Take away a spot machine whose zone has no spot any more, and what it had not saved."""
    here = situation.placement
    if here is None or here.on_demand or outlook.offer(here.zone).available:
        return situation, tally
    lost_s = situation.done_s - situation.saved_s
    return (
        replace(situation, placement=None, starting_s=0, done_s=situation.saved_s),
        replace(tally, lost_s=tally.lost_s + lost_s, interruptions=tally.interruptions + 1),
    )


def place(
    job: Job, outlook: Outlook, situation: Situation, tally: Tally, decision: Placement | None
) -> tuple[Situation, Tally]:
    """Stop, launch or move as decided. Raises ValueError where zone, spot or egress price is missing."""
    if decision == situation.placement:
        return situation, tally
    stopped = replace(situation, placement=None, starting_s=0, saved_s=situation.done_s)
    if decision is None:
        return stopped, tally
    offer = outlook.offer(decision.zone)
    if not (decision.on_demand or offer.available):
        raise ValueError(f"no spot in zone {decision.zone} at {situation.now_s} s")
    starting_s = launch_s(job, stopped, offer.region)
    egress_usd, copy_usd = transfer_usd(job, outlook, stopped, offer.region)
    copied = stopped.done_s > 0 and stopped.home != offer.region
    return (
        replace(stopped, placement=decision, starting_s=starting_s, home=offer.region),
        replace(
            tally,
            launches=tally.launches + 1,
            egress_usd=tally.egress_usd + egress_usd,
            copies_usd=tally.copies_usd + copy_usd,
            copies=tally.copies + copied,
        ),
    )


def advance(job: Job, outlook: Outlook, situation: Situation, tally: Tally) -> tuple[Situation, Tally]:
    """Let a step pass, or what is left of the work."""
    here = situation.placement
    if here is None:
        now_s = situation.now_s + outlook.step_s
        return replace(situation, now_s=now_s), replace(tally, waited_s=tally.waited_s + outlook.step_s)
    started_s = min(situation.starting_s, outlook.step_s)
    worked_s = min(outlook.step_s - started_s, job.work_s - situation.done_s)
    done_s = situation.done_s + worked_s
    unsaved_s = (done_s - situation.saved_s) % job.checkpoint_every_s
    ran_s = started_s + worked_s
    offer = outlook.offer(here.zone)
    price = offer.on_demand_usd if here.on_demand else offer.spot_usd
    return (
        replace(
            situation,
            now_s=situation.now_s + ran_s,
            starting_s=situation.starting_s - started_s,
            done_s=done_s,
            saved_s=done_s - unsaved_s,
        ),
        replace(
            tally,
            instances_usd=tally.instances_usd + price * ran_s / HOUR_S,
            spot_s=tally.spot_s + (0 if here.on_demand else ran_s),
            on_demand_s=tally.on_demand_s + (ran_s if here.on_demand else 0),
            starting_s=tally.starting_s + started_s,
        ),
    )
