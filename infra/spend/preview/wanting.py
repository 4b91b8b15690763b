"""The machines and images that a preview wants, for a cloud to be asked whether they can be had. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from infra.spend.capacity import Wanted
from infra.spend.estimates import aws_fleet
from infra.spend.estimates.lines import Priced, gathered, placed, text, texts

_SUBNET = "aws:ec2/subnet:Subnet"
_FLEETS = {
    "aws:autoscaling/group:Group": aws_fleet.group,
    "aws:eks/nodeGroup:NodeGroup": aws_fleet.node_group,
}


@dataclass(frozen=True, kw_only=True)
class Machines:
    """Machines of one kind. count: how many at a time; images: that they are started from."""

    region: str
    wanted: Wanted
    count: int
    images: tuple[str, ...]


def machines(resources: Iterable[Priced]) -> list[Machines]:
    """What the groups of an environment want; a group that is to have no machine wants none."""
    listed = placed(list(resources))
    around = gathered(listed)
    found = []
    for one in listed:
        fleet_of = _FLEETS.get(one.type)
        if fleet_of is None:
            continue
        fleet = fleet_of(one, around)
        if not fleet.types or not fleet.wanted:
            continue
        image = text(fleet.template or {}, "imageId")
        found.append(
            Machines(
                region=one.region,
                wanted=Wanted(
                    instance_types=fleet.types,
                    spot=fleet.spot,
                    most_usd=fleet.most_usd,
                    zones=_zones(one, around.of(_SUBNET)),
                ),
                count=fleet.wanted,
                images=(image,) if image.startswith("ami-") else (),
            )
        )
    return found


def _zones(group: Priced, subnets: Sequence[Priced]) -> tuple[str, ...]:
    """The zones of a group's subnets; of all where it is not known yet which are its own."""
    own = {each for key in ("vpcZoneIdentifiers", "subnetIds") for each in texts(group.props, key) if each}
    zones = {text(one.props, "availabilityZone") for one in subnets if _is_one_of(one, own)}
    named = set(texts(group.props, "availabilityZones"))
    return tuple(sorted((zones or named) - {""}))


def _is_one_of(subnet: Priced, own: set[str]) -> bool:
    return not own or text(subnet.props, "id") in own
