"""What to do with a job before it begins: where, when to move, when on demand at the latest, and the cost.

The policy is the several-zone one, in whichever pace is cheaper in the replays. What is expected is what the
replays cost; they are of the past or made up, and the deadline's promise does not rest on them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from infra.spend.planner.model import HOUR_S, START, Job, Offer, Outlook, Placement, Transfers
from infra.spend.planner.policies import MultiZone, OnDemandOnly, Pace, Policy
from infra.spend.planner.simulator import replay
from infra.spend.planner.synthetic import Climate, generate
from infra.spend.planner.traces import Trace, TraceError, outlooks

# A replay asks the policy at each step: with more steps a long job would take minutes to plan.
_MOST_STEPS, _SHORTEST_STEP_S = 480, 600
_MIDDLE = (0.05, 0.95)


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What a policy did in the replays: means, but for `missed`, a count, and the range of nine in ten."""

    policy: str
    replays: int
    missed: int
    cost_usd: float
    low_usd: float
    high_usd: float
    finished_h: float
    on_demand_h: float
    launches: float
    interruptions: float
    lost_h: float


@dataclass(frozen=True, kw_only=True)
class Advice:
    """begin: where to run now; None: wait. offers: every zone, the cheapest spot first.

    fallback_s: from the start; with nothing done and nothing saved, on demand begins by then. Later, by as
    much as is in a checkpoint. expected: the policies, the chosen one first. on_demand_usd: the same job on
    demand from start to end.
    """

    job: Job
    policy: MultiZone
    step_s: int
    begin: Placement | None
    offers: tuple[Offer, ...]
    fallback_s: int
    expected: tuple[Expected, ...]
    on_demand_usd: float

    @property
    def saving(self) -> float:
        """Against on demand from start to end, as a share of that; below 0 where spot costs more."""
        return 1 - self.expected[0].cost_usd / self.on_demand_usd


def advise(job: Job, now: Outlook, cases: Sequence[Sequence[Outlook]]) -> Advice:
    """The advice for a job that begins now.

    cases: what the policies are replayed on, see `made_up` and `recorded`; each covers the deadline. Raises
    ValueError where on demand from the first second would be late, or there is no case.
    """
    if not job.feasible:
        raise ValueError(f"a launch and the work take {job.restart_s + job.work_s} s, longer than there is")
    if not cases:
        raise ValueError("one case at least is needed to say what to expect")
    policies = [MultiZone(pace=pace) for pace in Pace]
    judged = sorted(
        ((_expected(policy, job, cases), policy) for policy in policies),
        key=lambda both: (both[0].missed, both[0].cost_usd),
    )
    policy = judged[0][1]
    return Advice(
        job=job,
        policy=policy,
        step_s=now.step_s,
        begin=policy.decide(job, now, START),
        offers=tuple(sorted(now.offers, key=lambda one: (not one.available, one.spot_usd, one.zone))),
        fallback_s=job.deadline_s - job.reserve_s - job.work_s,
        expected=tuple(expected for expected, _ in judged),
        on_demand_usd=_expected(OnDemandOnly(), job, cases).cost_usd,
    )


def step_s(deadline_s: int) -> int:
    """Seconds between two decisions: ten minutes, more only for a deadline more than three days away."""
    return max(_SHORTEST_STEP_S, -(-deadline_s // _MOST_STEPS // 60) * 60)


def made_up(
    offers: Iterable[Offer],
    deadline_s: int,
    *,
    transfers: Transfers,
    seeds: Iterable[int],
    climate: Climate | None = None,
) -> list[tuple[Outlook, ...]]:
    """A case for each seed: zones that have spot now come and go, each at the price that it has now.

    climate: how they come and go; without one, as `synthetic` describes it.
    """
    zones = {one.zone: one for one in offers}
    gap_s = step_s(deadline_s)
    return [
        outlooks([_priced(trace, zones[trace.zone]) for trace in traces], transfers)
        for traces in (
            generate(
                {name: one.region for name, one in zones.items()},
                hours=(deadline_s + gap_s) / HOUR_S,
                gap_s=gap_s,
                on_demand_usd=1.0,
                seed=seed,
                climate=climate or Climate(),
            )
            for seed in seeds
        )
    ]


def recorded(
    traces: Sequence[Trace], deadline_s: int, *, transfers: Transfers, count: int
) -> list[tuple[Outlook, ...]]:
    """Up to count cases out of traces that began together, from starting points evenly spread over them.

    Raises TraceError where they do not go together, or end before the deadline.
    """
    known = outlooks(traces, transfers)
    steps = -(-deadline_s // known[0].step_s)
    room = len(known) - steps
    if room < 0:
        covered = len(known) * known[0].step_s / HOUR_S
        raise TraceError(f"the traces cover {covered:g} hours together, and the deadline is further away")
    starts = sorted({round(room * number / max(count - 1, 1)) for number in range(count)})
    return [known[start : start + steps] for start in starts]


def _priced(trace: Trace, offer: Offer) -> Trace:
    """With the zone's own prices; a zone without spot now has none later either."""
    return replace(
        trace,
        available=tuple(one and offer.available for one in trace.available),
        spot_usd=(offer.spot_usd,) * len(trace.available),
        on_demand_usd=offer.on_demand_usd,
    )


def _expected(policy: Policy, job: Job, cases: Sequence[Sequence[Outlook]]) -> Expected:
    done = [replay(policy, job, case) for case in cases]
    tallies = [one.tally for one in done]
    costs = sorted(tally.cost_usd for tally in tallies)
    low, high = (costs[round(share * (len(costs) - 1))] for share in _MIDDLE)
    return Expected(
        policy=policy.name,
        replays=len(done),
        missed=sum(one.missed_deadline for one in done),
        cost_usd=fmean(costs),
        low_usd=low,
        high_usd=high,
        finished_h=fmean((one.finished_s or job.deadline_s) / HOUR_S for one in done),
        on_demand_h=fmean(tally.on_demand_s for tally in tallies) / HOUR_S,
        launches=fmean(tally.launches for tally in tallies),
        interruptions=fmean(tally.interruptions for tally in tallies),
        lost_h=fmean(tally.lost_s for tally in tallies) / HOUR_S,
    )


def same_egress(regions: Iterable[str], usd: float, *, copy_usd: float = 0.0) -> Transfers:
    """Transfers at one price a gigabyte between any two of the regions."""
    names = sorted(set(regions))
    prices: Mapping[tuple[str, str], float] = {
        (one, other): usd for one in names for other in names if one != other
    }
    return Transfers(egress_usd=prices, copy_usd=copy_usd)
