"""What is advised before a job begins, and that the advice keeps every deadline that can be kept."""

from dataclasses import replace
from itertools import permutations
from pathlib import Path
from random import Random

import pytest

from infra.spend.offers import Quote
from infra.spend.planner import advice
from infra.spend.planner.model import HOUR_S, NO_TRANSFERS, START, Job, Offer, Outlook, Placement
from infra.spend.planner.policies import MultiZone, OnDemandOnly, Pace
from infra.spend.planner.simulator import replay
from infra.spend.planner.synthetic import Climate, generate
from infra.spend.planner.traces import Trace, TraceError, dump, outlooks, parse
from infra.spend.planner.zones import zones

DATA = Path(__file__).parent / "data" / "weather"
T4_USD = 0.526
ZONES = {"us-east-1a": "us-east-1", "us-east-1b": "us-east-1", "us-west-2a": "us-west-2"}
FREE = advice.same_egress([*ZONES.values(), *(f"us-east-{number}" for number in range(1, 6))], 0.0)
# What spot may be like, from what it is on most days to days without any.
WEATHER = {
    "calm": Climate(spot_h=(8.0, 24.0), none_h=(0.5, 1.0), outage_every_h=200.0),
    "flickering": Climate(spot_h=(0.2, 0.6), none_h=(0.2, 0.6)),
    "outages": Climate(spot_h=(4.0, 8.0), none_h=(0.2, 0.4), outage_every_h=8.0, outage_h=6.0),
    "drought": Climate(spot_h=(0.2, 0.4), none_h=(12.0, 24.0)),
    "dear": Climate(spot_share=(0.85, 1.1), price_every_h=1.0, price_step=0.3),
}


def made(weather: str) -> tuple[Trace, ...]:
    """What data/weather was written from: `dump` of each, in a file WEATHER/ZONE.json."""
    return generate(ZONES, hours=72, gap_s=600, on_demand_usd=T4_USD, seed=5, climate=WEATHER[weather])


def shipped(weather: str) -> tuple[Trace, ...]:
    return tuple(
        parse((DATA / weather / f"{zone}.json").read_text(), zone=zone, region=region, on_demand_usd=T4_USD)
        for zone, region in ZONES.items()
    )


def offer(zone: str, spot_usd: float, on_demand_usd: float = T4_USD, *, available: bool = True) -> Offer:
    return Offer(
        zone=zone,
        region=zone[:-1],
        available=available,
        spot_usd=spot_usd,
        on_demand_usd=on_demand_usd,
    )


def job(work: float, deadline: float, *, restart: float = 0.1, gigabytes: float = 0.0) -> Job:
    return Job.in_hours(
        work=work, deadline=deadline, restart=restart, checkpoint_every=0.25, checkpoint_gb=gigabytes
    )


def advised(wanted: Job, *offers: Offer, seeds: int = 5) -> advice.Advice:
    now = Outlook(offers=offers, step_s=advice.step_s(wanted.deadline_s), transfers=FREE)
    cases = advice.made_up(offers, wanted.deadline_s, transfers=FREE, seeds=range(seeds))
    return advice.advise(wanted, now, cases)


@pytest.mark.parametrize("weather", WEATHER)
def test_the_shipped_traces_are_made_again_from_their_seed(weather: str) -> None:
    assert shipped(weather) == made(weather)
    for trace in made(weather):
        assert (DATA / weather / f"{trace.zone}.json").read_text() == dump(trace)


@pytest.mark.parametrize("weather", WEATHER)
@pytest.mark.parametrize("slack", [0.1, 0.3, 3.0])
def test_no_deadline_is_missed_from_any_starting_point(weather: str, slack: float) -> None:
    wanted = job(6, 6.1 + slack, gigabytes=5)
    transfers = advice.same_egress(ZONES.values(), 0.02)
    cases = advice.recorded(shipped(weather), wanted.deadline_s, transfers=transfers, count=120)
    assert len(cases) == 120
    for pace in Pace:
        late = [
            start
            for start, case in enumerate(cases)
            if replay(MultiZone(pace=pace), wanted, case).missed_deadline
        ]
        assert not late, f"{pace.value}: late from these starting points: {late}"


def test_what_is_saved_follows_the_weather() -> None:
    wanted = job(6, 12)
    saving = {}
    for weather in WEATHER:
        cases = advice.recorded(shipped(weather), wanted.deadline_s, transfers=FREE, count=40)
        found = advice.advise(wanted, cases[0][0], cases)
        saving[weather] = found.saving
        assert all(one.missed == 0 for one in found.expected), weather
    assert saving["calm"] > 0.5
    assert saving["calm"] > saving["flickering"] > saving["drought"] > -0.1
    assert saving["dear"] < 0.25


@pytest.mark.parametrize("seed", range(40))
def test_the_advice_keeps_what_it_says(seed: int) -> None:
    chance = Random(seed)  # noqa: S311 - to be repeated
    work, restart = chance.uniform(0.5, 9), chance.choice((0.0, 0.1, 0.6))
    wanted = job(work, work + restart + chance.choice((0.01, 0.2, 2, 8)), restart=restart)
    offers = [
        offer(f"us-east-{number}a", chance.uniform(0.1, 0.6), available=chance.random() < 0.7)
        for number in range(1, chance.randint(2, 6))
    ]
    found = advised(wanted, *offers, seeds=3)
    assert all(one.missed == 0 for one in found.expected)
    assert found.expected[0].cost_usd <= found.expected[1].cost_usd
    assert found.expected[0].low_usd <= found.expected[0].cost_usd + 1e-9
    assert found.expected[0].cost_usd <= found.expected[0].high_usd + 1e-9
    hours = (wanted.work_s + wanted.restart_s) / HOUR_S
    assert found.on_demand_usd == pytest.approx(T4_USD * hours)
    # On demand begun at the fallback is in time, and a second later it is not.
    assert found.fallback_s + wanted.restart_s + wanted.work_s == wanted.deadline_s
    now = Outlook(offers=tuple(offers), step_s=found.step_s, transfers=FREE)
    assert found.begin == found.policy.decide(wanted, now, START)


def test_it_begins_in_the_cheapest_zone_that_has_spot() -> None:
    found = advised(
        job(4, 10),
        offer("us-east-1a", 0.2),
        offer("us-east-1b", 0.15),
        offer("us-east-1c", 0.1, available=False),
    )
    assert found.begin == Placement("us-east-1b", on_demand=False)
    assert [one.zone for one in found.offers] == ["us-east-1b", "us-east-1a", "us-east-1c"]


def test_it_begins_on_demand_where_there_is_no_time_to_lose() -> None:
    found = advised(job(4, 4.1), offer("us-east-1a", 0.2), offer("us-east-2b", 0.2, 0.4))
    assert found.begin == Placement("us-east-2b", on_demand=True)
    assert found.fallback_s == 0
    assert found.expected[0].on_demand_h == pytest.approx(4.1)
    assert found.saving == pytest.approx(0)


def test_it_waits_where_there_is_time_and_no_spot() -> None:
    found = advised(job(1, 20), offer("us-east-1a", 0.2, available=False))
    assert found.begin is None
    assert found.expected[0].missed == 0


def test_a_deadline_that_on_demand_misses_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than there is"):
        advised(job(4, 4.05), offer("us-east-1a", 0.2))
    with pytest.raises(ValueError, match="one case at least"):
        advice.advise(job(4, 8), Outlook(offers=(offer("us-east-1a", 0.2),), step_s=600), [])


def test_another_region_costs_its_egress() -> None:
    wanted = job(6, 9, gigabytes=500)
    dear = advice.same_egress(ZONES.values(), 9.0, copy_usd=1.0)
    assert set(dear.egress_usd) == set(permutations({"us-east-1", "us-west-2"}, 2))
    costs = {}
    for name, transfers in (("free", advice.same_egress(ZONES.values(), 0.0)), ("dear", dear)):
        cases = advice.recorded(shipped("outages"), wanted.deadline_s, transfers=transfers, count=30)
        costs[name] = advice.advise(wanted, cases[0][0], cases).expected[0]
    assert costs["dear"].cost_usd > costs["free"].cost_usd
    assert costs["dear"].missed == costs["free"].missed == 0


def test_starting_points_are_spread_evenly_from_the_first_to_the_last() -> None:
    known = outlooks(shipped("calm"))
    cases = advice.recorded(shipped("calm"), 12 * HOUR_S, transfers=NO_TRANSFERS, count=5)
    assert [len(case) for case in cases] == [72] * 5
    assert (cases[0], cases[-1]) == (known[:72], known[-72:])
    assert len(advice.recorded(shipped("calm"), 72 * HOUR_S, transfers=NO_TRANSFERS, count=5)) == 1
    with pytest.raises(TraceError, match="cover 72 hours together"):
        advice.recorded(shipped("calm"), 73 * HOUR_S, transfers=NO_TRANSFERS, count=5)


def test_a_zone_without_spot_now_has_none_in_what_is_made_up() -> None:
    offers = [offer("us-east-1a", 0.2), offer("us-east-1b", 0.2, available=False)]
    cases = advice.made_up(offers, 12 * HOUR_S, transfers=NO_TRANSFERS, seeds=range(3))
    seen = [one for case in cases for outlook in case for one in outlook.offers]
    assert {one.zone for one in seen if one.available} == {"us-east-1a"}
    assert {one.spot_usd for one in seen} == {0.2}
    assert len(cases) == 3
    assert cases[0] != cases[1]


@pytest.mark.parametrize(("hours", "seconds"), [(1, 600), (72, 600), (80, 600), (160, 1200), (1440, 10800)])
def test_decisions_are_ten_minutes_apart_unless_the_deadline_is_far(hours: int, seconds: int) -> None:
    assert advice.step_s(hours * HOUR_S) == seconds
    assert hours * HOUR_S / advice.step_s(hours * HOUR_S) <= 480


def test_on_demand_costs_the_same_in_any_weather() -> None:
    wanted = job(6, 12)
    cases = advice.recorded(shipped("drought"), wanted.deadline_s, transfers=NO_TRANSFERS, count=3)
    costs = {round(replay(OnDemandOnly(), wanted, case).tally.cost_usd, 6) for case in cases}
    assert costs == {round(6.1 * T4_USD, 6)}


QUOTE = Quote(
    cloud="aws",
    region="us-east-1",
    zone="use1-az1",
    instance_type="g4dn.xlarge",
    accelerator="T4",
    count=1,
    on_demand_usd=0.526,
    spot_usd=0.2,
)


def test_a_zone_is_at_its_cheapest_machine() -> None:
    other = replace(QUOTE, instance_type="g4dn.2xlarge", on_demand_usd=0.4, spot_usd=0.3)
    ((zone,), left_out) = zones([QUOTE, other])
    assert (zone.spot_type, zone.on_demand_type) == ("g4dn.xlarge", "g4dn.2xlarge")
    assert (zone.offer.spot_usd, zone.offer.on_demand_usd, zone.offer.available) == (0.2, 0.4, True)
    assert left_out == ()


def test_what_is_not_known_of_a_zone_is_no_price() -> None:
    no_spot = replace(QUOTE, zone="use1-az2", spot_usd=None)
    dear = replace(QUOTE, zone="use1-az3", spot_usd=0.6)
    nothing = replace(QUOTE, region="eu-west-1", zone="euw1-az1", on_demand_usd=None)
    found, left_out = zones([no_spot, dear, QUOTE, nothing])
    assert [(one.offer.zone, one.offer.available) for one in found] == [
        ("use1-az1", True),
        ("use1-az2", False),
        ("use1-az3", False),
    ]
    assert left_out == ("euw1-az1",)


def test_a_region_is_a_place_only_where_no_zone_of_it_is_known() -> None:
    regional = replace(QUOTE, zone="", instance_type="g4dn.8xlarge", spot_usd=0.05)
    assert [one.offer.zone for one in zones([QUOTE, regional])[0]] == ["use1-az1"]
    assert [one.offer.zone for one in zones([regional])[0]] == ["us-east-1"]
