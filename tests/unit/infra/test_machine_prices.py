"""The price tables: they hold together, agree with one another, and say what they do not know."""

import re
from collections import defaultdict

import pytest

from infra.catalog import accelerators, machine_prices, service_prices
from infra.catalog.accelerators import DATA

SMALL_BYTES = 150_000


def test_the_table_is_small_and_has_each_zone_of_a_machine_once() -> None:
    assert (DATA / "machine_prices.csv").stat().st_size < SMALL_BYTES
    keys = [(one.cloud, one.instance_type, one.region, one.zone) for one in machine_prices.table()]
    assert len(keys) > 500
    assert len(keys) == len(set(keys))


def test_a_row_has_a_known_accelerator_and_a_price() -> None:
    for one in machine_prices.table():
        assert one.cloud in machine_prices.CLOUDS
        assert one.accelerator in accelerators.ACCELERATORS, one
        assert one.count >= 1
        known = [usd for usd in (one.on_demand_usd, one.spot_usd) if usd is not None]
        assert known, f"{one} says nothing"
        assert all(0.01 < usd / one.count < 20 for usd in known), one


def test_spot_costs_no_more_than_on_demand() -> None:
    for one in machine_prices.table():
        if one.spot_usd is not None and one.on_demand_usd is not None:
            assert one.spot_usd <= one.on_demand_usd + 1e-4, one


def test_machines_of_aws_are_those_of_the_catalogue_by_zone_id() -> None:
    for one in machine_prices.table():
        if one.cloud == "aws":
            machine = accelerators.instance_types()[one.instance_type]
            assert (one.accelerator, one.count) == (machine.accelerator, machine.count)
            assert one.region in machine.regions, one
            assert re.fullmatch(r"([a-z]+\d-az\d)?", one.zone), one
        else:
            assert one.zone == "", "a region's zones cost the same"


def test_the_tables_agree_where_they_overlap() -> None:
    compared = 0
    for one in machine_prices.table():
        listed = machine_prices.listed(one.instance_type, one.region)
        if one.cloud == "aws" and listed is not None and one.on_demand_usd is not None:
            assert one.on_demand_usd == pytest.approx(listed, rel=1e-4), one
            compared += 1
    assert compared > 100


def test_well_known_prices_are_as_google_says() -> None:
    """https://cloud.google.com/compute/vm-instance-pricing of us-central1."""
    listed = {
        (one.instance_type, one.region): one.on_demand_usd
        for one in machine_prices.table()
        if one.cloud == "gcp"
    }
    assert listed["a2-highgpu-1g", "us-central1"] == pytest.approx(3.6734, abs=1e-3)
    assert listed["a3-highgpu-8g", "us-central1"] == pytest.approx(88.49, abs=1e-2)
    assert listed["g2-standard-4", "us-central1"] == pytest.approx(0.7068, abs=1e-3)


def test_machines_are_offered_where_the_table_has_no_price_of_them() -> None:
    offered = machine_prices.offered("A10G")
    keys = {(one.instance_type, one.region) for one in offered}
    for machine in accelerators.instance_types().values():
        if machine.accelerator == "A10G":
            assert {(machine.name, region) for region in machine.regions} <= keys
    known = next(one for one in offered if (one.instance_type, one.region) == ("g5.24xlarge", "us-east-1"))
    assert (known.zone, known.on_demand_usd, known.spot_usd) == ("", 8.144, None)
    unknown = next(one for one in offered if (one.instance_type, one.region) == ("g5.24xlarge", "eu-west-1"))
    assert (unknown.on_demand_usd, unknown.spot_usd) == (None, None)


def test_a_region_with_zones_has_no_row_without_one() -> None:
    for name in accelerators.ACCELERATORS:
        seen: dict[tuple[str, str], set[str]] = defaultdict(set)
        for one in machine_prices.offered(name):
            if one.cloud == "aws":
                seen[one.instance_type, one.region].add(one.zone)
        assert all(zones == {""} or "" not in zones for zones in seen.values()), name


def test_every_price_says_where_it_is_from() -> None:
    assert {one.cloud for one in machine_prices.sources()} == set(machine_prices.CLOUDS)
    for one in machine_prices.sources():
        assert one.url.startswith("https://")
        assert one.as_of


def test_a_service_price_has_a_source_or_is_not_known() -> None:
    assert len(service_prices.table()) > 20
    for one in service_prices.table().values():
        assert one.unit
        assert one.region
        assert (one.usd is None) == (one.source == ""), one
        assert one.usd is None or 0 < one.usd < 3, one
        assert re.fullmatch(r"(\d{4}(-\d\d){0,2})?", one.as_of), one
    assert service_prices.price("gcp", "autopilot-pod").usd is None, "not known, and not 0"
    with pytest.raises(KeyError):
        service_prices.price("aws", "parking")
