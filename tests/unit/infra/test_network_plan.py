"""The arithmetic of a network: where a zone's subnets are, and what keeps them from being laid out."""

from ipaddress import IPv4Network
from itertools import combinations

import pytest

from infra.network.plan import NetworkError, interface_services, nat_zones, priced, problems, subnets

ZONES = ("us-east-1a", "us-east-1b")
ALL = tuple(f"us-east-1{letter}" for letter in "abcdefgh")


def ranges(cidr: str, zones: tuple[str, ...]) -> list[IPv4Network]:
    return [IPv4Network(one) for zone in subnets(cidr, zones).values() for one in (zone.public, zone.private)]


@pytest.mark.parametrize("cidr", ["10.20.0.0/16", "10.20.32.0/20", "192.168.6.0/23", "100.64.0.0/16"])
def test_subnets_are_inside_disjoint_and_as_large_as_aws_wants(cidr: str) -> None:
    found = ranges(cidr, ALL)
    assert len(found) == 16
    assert all(one.subnet_of(IPv4Network(cidr)) for one in found)
    assert not [pair for pair in combinations(found, 2) if pair[0].overlaps(pair[1])]
    assert all(16 <= one.prefixlen <= 28 for one in found)


def test_the_ranges_of_a_common_network() -> None:
    found = subnets("10.20.0.0/16", ZONES)
    assert found["us-east-1a"].private == "10.20.0.0/20"
    assert found["us-east-1a"].public == "10.20.16.0/21"
    assert found["us-east-1b"].private == "10.20.32.0/20"


@pytest.mark.parametrize("more", [("us-east-1c",), ("us-east-1f", "us-east-1d")])
def test_a_zone_more_or_less_moves_no_other(more: tuple[str, ...]) -> None:
    few = subnets("10.20.0.0/16", ZONES)
    many = subnets("10.20.0.0/16", (*more, *reversed(ZONES)))
    assert {zone: many[zone] for zone in ZONES} == few
    assert set(many) == {*ZONES, *more}


def test_a_network_too_small_names_the_smallest_that_fits() -> None:
    (problem,) = problems("10.20.5.0/24", ZONES)
    assert "10.20.5.0/24 is too small" in problem
    assert "10.20.4.0/23" in problem
    assert problems("10.20.4.0/23", ALL) == [], "what is proposed fits, whatever the zones"


@pytest.mark.parametrize(
    ("cidr", "zones", "reason"),
    [
        ("10.0.0.0/8", ZONES, "larger than a VPC may be"),
        ("8.8.0.0/16", ZONES, "not private"),
        ("10.20.0.1/16", ZONES, "CIDR notation"),
        ("nonsense", ZONES, "CIDR notation"),
        ("172.17.0.0/16", ZONES, "docker's own bridge"),
        ("10.20.0.0/16", ("us-east-1a",), "1 zone is too few"),
        ("10.20.0.0/16", ("us-east-1a", "us-east-1a"), "1 zone is too few"),
        ("10.20.0.0/16", ("us-east-1a", "b"), "b is not the name of a zone"),
        ("10.20.0.0/16", ("us-east-1a", "us-east-1z"), "us-east-1z is not the name of a zone"),
        ("10.20.0.0/16", ("us-west-2a", "us-west-2-lax-1a"), "end in the same letter"),
    ],
)
def test_what_cannot_be_laid_out_is_said(cidr: str, zones: tuple[str, ...], reason: str) -> None:
    (problem,) = problems(cidr, zones)
    assert reason in problem
    if "overlaps" not in problem:
        with pytest.raises(NetworkError, match=reason):
            subnets(cidr, zones)


def test_ranges_to_avoid_are_named_with_what_they_are() -> None:
    office = {"10.20.128.0/17": "the office's VPN", "10.99.0.0/16": "another VPC"}
    (problem,) = problems("10.20.0.0/16", ZONES, office)
    assert problem == "10.20.0.0/16 overlaps 10.20.128.0/17, the office's VPN"


def test_all_problems_are_said_at_once() -> None:
    assert len(problems("172.17.1.0/24", ("us-east-1a",))) == 3


def test_nat_gateways_are_where_they_are_asked_for() -> None:
    assert nat_zones("one", ("us-east-1b", "us-east-1a")) == ("us-east-1b",)
    assert nat_zones("per-zone", ZONES) == ZONES
    assert nat_zones("none", ZONES) == ()


def test_endpoints_stand_in_for_a_nat_gateway() -> None:
    assert interface_services("one") == interface_services("per-zone") == ()
    assert {"ssm", "ssmmessages", "ec2messages", "ecr.api", "ecr.dkr"} == set(interface_services("none"))


def test_what_costs_money_is_counted() -> None:
    assert (priced("none", ZONES).nat_gateways, priced("none", ZONES).interface_endpoints) == (0, 10)
    assert (priced("per-zone", ZONES).nat_gateways, priced("one", ZONES).nat_gateways) == (2, 1)
