"""What each policy decides in a given situation."""

from dataclasses import replace

import pytest

from infra.spend.planner.model import HOUR_S, START, Job, Offer, Outlook, Placement, Situation, Transfers
from infra.spend.planner.policies import Greedy, MultiZone, OnDemandOnly, Pace, Policy, UniformProgress

# 10 h of work in 20 h: on pace when as many half hours are done as hours have passed.
JOB = Job.in_hours(work=10, deadline=20, restart=0.1, checkpoint_every=0.5, checkpoint_gb=10)
STEP_S = 600
HERE, THERE = Placement("n1", on_demand=False), Placement("s1", on_demand=False)
ON_DEMAND = Placement("n1", on_demand=True)
GREEDY, UNIFORM = Greedy("n1"), UniformProgress("n1")
SWITCHERS = (MultiZone(pace=Pace.LAST_SAFE_MOMENT), MultiZone(pace=Pace.UNIFORM))


def outlook(
    *, n1: float | None = None, n2: float | None = None, s1: float | None = None, egress: float = 0.02
) -> Outlook:
    """Spot prices by zone; None: no spot. n1 and n2 are in one region, s1 in another, dearer one."""
    prices = {"n1": n1, "n2": n2, "s1": s1}
    return Outlook(
        offers=tuple(
            Offer(
                zone=zone,
                region=zone[0],
                available=price is not None,
                spot_usd=price or 9.0,
                on_demand_usd=3.5 if zone == "s1" else 3.0,
            )
            for zone, price in prices.items()
        ),
        step_s=STEP_S,
        transfers=Transfers(egress_usd={("n", "s"): egress, ("s", "n"): egress}),
    )


def at(hours: float, *, done: float, placement: Placement | None = None, unsaved: float = 0.0) -> Situation:
    return Situation(
        now_s=round(hours * HOUR_S),
        done_s=round(done * HOUR_S),
        saved_s=round((done - unsaved) * HOUR_S),
        placement=placement,
        home="n",
    )


def test_on_demand_only_takes_the_cheapest_zone_and_stays() -> None:
    policy = OnDemandOnly()
    assert policy.decide(JOB, outlook(n1=0.1), START) == ON_DEMAND
    dearer = Placement("s1", on_demand=True)
    assert policy.decide(JOB, outlook(), at(1, done=0.5, placement=dearer)) == dearer


@pytest.mark.parametrize("policy", [GREEDY, UNIFORM, *SWITCHERS])
def test_spot_is_taken_where_there_is_some_and_kept(policy: Policy) -> None:
    assert policy.decide(JOB, outlook(n1=1.0), START) == HERE
    assert policy.decide(JOB, outlook(n1=1.0), at(8, done=1)) == HERE, "however far behind"
    assert policy.decide(JOB, outlook(n1=1.0), at(8, done=6, placement=HERE)) == HERE


def test_without_spot_greedy_waits_until_the_last_safe_moment() -> None:
    # 10 h, the start and a step must fit behind what is waited for: 20 - 10 - 0.1 - 1/6 h.
    last_s = JOB.deadline_s - JOB.work_s - JOB.restart_s - STEP_S
    for policy in (GREEDY, SWITCHERS[0]):
        assert policy.decide(JOB, outlook(), replace(START, now_s=last_s)) is None
        assert policy.decide(JOB, outlook(), replace(START, now_s=last_s + 1)) == ON_DEMAND


@pytest.mark.parametrize("policy", [GREEDY, UNIFORM, *SWITCHERS])
def test_when_no_time_can_be_risked_the_job_stays_on_demand_to_the_end(policy: Policy) -> None:
    tight = at(15, done=5.2, placement=ON_DEMAND)
    assert policy.decide(JOB, outlook(n1=0.1), tight) == ON_DEMAND, "though spot is there"
    assert policy.decide(JOB, outlook(n1=0.1), replace(tight, placement=None)) == ON_DEMAND


@pytest.mark.parametrize("policy", [GREEDY, UNIFORM, *SWITCHERS])
def test_what_is_not_saved_is_not_counted_on(policy: Policy) -> None:
    running = at(16, done=7, placement=HERE)
    assert policy.decide(JOB, outlook(n1=1.0), running) == HERE
    assert policy.decide(JOB, outlook(n1=1.0), replace(running, saved_s=6 * HOUR_S)) == ON_DEMAND


@pytest.mark.parametrize("policy", [UNIFORM, SWITCHERS[1]])
def test_uniform_progress_waits_while_on_pace_and_pays_when_behind(policy: Policy) -> None:
    assert policy.decide(JOB, outlook(), at(8, done=4)) is None
    assert policy.decide(JOB, outlook(), replace(at(8, done=4), done_s=4 * HOUR_S - 1)) == ON_DEMAND
    assert SWITCHERS[0].decide(JOB, outlook(), at(8, done=1)) is None, "the last safe moment is later"


def test_uniform_progress_leaves_on_demand_when_ahead_by_two_launches() -> None:
    # In 0.2 h, two launches, 0.1 h of work is due.
    ahead = at(8, done=4.1, placement=ON_DEMAND)
    short = replace(ahead, done_s=ahead.done_s - 1, saved_s=ahead.done_s - 1)
    assert UNIFORM.decide(JOB, outlook(n1=1.0), ahead) == HERE
    assert UNIFORM.decide(JOB, outlook(), ahead) is None, "and waits without spot"
    assert UNIFORM.decide(JOB, outlook(n1=1.0), short) == ON_DEMAND
    assert SWITCHERS[1].decide(JOB, outlook(n1=1.0), short) == HERE, "which pays for its launch"
    assert SWITCHERS[1].decide(JOB, outlook(), ahead) == ON_DEMAND, "left for spot only"


def test_one_zone_policies_know_no_other_zone() -> None:
    for policy in (GREEDY, UNIFORM):
        assert policy.decide(JOB, outlook(n2=0.1, s1=0.1), START) is None
    with pytest.raises(ValueError, match="nothing is known of zone x9"):
        Greedy("x9").decide(JOB, outlook(), START)


@pytest.mark.parametrize("policy", SWITCHERS)
def test_a_switcher_goes_on_elsewhere(policy: Policy) -> None:
    assert policy.decide(JOB, outlook(s1=1.0), at(8, done=4)) == THERE
    assert policy.decide(JOB, outlook(n2=1.09, s1=1.0), at(8, done=4)) == Placement("n2", on_demand=False), (
        "10 GB from another region cost more than two hours at 0.09 USD less save"
    )
    assert policy.decide(JOB, outlook(n2=1.09, s1=1.0), START) == THERE, "nothing is to be moved yet"


@pytest.mark.parametrize("policy", SWITCHERS)
def test_a_switcher_moves_when_the_move_pays_for_itself(policy: Policy) -> None:
    running = at(8, done=5, placement=HERE)
    assert policy.decide(JOB, outlook(n1=1.5, s1=1.0), running) == THERE
    assert policy.decide(JOB, outlook(n1=1.5, s1=1.0, egress=0.2), running) == HERE, "2 USD of egress"
    assert policy.decide(JOB, outlook(n1=1.06, n2=1.0), running) == HERE, "the launch costs as much"
    near = at(18, done=9.8, placement=HERE)
    assert policy.decide(JOB, outlook(n1=1.5, n2=1.0), near) == HERE, "12 minutes do not pay for a launch"


def test_a_switcher_keeps_on_demand_where_spot_costs_as_much() -> None:
    ahead = at(8, done=5, placement=ON_DEMAND)
    assert SWITCHERS[1].decide(JOB, outlook(n1=2.9), ahead) == ON_DEMAND
    assert SWITCHERS[1].decide(JOB, outlook(n1=2.0), ahead) == HERE


def test_the_fallback_counts_the_move_in() -> None:
    """On demand in the checkpoint's region costs 0.5 USD an hour more here, the move 0.2 USD."""
    far = replace(at(15.5, done=5, placement=None), home="s")
    at_home = Placement("s1", on_demand=True)
    assert SWITCHERS[0].decide(JOB, outlook(), far) == ON_DEMAND
    assert SWITCHERS[0].decide(JOB, outlook(egress=2.0), far) == at_home
    last = replace(far, done_s=round(9.8 * HOUR_S), now_s=round(19.7 * HOUR_S))
    assert SWITCHERS[0].decide(JOB, outlook(), last) == at_home


def test_an_unknown_egress_price_is_an_error() -> None:
    known = replace(outlook(s1=1.0), transfers=Transfers(egress_usd={}))
    with pytest.raises(ValueError, match="no egress price from n to s"):
        SWITCHERS[0].decide(JOB, known, at(8, done=4))


def test_a_job_is_checked() -> None:
    with pytest.raises(ValueError, match="such as 3600 s"):
        Job.in_hours(work=0, deadline=1, restart=0, checkpoint_every=1)
    with pytest.raises(ValueError, match="such as 300 s"):
        Job.in_hours(work=1, deadline=1, restart=-0.1, checkpoint_every=1)
    assert JOB.feasible
    assert not replace(JOB, work_s=JOB.deadline_s).feasible
