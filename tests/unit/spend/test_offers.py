"""Ranking offers: what comes first and why, what is not known, and that a decision can be made again."""

import json
from dataclasses import replace

import pytest

from infra.catalog.machine_prices import Source
from infra.spend import offers
from infra.spend.offers import Ask, Headroom, Quote, Snapshot

SPOT = Ask(accelerator="L4", market="spot")
ON_DEMAND = Ask(accelerator="L4")


def quote(zone: str = "use1-az1", **changes: object) -> Quote:
    known = Quote(
        cloud="aws",
        region="us-east-1",
        zone=zone,
        instance_type="g6.xlarge",
        accelerator="L4",
        count=1,
        on_demand_usd=0.8,
        spot_usd=0.4,
        vcpus=4,
        spot_low_usd=0.4,
        spot_high_usd=0.4,
        placement_score=9,
    )
    return replace(known, **changes)  # type: ignore[arg-type]


def ranked(ask: Ask, *quotes: Quote, headroom: tuple[Headroom, ...] = ()) -> list[offers.Offer]:
    return list(offers.rank(ask, Snapshot(quotes=quotes, headroom=headroom)))


def zones(found: list[offers.Offer]) -> list[str]:
    return [one.quote.zone for one in found]


def test_the_cheapest_comes_first_and_the_others_say_how_much_dearer_they_are() -> None:
    found = ranked(SPOT, quote("c", spot_usd=0.6), quote("a", spot_usd=0.4), quote("b", spot_usd=0.401))
    assert zones(found) == ["a", "b", "c"]
    assert [one.place for one in found] == [1, 2, 3]
    assert [one.reason for one in found] == ["lowest price", "+0.2%", "+50%"]


def test_the_price_of_an_accelerator_is_its_share_of_the_machine() -> None:
    found = ranked(replace(SPOT, count=8), quote(count=8, spot_usd=4.0))
    assert (found[0].usd_hour, found[0].usd_accelerator_hour) == (4.0, 0.5)


@pytest.mark.parametrize("price", [None, 0.0])
def test_a_price_that_is_not_known_is_said_and_comes_after_every_known_one(price: float | None) -> None:
    found = ranked(SPOT, quote("unknown", spot_usd=price), quote("dear", spot_usd=90.0))
    assert zones(found) == ["dear", "unknown"]
    last = found[1]
    assert last.usd_hour is None, "nothing is free: 0 is not known"
    assert last.usd_accelerator_hour is None
    assert last.reason == "no price known"
    assert "price" in last.unknown


def test_what_the_quota_forbids_comes_last_with_the_numbers() -> None:
    headroom = (
        Headroom(cloud="aws", region="us-east-1", market="spot", unit="vCPUs", free=3),
        Headroom(cloud="aws", region="us-east-2", market="spot", unit="vCPUs", free=4),
    )
    found = ranked(SPOT, quote("cheap"), quote("fits", region="us-east-2", spot_usd=0.7), headroom=headroom)
    assert zones(found) == ["fits", "cheap"]
    assert found[1].reason == "quota: needs 4 vCPUs, 3 are free"
    assert found[0].reason == "lowest price", "exactly enough is enough"
    assert "quota" not in found[0].unknown


def test_a_quota_counts_for_its_own_market_and_unit_only() -> None:
    other = Headroom(cloud="aws", region="us-east-1", market="on-demand", unit="vCPUs", free=0)
    assert "quota" in ranked(SPOT, quote(), headroom=(other,))[0].unknown
    google = quote(cloud="gcp", region="us-central1", vcpus=None)
    none = Headroom(cloud="gcp", region="us-central1", market="spot", unit="accelerators", free=0)
    assert ranked(SPOT, google, headroom=(none,))[0].reason == "quota: needs 1 accelerators, 0 are free"
    in_vcpus = replace(none, unit="vCPUs")
    assert "quota" in ranked(SPOT, google, headroom=(in_vcpus,))[0].unknown, "its vCPUs are not known"


def test_a_zone_that_is_not_likely_to_be_had_comes_after_a_dearer_one() -> None:
    found = ranked(SPOT, quote("scarce", placement_score=3), quote("likely", spot_usd=0.7, placement_score=4))
    assert zones(found) == ["likely", "scarce"]
    assert "placement score 3 of 10" in found[1].reason
    assert zones(ranked(ON_DEMAND, quote(placement_score=1)))[0] == "", "scores are of spot capacity"


def test_a_low_that_has_just_been_reached_does_not_win() -> None:
    swings = quote("swings", spot_usd=0.3, spot_low_usd=0.3, spot_high_usd=0.9)
    found = ranked(SPOT, swings, quote("steady", spot_usd=0.5, spot_low_usd=0.5, spot_high_usd=0.5))
    assert zones(found) == ["steady", "swings"]
    assert found[1].usd_hour == 0.3, "what is paid now stays what is paid now"
    assert "counted as $0.6: it moved from $0.3 to $0.9" in found[1].reason


def test_at_one_price_the_higher_score_comes_first() -> None:
    found = ranked(SPOT, quote("a", placement_score=5), quote("b", placement_score=8))
    assert zones(found) == ["b", "a"]
    assert found[1].reason == "the same price"


def test_spot_that_saves_nothing_says_so() -> None:
    full = quote(spot_usd=0.8, spot_low_usd=0.8, spot_high_usd=0.8)
    assert "no cheaper than on demand" in ranked(SPOT, full)[0].reason
    assert "no cheaper" not in ranked(SPOT, quote())[0].reason


def test_what_was_not_looked_up_is_listed_and_what_was_is_not() -> None:
    bare = quote("", spot_low_usd=None, spot_high_usd=None, placement_score=None)
    assert ranked(SPOT, bare)[0].unknown == ("zone", "spot history", "placement score", "quota")
    assert ranked(SPOT, quote())[0].unknown == ("quota",)
    assert "zone" not in ranked(SPOT, replace(bare, cloud="gcp"))[0].unknown
    assert ranked(ON_DEMAND, bare)[0].unknown == ("quota",)


def test_zones_of_a_region_are_one_offer_on_demand() -> None:
    found = ranked(ON_DEMAND, quote("a"), quote("b"), quote("a", region="us-west-1", on_demand_usd=0.9))
    assert [(one.quote.region, one.quote.zone) for one in found] == [("us-east-1", ""), ("us-west-1", "")]


def test_only_what_was_asked_for_is_offered() -> None:
    ask = replace(SPOT, clouds=("aws",), regions=("us-", "ca-"))
    others = [
        quote(accelerator="T4"),
        quote(count=4),
        quote(cloud="gcp", region="us-central1"),
        quote(region="eu-north-1"),
    ]
    found = ranked(ask, *others, quote("wanted"), quote("too", region="ca-central-1"))
    assert sorted(zones(found)) == ["too", "wanted"]
    assert ranked(ask, *others) == []


def test_the_order_does_not_depend_on_the_order_of_the_quotes() -> None:
    quotes = [quote(zone, spot_usd=usd) for zone, usd in [("a", 0.4), ("b", 0.4), ("c", None), ("d", 0.2)]]
    assert ranked(SPOT, *quotes) == ranked(SPOT, *reversed(quotes))


def test_a_recorded_decision_is_made_again() -> None:
    snapshot = Snapshot(
        quotes=(quote("a"), quote("b", spot_usd=0.1 + 0.2), quote(count=4)),
        sources=(
            Source(cloud="aws", url="https://example.org", file="f.csv", commit="1a2b3c4", as_of="2026"),
        ),
        headroom=(Headroom(cloud="aws", region="us-east-1", market="spot", unit="vCPUs", free=64),),
    )
    written = offers.record(SPOT, snapshot)
    again = offers.replay(json.dumps({**written, "offers": "ignored"}))
    assert again.ask == SPOT
    assert again.snapshot.quotes == snapshot.quotes[:2], "what does not fit is not kept"
    assert again.snapshot.sources == snapshot.sources
    assert offers.rank(again.ask, again.snapshot) == offers.rank(SPOT, snapshot)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{", "JSON"),
        ('{"ask": {"accelerator": "L4"}}', "snapshot"),
        ('{"ask": {"accelerator": "L4", "market": "lent"}, "snapshot": {"quotes": []}}', "market"),
        ('{"ask": {"accelerator": "L4"}, "snapshot": {"quotes": [{"cloud": "aws"}]}}', "region"),
    ],
)
def test_what_is_no_record_is_refused_by_the_name_of_the_key(text: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        offers.replay(text)


def test_the_tables_are_a_snapshot_in_which_nothing_was_looked_up() -> None:
    snapshot = offers.from_tables("H100")
    assert {one.cloud for one in snapshot.quotes} == {"aws", "gcp"}
    assert offers.counts(snapshot.quotes, "H100") == [1, 2, 4, 8]
    assert snapshot.headroom == ()
    assert all(one.placement_score is None and one.spot_high_usd is None for one in snapshot.quotes)
    assert {one.vcpus for one in snapshot.quotes if one.instance_type == "p5.48xlarge"} == {192}
