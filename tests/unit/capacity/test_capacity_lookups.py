"""What is asked of the account: quotas and their use, offers, spot prices, scores, images."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from emulated_account import EmulatedAccount

from infra.spend.quota import Granted, Need
from scripts.berth.aws import lookups
from scripts.berth.aws.clients import ec2
from scripts.berth.place import Place

REGION = "us-east-1"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TYPES = ["g4dn.xlarge", "g4dn.2xlarge"]


def need(code: str, service: str = "ec2", region: str = REGION) -> Need:
    return Need(code=code, name=code, amount=1, unit="", region=region, service=service)


def debian(place: Place) -> str:
    names = [{"Name": "name", "Values": ["debian-13-amd64-*"]}]
    return str(ec2(place, REGION).describe_images(Filters=names)["Images"][0]["ImageId"])  # type: ignore[arg-type]


SPOT, STANDARD, ADDRESSES, VPCS = "L-3819A6DF", "L-1216C47A", "L-0263D0A3", "L-F678F1CE"


def test_a_quota_is_its_limit_and_what_everything_in_the_account_uses(fresh: Place) -> None:
    client = ec2(fresh, REGION)
    image = debian(fresh)
    client.run_instances(ImageId=image, InstanceType="t3.micro", MinCount=2, MaxCount=2)
    client.allocate_address()
    needs = [need(SPOT), need(STANDARD), need(ADDRESSES), need(VPCS, "vpc")]
    said: list[str] = []
    found = lookups.quota(fresh, REGION, needs, said.append)
    assert found == {
        (REGION, SPOT): Granted(limit=64, used=0),
        (REGION, STANDARD): Granted(limit=64, used=4),
        (REGION, ADDRESSES): Granted(limit=5, used=1),
        (REGION, VPCS): Granted(limit=5, used=1),  # the account's default one
    }
    assert said == []


def test_a_spot_machine_counts_against_the_spot_quota(fresh: Place) -> None:
    client = ec2(fresh, REGION)
    image = debian(fresh)
    zone = {"AvailabilityZone": "us-east-1a"}
    client.run_instances(
        ImageId=image,
        InstanceType="g4dn.xlarge",
        MinCount=1,
        MaxCount=1,
        Placement=zone,  # type: ignore[arg-type]
        InstanceMarketOptions={"MarketType": "spot"},
    )
    found = lookups.quota(fresh, REGION, [need(SPOT), need("L-DB2E81BA")])
    assert [found[REGION, code].used for code in (SPOT, "L-DB2E81BA")] == [4, 0]


def test_a_quota_that_does_not_exist_is_said_and_the_others_are_answered(place: Place) -> None:
    said: list[str] = []
    found = lookups.quota(place, REGION, [need("L-00000000"), need(SPOT)], said.append)
    assert set(found) == {(REGION, SPOT)}
    (line,) = said
    assert "L-00000000" in line


def test_needs_of_another_region_are_not_asked_here(place: Place) -> None:
    assert lookups.quota(place, REGION, [need(SPOT, region="eu-west-1")]) == {}


def test_capacity_has_each_type_in_each_zone_with_its_prices_and_score(place: Place) -> None:
    found = lookups.capacity(place, REGION, TYPES, now=NOW)
    assert found.not_asked == ()
    assert (found.region, found.asked_at) == (REGION, "2026-11-23T12:00:00Z")
    zones = {one.zone for one in found.zones}
    assert "us-east-1a" in zones
    assert len(found.zones) == len(zones) * len(TYPES)
    offered = [one for one in found.zones if one.offered]
    assert offered
    for one in offered:
        assert one.spot_low is not None
        assert one.spot_now is not None
        assert one.spot_high is not None
        assert one.spot_low <= one.spot_now <= one.spot_high
        assert one.score is not None
        assert 1 <= one.score <= 10


def test_the_newest_spot_price_is_the_one_of_now(place: Place) -> None:
    found = lookups.capacity(place, REGION, TYPES[:1], ["us-east-1a"], now=NOW)
    history = ec2(place, REGION).describe_spot_price_history(
        InstanceTypes=["g4dn.xlarge"],
        AvailabilityZone="us-east-1a",
        ProductDescriptions=["Linux/UNIX"],
        StartTime=NOW - lookups.HISTORY,
        EndTime=NOW,
    )["SpotPriceHistory"]
    prices = [float(one["SpotPrice"]) for one in history]
    (zone,) = found.zones
    assert zone.spot_now == float(max(history, key=lambda one: one["Timestamp"])["SpotPrice"])
    assert (zone.spot_low, zone.spot_high) == (min(prices), max(prices))


def test_on_demand_asks_for_offers_alone(place: Place) -> None:
    found = lookups.capacity(place, REGION, TYPES, ["us-east-1a"], spot=False, now=NOW)
    assert [(one.offered, one.spot_now, one.score) for one in found.zones] == [(True, None, None)] * 2


def test_a_zone_that_does_not_offer_a_type_says_so(place: Place) -> None:
    (one,) = lookups.capacity(place, REGION, ["u-6tb1.metal"], ["us-east-1a"], now=NOW).zones
    assert one.offered is False


def test_an_image_is_there_or_gone(place: Place) -> None:
    known = debian(place)
    found = lookups.capacity(place, REGION, [], images=[known, "ami-00000000000000000"], now=NOW)
    assert [(one.id, one.there) for one in found.images] == [(known, True), ("ami-00000000000000000", False)]
    assert found.images[0].name.startswith("debian-13-amd64-")


def test_what_may_not_be_asked_is_said_and_the_rest_is_answered(
    fresh: Place, account: EmulatedAccount
) -> None:
    account.faults(
        [
            {
                "class": "expired-credentials",
                "service": "ec2",
                "operation": "GetSpotPlacementScores",
                "times": 9,
            }
        ]
    )
    found = lookups.capacity(fresh, REGION, TYPES[:1], ["us-east-1a"], now=NOW)
    (one,) = found.zones
    assert (one.offered, one.score) == (True, None)
    assert one.spot_now is not None
    (said,) = found.not_asked
    assert "placement scores" in said


def test_without_credentials_nothing_is_known_and_that_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [one for one in os.environ if one.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    nobody = Place(
        engine="pulumi", environ=dict(os.environ), project=tmp_path, rehearsed=False, values=tmp_path
    )
    said: list[str] = []
    assert lookups.quota(nobody, REGION, [need(SPOT), need(ADDRESSES)], said.append) == {}
    assert len(said) == 1
    assert said[0].startswith("not asked: there are no AWS credentials")
    found = lookups.capacity(nobody, REGION, TYPES, ["us-east-1a"], images=["ami-1"], now=NOW)
    assert found.unasked
    assert len(found.not_asked) == 1
    assert [one.there for one in found.images] == [None]
