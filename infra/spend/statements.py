"""What the preview says of an environment's cost, and warns of. Pure: nothing here asks for a price."""

from collections.abc import Iterator

from infra.catalog import prices, service_prices
from infra.config import AwsVmEnvironment
from infra.machine.target import instance_types
from infra.network import plan


def cost(env: AwsVmEnvironment) -> Iterator[str]:
    """What is paid for by the hour whether it is used or not, in a sentence each."""
    parts = plan.priced(env.network.nat, env.network.zones)
    if parts.nat_gateways:
        hour = parts.nat_gateways * _usd("nat-gateway")
        what = "a NAT gateway" if parts.nat_gateways == 1 else f"{parts.nat_gateways} NAT gateways"
        yield (
            f"network.nat {env.network.nat}: {what}, {_money(hour)} an hour ({_month(hour)} a month), and "
            f"{_money(_usd('nat-gateway-data'))} for each GB through it"
        )
    if parts.interface_endpoints:
        hour = parts.interface_endpoints * _usd("interface-endpoint")
        yield (
            f"network.nat none: {parts.interface_endpoints} interface endpoints instead, {_money(hour)} an "
            f"hour ({_month(hour)} a month)"
        )
    names = instance_types(env)
    spot = prices.lowest_spot(names, env.region)
    if env.machine.spot and spot is not None:
        yield (
            f"machine: {', '.join(names)} as spot; {spot.instance_type} was {_money(spot.spot_usd or 0)} an "
            f"hour in {env.region} ({spot.as_of})"
        )
        return
    listed = prices.price(names[0], env.region).on_demand_usd if names else None
    if listed is not None:
        kind = "at most, as spot" if env.machine.spot else "on demand"
        yield f"machine: {', '.join(names)}; {names[0]} {_money(listed)} an hour {kind}"


def warnings(env: AwsVmEnvironment) -> Iterator[str]:
    """What will probably not work as the values stand, though it may."""
    spot = prices.lowest_spot(instance_types(env), env.region)
    asked = env.machine.max_price
    if asked is not None and spot is not None and asked < (spot.spot_usd or 0):
        yield (
            f"berth:machine.max_price: {asked:g} is under the last known spot price of every candidate in "
            f"{env.region}; the lowest was {spot.spot_usd:g} for {spot.instance_type} ({spot.as_of}). "
            "The group may wait for a machine in vain"
        )


def _usd(item: str) -> float:
    return service_prices.price("aws", item).usd or 0.0


def _money(usd: float) -> str:
    return f"${usd:.3f}"


def _month(hour: float) -> str:
    return f"${hour * prices.HOURS_A_MONTH:.0f}"
