"""The public format of spot traces, and the traces that are made up."""

from dataclasses import replace
from pathlib import Path

import pytest

from infra.spend.planner.model import Job, Transfers
from infra.spend.planner.policies import Greedy, MultiZone, OnDemandOnly, Pace, UniformProgress
from infra.spend.planner.simulator import replay
from infra.spend.planner.synthetic import Climate, generate
from infra.spend.planner.traces import Reading, Trace, TraceError, dump, outlooks, parse

DATA = Path(__file__).parent / "data"
ZONES = {
    "us-east-1a": "us-east-1",
    "us-east-1c": "us-east-1",
    "us-west-2a": "us-west-2",
    "us-west-2b": "us-west-2",
}
ON_DEMAND_USD = 3.06


def made() -> tuple[Trace, ...]:
    """What data/ was written from: `dump` of each, in a file of the zone's name."""
    return generate(ZONES, hours=48, gap_s=600, on_demand_usd=ON_DEMAND_USD, seed=11)


def shipped() -> tuple[Trace, ...]:
    return tuple(
        parse((DATA / f"{zone}.json").read_text(), zone=zone, region=region, on_demand_usd=ON_DEMAND_USD)
        for zone, region in ZONES.items()
    )


def read(text: str, spot_usd: float | None = None) -> Trace:
    return parse(text, zone="z", region="r", on_demand_usd=3.06, spot_usd=spot_usd)


@pytest.mark.parametrize(
    ("reading", "machines", "available"),
    [
        (Reading.AVAILABLE, 1, (False, True, True, True, False)),
        (Reading.AVAILABLE, 4, (False, False, True, False, False)),
        (Reading.PREEMPTED, 1, (True, False, False, False, True)),
    ],
)
def test_the_numbers_are_read_as_told(reading: Reading, machines: int, available: tuple[bool, ...]) -> None:
    text = '{"metadata": {"gap_seconds": 300}, "data": [0, 1, 16, 3, 0]}'
    trace = parse(
        text,
        zone="z",
        region="r",
        on_demand_usd=3.06,
        spot_usd=0.918,
        reading=reading,
        machines=machines,
    )
    assert trace.available == available
    assert (trace.gap_s, trace.spot_usd, trace.availability) == (300, (0.918,) * 5, sum(available) / 5)


def test_recorded_prices_come_before_the_given_one() -> None:
    text = '{"metadata": {"gap_seconds": 32}, "data": [0, 1], "prices": [0.9, 1.1]}'
    assert read(text, spot_usd=5.0).spot_usd == (0.9, 1.1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "no spot trace, such as"),
        ("gone", "no spot trace, such as"),
        ('{"data": [0]}', "no spot trace, such as"),
        ('{"metadata": {"gap_seconds": 300}, "data": ["up"]}', "no spot trace, such as"),
        ('{"metadata": {"gap_seconds": 300}, "data": [0]}', "no prices, and no spot price was given"),
        ('{"metadata": {"gap_seconds": "5m"}, "data": [0], "prices": [1]}', "not a whole number such as 300"),
        ('{"metadata": {"gap_seconds": 300}, "data": [0, 0], "prices": [1]}', "2 data points and 1 prices"),
        ('{"metadata": {"gap_seconds": 300}, "data": [], "prices": []}', "0 data points"),
        ('{"metadata": {"gap_seconds": 300}, "data": [0], "prices": [0]}', "more than zero"),
    ],
)
def test_what_is_no_trace_is_refused_with_its_reason(text: str, said: str) -> None:
    with pytest.raises(TraceError, match=said):
        read(text)


def test_what_is_written_is_read_back() -> None:
    for trace in made():
        again = parse(dump(trace), zone=trace.zone, region=trace.region, on_demand_usd=trace.on_demand_usd)
        assert again == trace


def test_traces_that_do_not_go_together_are_refused() -> None:
    first, second, *_ = made()
    for wrong in ((), (first, first), (first, replace(second, gap_s=300))):
        with pytest.raises(TraceError, match="same gap_seconds"):
            outlooks(wrong)


def test_spot_at_the_on_demand_price_counts_as_not_available() -> None:
    text = '{"metadata": {"gap_seconds": 300}, "data": [1, 1, 1], "prices": [3.05, 3.06, 3.07]}'
    assert [outlook.offers[0].available for outlook in outlooks([read(text)])] == [True, False, False]


def test_the_shipped_traces_are_what_their_seed_gives() -> None:
    assert shipped() == made()


def test_another_zone_changes_nothing_for_those_that_were_there() -> None:
    more = {"us-east-1f": "us-east-1", **ZONES}
    again = generate(more, hours=48, gap_s=600, on_demand_usd=ON_DEMAND_USD, seed=11)
    assert again[1:] == made()
    assert generate(ZONES, hours=48, gap_s=600, on_demand_usd=ON_DEMAND_USD, seed=12) != made()


def test_made_up_zones_keep_to_their_climate() -> None:
    climate = Climate(spot_h=(3.0, 3.0), none_h=(1.0, 1.0), outage_every_h=1e9, outage_h=0.0001)
    (trace,) = generate({"z": "r"}, hours=4000, gap_s=600, on_demand_usd=3.0, seed=1, climate=climate)
    assert trace.availability == pytest.approx(0.75, abs=0.05)
    starts = sum(
        now and not before for before, now in zip(trace.available, trace.available[1:], strict=False)
    )
    assert sum(trace.available) / 6 / starts == pytest.approx(3.0, rel=0.15), "mean hours with spot"
    assert min(trace.spot_usd) >= 0.25 * 3.0
    assert max(trace.spot_usd) <= 0.5 * 3.0
    assert len(set(trace.spot_usd)) > 10


def test_zones_of_a_region_fail_together() -> None:
    """Without outages of the region, both would be gone a sixteenth of the time."""
    climate = Climate(spot_h=(3.0, 3.0), none_h=(1.0, 1.0), outage_every_h=6.0, outage_h=2.0)
    zones = {"n1": "north", "n2": "north", "s1": "south"}
    first, second, far = generate(zones, hours=4000, gap_s=600, on_demand_usd=3.0, seed=1, climate=climate)

    def both_gone(one: Trace, other: Trace) -> float:
        pairs = list(zip(one.available, other.available, strict=True))
        return sum(not here and not there for here, there in pairs) / len(pairs)

    assert both_gone(first, second) > 1.5 * both_gone(first, far)


def test_the_policies_on_the_shipped_traces() -> None:
    """A golden replay: dollars, and who launched how often. Read a difference before you accept it."""
    job = Job.in_hours(work=24, deadline=26, restart=0.1, checkpoint_every=0.25, checkpoint_gb=20, copy=0.05)
    egress = Transfers(
        egress_usd={("us-east-1", "us-west-2"): 0.02, ("us-west-2", "us-east-1"): 0.02}, copy_usd=0.023
    )
    known = outlooks(shipped(), egress)
    policies = (
        OnDemandOnly(),
        Greedy("us-east-1a"),
        UniformProgress("us-east-1a"),
        MultiZone(pace=Pace.LAST_SAFE_MOMENT),
        MultiZone(pace=Pace.UNIFORM),
    )
    done = {policy.name: replay(policy, job, known) for policy in policies}
    assert not any(one.missed_deadline for one in done.values())
    assert {name: (round(one.tally.cost_usd, 2), one.tally.launches) for name, one in done.items()} == {
        "on-demand only": (73.75, 1),
        "greedy, one zone": (63.61, 2),
        "uniform progress, one zone": (56.21, 8),
        "multi-zone, last safe moment": (42.31, 7),
        "multi-zone, uniform progress": (42.31, 7),
    }
