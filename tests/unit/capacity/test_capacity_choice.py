"""Zones judged and chosen from what was looked up."""

import json
from dataclasses import replace
from typing import Any

import pytest

from infra.spend.capacity import (
    Capacity,
    ImageState,
    Wanted,
    ZoneCapacity,
    choose,
    judge,
    missing,
    record,
    replay,
    short,
)

T4 = Wanted(instance_types=("g4dn.xlarge", "g4dn.2xlarge"), vcpus=4)


def zone(name: str, kind: str = "g4dn.xlarge", **known: Any) -> ZoneCapacity:
    return ZoneCapacity(zone=name, instance_type=kind, **{"offered": True, **known})


def looked(*zones: ZoneCapacity, region: str = "us-east-1", **known: Any) -> Capacity:
    return Capacity(zones=zones, region=region, **known)


@pytest.mark.parametrize(
    ("known", "wanted", "state", "reason"),
    [
        ({"spot_now": 0.2, "score": 9}, T4, "good", "placement score 9 of 10"),
        ({"spot_now": 0.2}, T4, "good", "placement score not known"),
        ({"spot_now": 0.2, "score": 3}, T4, "poor", "not likely"),
        ({"spot_now": 0.6, "score": 9}, replace(T4, most_usd=0.5), "none", "above max_price 0.5"),
        (
            {"spot_now": 0.4, "spot_high": 0.6, "score": 9},
            replace(T4, most_usd=0.5),
            "poor",
            "was above max_price 0.5",
        ),
        ({}, T4, "unknown", "are not known"),
        ({"offered": False}, T4, "none", "offers none"),
        ({"offered": None}, T4, "unknown", "not known what it offers"),
        ({"spot_now": 9.0}, replace(T4, spot=False, most_usd=0.5), "good", "not published"),
    ],
)
def test_a_zone_is_judged_by_what_is_known_of_it(
    known: dict[str, Any], wanted: Wanted, state: str, reason: str
) -> None:
    (line,) = judge(looked(zone("us-east-1a", **known)), wanted)
    assert line.state == state
    assert reason in line.reason


def test_zones_are_ordered_by_their_state_and_then_by_price() -> None:
    found = looked(
        zone("us-east-1a", spot_now=0.3, score=9),
        zone("us-east-1b", spot_now=0.1, score=2),
        zone("us-east-1c", spot_now=0.2, score=9),
        zone("us-east-1d", offered=False),
    )
    assert [line.zone for line in judge(found, T4)] == [
        "us-east-1c",
        "us-east-1a",
        "us-east-1b",
        "us-east-1d",
    ]


def test_a_zone_that_is_wanted_and_was_not_looked_up_is_unknown() -> None:
    lines = judge(looked(zone("us-east-1a", spot_now=0.2)), replace(T4, zones=("us-east-1f",)))
    assert {line.zone: line.state for line in lines} == {"us-east-1a": "good", "us-east-1f": "unknown"}


def test_a_zone_is_as_cheap_as_its_cheapest_type() -> None:
    both = looked(
        zone("us-east-1a", spot_now=0.5, spot_low=0.4, spot_high=0.6),
        zone("us-east-1a", "g4dn.2xlarge", spot_now=0.3, spot_low=0.2, spot_high=0.4),
        zone("us-east-1a", "p5.48xlarge", spot_now=0.01),
    )
    (line,) = judge(both, T4)
    assert (line.best, line.spot_now, line.spot_low, line.spot_high) == ("g4dn.2xlarge", 0.3, 0.2, 0.4)
    assert line.offers == ("g4dn.xlarge", "g4dn.2xlarge"), "types that nobody asked for do not count"


EAST = looked(zone("us-east-1a", spot_now=0.3, score=9), zone("us-east-1b", spot_now=0.2, score=9))
WEST = looked(
    zone("us-west-2a", spot_now=0.1, score=9), zone("us-west-2b", spot_now=0.2, score=9), region="us-west-2"
)


def test_the_cheaper_of_two_good_regions_is_chosen() -> None:
    choice = choose([EAST, WEST], T4, zones=2)
    assert choice is not None
    assert (choice.region, choice.zones) == ("us-west-2", ("us-west-2a", "us-west-2b"))
    assert choice.instance_types == ("g4dn.xlarge",), "the type that no zone offers is left out"
    assert any("g4dn.2xlarge" in why for why in choice.why)


@pytest.mark.parametrize(
    "worse",
    [
        replace(WEST, quota_free=3.0),
        replace(WEST, zones=(replace(WEST.zones[0], score=1), replace(WEST.zones[1], score=1))),
        replace(WEST, zones=WEST.zones[:1]),
    ],
    ids=["quota short", "not likely", "too few zones"],
)
def test_a_region_that_lacks_something_comes_after_a_dearer_one(worse: Capacity) -> None:
    choice = choose([worse, EAST], T4, zones=2)
    assert choice is not None
    assert choice.region == "us-east-1"


def test_a_short_quota_is_said_of_the_choice_where_there_is_no_other() -> None:
    choice = choose([replace(EAST, quota_free=0.0)], T4, zones=2)
    assert choice is not None
    assert "the quota is short: 4 vCPUs are needed, 0 are free" in choice.why


def test_a_quota_that_is_not_known_is_not_short() -> None:
    assert not short(EAST, T4)
    assert not short(replace(EAST, quota_free=4.0), T4)
    assert short(replace(EAST, quota_free=3.0), T4)


def test_nothing_is_chosen_where_nothing_is_known_to_be_had() -> None:
    assert choose([], T4, zones=2) is None
    assert choose([looked(zone("us-east-1a", offered=False))], T4, zones=2) is None
    assert choose([looked(zone("us-east-1a", offered=None))], T4, zones=2) is None


def test_a_decision_is_made_again_from_its_record() -> None:
    kept = json.dumps(record(T4, [EAST, WEST]))
    wanted, lookups = replay(kept)
    assert (wanted, lookups) == (T4, [EAST, WEST])
    assert choose(lookups, wanted, zones=2) == choose([EAST, WEST], T4, zones=2)


@pytest.mark.parametrize("text", ["", "[]", '{"wanted": {"instance_types": 3}, "lookups": []}'])
def test_a_record_that_is_none_is_refused_with_its_keys(text: str) -> None:
    with pytest.raises(ValueError, match=r"wanted|JSON|object"):
        replay(text)


def test_an_image_that_is_gone_is_said_and_one_that_could_not_be_asked_is_not() -> None:
    images = (
        ImageState(id="ami-1", there=True),
        ImageState(id="ami-2", there=False, name="debian"),
        ImageState(id="ami-3", there=None),
    )
    assert missing(looked(images=images)) == ["the image ami-2 (debian) is gone: pin another one"]
