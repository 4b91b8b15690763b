"""Where a group may launch: a pool is a type in a subnet, bought on the spot market or on demand.

Order: https://docs.aws.amazon.com/autoscaling/ec2/userguide/allocation-strategies.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rehearsal.clouds.aws import capacity


@dataclass(frozen=True)
class Pool:
    """One way to launch an instance. rank: the place of the type in the group's list of overrides."""

    instance_type: str
    zone: str
    subnet: str
    template: Mapping[str, str]
    rank: int
    spot: bool
    max_price: str | None = None

    def __str__(self) -> str:
        return f"{self.instance_type} in {self.zone}, {'spot' if self.spot else 'on demand'}"


def pools(group: Any, ec2: Any) -> list[Pool]:
    """Every pool of the next instance of a group; ec2 is moto's backend."""
    policy = group.mixed_instances_policy or {}
    distribution = policy.get("InstancesDistribution") or {}
    overrides = (policy.get("LaunchTemplate") or {}).get("Overrides") or [{}]
    base = _template(group, policy)
    spot = _next_is_spot(group, distribution) if policy else False
    made = []
    for subnet in (group.vpc_zone_identifier or "").split(","):
        if not subnet:
            continue
        zone = ec2.get_subnet(subnet).availability_zone
        for rank, override in enumerate(overrides):
            template = override.get("LaunchTemplateSpecification") or base
            if not template:
                continue
            instance_type = override.get("InstanceType") or group.instance_type
            price = distribution.get("SpotMaxPrice") or None
            made.append(Pool(instance_type, zone, subnet, template, rank, spot, price))
    return made


def ordered(found: list[Pool], group: Any) -> list[Pool]:
    """The pools in the order of the group's strategy; those in zones that do not offer the type go last."""
    policy = group.mixed_instances_policy or {}
    strategy = (policy.get("InstancesDistribution") or {}).get("SpotAllocationStrategy") or "lowest-price"
    now = datetime.now(UTC)
    used = [state.instance.availability_zone for state in group.instance_states]

    def place(pool: Pool) -> tuple[Any, ...]:
        absent = pool.zone not in capacity.zones(pool.instance_type, pool.zone[:-1])
        if not pool.spot:
            return absent, used.count(pool.zone), pool.rank, pool.zone, pool.subnet
        price = capacity.spot(pool.instance_type, pool.zone, now)
        deep = capacity.size(pool.instance_type, pool.zone)
        by = {
            "price-capacity-optimized": (price / deep**0.25,),
            "capacity-optimized": (-deep, price),
            "capacity-optimized-prioritized": (-deep, pool.rank),
        }.get(strategy, (price,))
        return (absent, *by, pool.zone, pool.subnet)

    return sorted(found, key=place)


def _template(group: Any, policy: Mapping[str, Any]) -> dict[str, str]:
    """The launch template of a group, as RunInstances names one."""
    specification = (policy.get("LaunchTemplate") or {}).get("LaunchTemplateSpecification")
    if specification is None and group.ec2_launch_template is not None:
        specification = {
            "LaunchTemplateId": group.ec2_launch_template.id,
            "Version": group.launch_template_version,
        }
    if not specification:
        return {}
    key = "LaunchTemplateId" if specification.get("LaunchTemplateId") else "LaunchTemplateName"
    return {key: specification[key], "Version": str(specification.get("Version") or "$Default")}


def _next_is_spot(group: Any, distribution: Mapping[str, Any]) -> bool:
    """Whether the next instance is one of the spot part: base on demand first, then by percentage."""
    base = int(distribution.get("OnDemandBaseCapacity") or 0)
    given = distribution.get("OnDemandPercentageAboveBaseCapacity")
    percentage = 100 if given is None else int(given)
    states = [state.instance.lifecycle for state in group.instance_states]
    on_demand = sum(lifecycle != "spot" for lifecycle in states)
    if on_demand < base:
        return False
    above = len(states) - base + 1
    return bool(on_demand - base >= -(-above * percentage // 100))
