"""Policies: where to run next. Each is a value whose `decide` depends on nothing but its arguments.

Uniform Progress and the last safe moment ("greedy") follow "Can't Be Late: Optimizing Spot Instance Savings
under Deadlines" (Wu et al., NSDI 2024, https://www.usenix.org/conference/nsdi24/presentation/wu-zhanghao),
which finds that Uniform Progress, parameter-free, closes the gap between greedy and an omniscient policy by
2x and saves 27 % to 84 % against on-demand on the workloads that it measures. Both stay in one zone.

Several zones and regions save more. A policy found by search that switches regions saves up to 48 % over
Uniform Progress (https://ucbskyadrs.github.io/blog/spot-instance-scheduling); SkyNomad, which weighs
availability, lifetime, price and the cost of moving, 1.25x to 3.96x (https://arxiv.org/abs/2601.06520).
`MultiZone` is the simple form: it predicts nothing, and moves where it is cheaper or where spot is to be had.

The deadline. A risk is a step spent waiting or on spot. It is taken only where a machine on demand, launched
at the next decision, would still finish in time though the step adds nothing and the unsaved work is lost. So
an interruption may strike at any moment of a step, not only between two.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from infra.spend.planner.model import (
    HOUR_S,
    Job,
    Offer,
    Outlook,
    Placement,
    Situation,
    launch_s,
    transfer_usd,
)


class Policy(Protocol):
    """What decides."""

    @property
    def name(self) -> str:
        """What tables call it."""

    def decide(self, job: Job, outlook: Outlook, situation: Situation) -> Placement | None:
        """Where to run until the next decision; None: nowhere, wait.

        An interrupted machine is no longer in the situation. Raises ValueError where a zone or a price that
        it needs is not in the outlook.
        """


class Pace(Enum):
    """When on demand is paid for: at the last safe moment, or whenever the job is behind a steady pace."""

    LAST_SAFE_MOMENT = "last safe moment"
    UNIFORM = "uniform progress"

    def behind(self, job: Job, situation: Situation) -> bool:
        """Whether a job that runs nowhere should be put on demand though waiting is safe."""
        return self is Pace.UNIFORM and not _on_pace(job, situation, situation.now_s)

    def may_leave_on_demand(self, job: Job, situation: Situation) -> bool:
        """Whether the job is so far ahead that going back to on demand at once would not put it behind.

        Two launches: one of what follows, one back (the paper's rule of hysteresis).
        """
        return self is not Pace.UNIFORM or _on_pace(job, situation, situation.now_s + 2 * job.reserve_s)


def _on_pace(job: Job, situation: Situation, moment_s: int) -> bool:
    """Whether the work done is the share of all work that the moment is of the deadline, or more."""
    return situation.done_s * job.deadline_s >= job.work_s * moment_s


def may_risk(job: Job, outlook: Outlook, situation: Situation, kept_s: int) -> bool:
    """Whether on-demand, launched at the next decision with kept_s seconds of work kept, is still in time."""
    ready_s = situation.now_s + outlook.step_s + job.reserve_s
    return ready_s + job.work_s - kept_s <= job.deadline_s


def _cheapest_on_demand(job: Job, outlook: Outlook, situation: Situation) -> Placement:
    left_s = job.work_s - situation.done_s

    def total_usd(offer: Offer) -> float:
        hours = (left_s + launch_s(job, situation, offer.region)) / HOUR_S
        return offer.on_demand_usd * hours + sum(transfer_usd(job, outlook, situation, offer.region))

    return Placement(min(outlook.offers, key=total_usd).zone, on_demand=True)


def _paced(
    pace: Pace,
    known: tuple[Job, Outlook, Situation],
    *,
    spot: Callable[[], Placement | None],
    fall_back: Callable[[], Placement],
    hysteresis: bool,
) -> Placement | None:
    """Spot, where there is some and the risk may be taken; on demand as pace and deadline ask for it.

    hysteresis: on demand is kept until the job is ahead, spot or not, and left then; otherwise only for spot.
    """
    job, outlook, situation = known
    here = situation.placement
    if here and not here.on_demand:
        return spot() if may_risk(job, outlook, situation, situation.saved_s) else fall_back()
    if not may_risk(job, outlook, situation, situation.done_s):
        return here or fall_back()
    if here and hysteresis and not pace.may_leave_on_demand(job, situation):
        return here
    found = spot()
    if found:
        return found
    if here:
        return None if hysteresis else here
    return fall_back() if pace.behind(job, situation) else None


@dataclass(frozen=True, slots=True)
class OnDemandOnly:
    """On demand from start to end, in the zone that is cheapest at the start."""

    @property
    def name(self) -> str:
        """What tables call it."""
        return "on-demand only"

    def decide(self, job: Job, outlook: Outlook, situation: Situation) -> Placement | None:
        """Never waits."""
        return situation.placement or _cheapest_on_demand(job, outlook, situation)


@dataclass(frozen=True, slots=True)
class _OneZone:
    zone: str

    def _decide(self, pace: Pace, job: Job, outlook: Outlook, situation: Situation) -> Placement | None:
        available = outlook.offer(self.zone).available
        return _paced(
            pace,
            (job, outlook, situation),
            spot=lambda: Placement(self.zone, on_demand=False) if available else None,
            fall_back=lambda: Placement(self.zone, on_demand=True),
            hysteresis=True,
        )


@dataclass(frozen=True, slots=True)
class Greedy(_OneZone):
    """Spot in one zone whenever it is to be had; on demand from the last safe moment to the end."""

    @property
    def name(self) -> str:
        """What tables call it."""
        return "greedy, one zone"

    def decide(self, job: Job, outlook: Outlook, situation: Situation) -> Placement | None:
        """Waits without spot until the last safe moment."""
        return self._decide(Pace.LAST_SAFE_MOMENT, job, outlook, situation)


@dataclass(frozen=True, slots=True)
class UniformProgress(_OneZone):
    """Spot in one zone whenever it is to be had; on demand where the job is behind a steady pace.

    The paper's rules: take spot whenever there is some and keep it (risk, exploitation); on demand when idle
    and behind (uniform progress), until ahead by two launches (hysteresis); on demand to the end when no more
    time can be risked (safety net). Section 5.2.2.
    """

    @property
    def name(self) -> str:
        """What tables call it."""
        return "uniform progress, one zone"

    def decide(self, job: Job, outlook: Outlook, situation: Situation) -> Placement | None:
        """Waits without spot while the job is not behind."""
        return self._decide(Pace.UNIFORM, job, outlook, situation)


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiZone:
    """The cheapest spot of all zones, the move counted in; without spot, on demand as the pace asks for it.

    On demand is left for spot as soon as that pays for the launch, ahead or not: with several zones to go on
    in, an interruption seldom means going back. It is not left to wait, which would cost another launch.

    horizon_s: for how long a price is trusted to last: a move must pay for itself within it. Spot was
    there for 0.7 to 10.4 hours at a time, on average, in zones whose traces of a V100 are public
    (https://github.com/skypilot-org/spot-traces). margin: by what share it must be cheaper, so that prices
    that cross each other do not make the job commute.
    """

    pace: Pace
    horizon_s: int = 2 * HOUR_S
    margin: float = 0.05

    @property
    def name(self) -> str:
        """What tables call it."""
        return f"multi-zone, {self.pace.value}"

    def decide(self, job: Job, outlook: Outlook, situation: Situation) -> Placement | None:
        """Waits where no zone has spot, the job is not behind, and waiting is safe."""
        return _paced(
            self.pace,
            (job, outlook, situation),
            spot=lambda: self._spot(job, outlook, situation),
            fall_back=lambda: _cheapest_on_demand(job, outlook, situation),
            hysteresis=False,
        )

    def _spot(self, job: Job, outlook: Outlook, situation: Situation) -> Placement | None:
        here = situation.placement
        work_s = min(job.work_s - situation.done_s, self.horizon_s)

        def launched_usd(offer: Offer) -> float:
            hours = (work_s + launch_s(job, situation, offer.region)) / HOUR_S
            return offer.spot_usd * hours + sum(transfer_usd(job, outlook, situation, offer.region))

        others = [
            one for one in outlook.offers if one.available and Placement(one.zone, on_demand=False) != here
        ]
        best = min(others, key=launched_usd, default=None)
        if not here:
            return Placement(best.zone, on_demand=False) if best else None
        now = outlook.offer(here.zone)
        staying_usd = (now.on_demand_usd if here.on_demand else now.spot_usd) * (
            (work_s + situation.starting_s) / HOUR_S
        )
        if best and launched_usd(best) < staying_usd * (1 - self.margin):
            return Placement(best.zone, on_demand=False)
        return here
