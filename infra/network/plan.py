"""Which addresses each zone of a network gets. Pure.

A zone's place follows from its own letter, never from its position in a list: a zone that is added or taken
away moves no other zone's subnets. Every place is a quarter public, a half private, and a quarter spare.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Literal, TypeAlias

Nat: TypeAlias = Literal["none", "one", "per-zone"]

# Between them, AWS allows a VPC and a subnet; it keeps five addresses of every subnet for itself.
# https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html
# https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html
LARGEST, SMALLEST_SUBNET = 16, 28
# No region has more than six zones (us-east-1); eight is the next power of two.
PLACES = "abcdefgh"
_PLACE_BITS = 3
SMALLEST = SMALLEST_SUBNET - _PLACE_BITS - 2
FEWEST_ZONES = 2
_ZONE = re.compile(r"[a-z]+(-[a-z]+|-\d+)*-\d+([a-z])")
# Shared address space of carriers, which VPCs use as private too. https://www.rfc-editor.org/rfc/rfc6598
_PRIVATE = tuple(
    IPv4Network(one) for one in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
)
# Where docker puts its bridges unless told otherwise: a machine could not reach its neighbours there.
# https://docs.docker.com/engine/daemon/#configure-the-default-network
DOCKER = "172.17.0.0/16"
# Where in a bucket AWS puts flow logs.
# https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-path.html
FLOW_LOG_PREFIX = "AWSLogs"
# What machines without a way to the Internet ask of AWS: to be managed by Systems Manager, and to pull
# images, whose layers come from S3, through its gateway endpoint.
# https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html
# https://docs.aws.amazon.com/systems-manager/latest/userguide/setup-create-vpc.html
INTERFACE_SERVICES = ("ec2messages", "ecr.api", "ecr.dkr", "ssm", "ssmmessages")


class NetworkError(ValueError):
    """A network that cannot be laid out; the text says every reason."""


@dataclass(frozen=True, kw_only=True)
class ZoneSubnets:
    """The subnets of one zone, as CIDR ranges."""

    public: str
    private: str


@dataclass(frozen=True, kw_only=True)
class PricedParts:
    """How many of each part is paid for by the hour. interface_endpoints: services times zones."""

    nat_gateways: int
    interface_endpoints: int


def problems(cidr: str, zones: Sequence[str], avoid: Mapping[str, str] | None = None) -> list[str]:
    """Everything that keeps a network of this range from being laid out over these zones, in words.

    avoid: ranges that it must not overlap, each with what it is ("10.8.0.0/16": "the office's VPN").
    """
    try:
        network = IPv4Network(cidr)
    except ValueError as error:
        return [f"is not an IPv4 range in CIDR notation ({error})"]
    found = _range_problems(network) + _zone_problems(zones)
    for range_, what in {DOCKER: "docker's own bridge on every machine", **(avoid or {})}.items():
        if network.overlaps(IPv4Network(range_)):
            found.append(f"{cidr} overlaps {range_}, {what}")
    return found


def subnets(cidr: str, zones: Sequence[str]) -> dict[str, ZoneSubnets]:
    """The subnets of each zone. Raises NetworkError with what `problems` finds."""
    found = problems(cidr, zones)
    if found:
        raise NetworkError("; ".join(found))
    places = list(IPv4Network(cidr).subnets(prefixlen_diff=_PLACE_BITS))
    return {zone: _halved(places[PLACES.index(zone[-1])]) for zone in zones}


def nat_zones(nat: Nat, zones: Sequence[str]) -> tuple[str, ...]:
    """The zones that have a NAT gateway; with `one`, the first that is listed."""
    return {"none": (), "one": tuple(zones[:1]), "per-zone": tuple(zones)}[nat]


def interface_services(nat: Nat) -> tuple[str, ...]:
    """The AWS services that need an endpoint in the network, because no NAT leads to them."""
    return INTERFACE_SERVICES if nat == "none" else ()


def priced(nat: Nat, zones: Sequence[str]) -> PricedParts:
    """What an estimate multiplies with the hourly prices."""
    return PricedParts(
        nat_gateways=len(nat_zones(nat, zones)),
        interface_endpoints=len(interface_services(nat)) * len(zones),
    )


def _range_problems(network: IPv4Network) -> list[str]:
    found = []
    if not any(network.subnet_of(private) for private in _PRIVATE):
        found.append(
            f"{network} is not private: machines could not reach whoever has these addresses on the Internet"
        )
    if network.prefixlen > SMALLEST:
        enough = IPv4Network((network.network_address, SMALLEST), strict=False)
        found.append(f"{network} is too small; the smallest that fits is /{SMALLEST}, such as {enough}")
    if network.prefixlen < LARGEST:
        found.append(f"{network} is larger than a VPC may be, which is /{LARGEST}")
    return found


def _zone_problems(zones: Sequence[str]) -> list[str]:
    found = []
    if len(set(zones)) < FEWEST_ZONES:
        found.append(
            f"{len(set(zones))} zone is too few: spot capacity comes and goes by zone; name two or more"
        )
    taken: dict[str, str] = {}
    for zone in sorted(set(zones)):
        match = _ZONE.fullmatch(zone)
        if match is None or match[2] not in PLACES:
            found.append(f"{zone} is not the name of a zone that ends in a letter from a to {PLACES[-1]}")
        elif match[2] in taken:
            found.append(f"{zone} and {taken[match[2]]} end in the same letter, so they would share a place")
        else:
            taken[match[2]] = zone
    return found


def _halved(place: IPv4Network) -> ZoneSubnets:
    private, other = place.subnets()
    public = next(other.subnets())
    return ZoneSubnets(public=str(public), private=str(private))
