"""Rows of the tables of machines without an accelerator: bastions, node pools, control machines. Pure.

AWS: `pkg/providers/pricing/zz_generated.pricing_aws.go` of karpenter-provider-aws, which has AWS's on-demand
prices of us-east-1. Google Cloud: the same file as for machines with accelerators.
"""

import re
from collections.abc import Mapping

AWS_COLUMNS = ("instance_type", "on_demand_usd_us_east_1")
GOOGLE_COLUMNS = ("instance_type", "region", "on_demand_usd", "spot_usd")
# Bare metal is left out, and what is neither common nor current.
_AWS_GENERATIONS = {
    "t": ("2", "3", "3a", "4g"),
    "m": ("5", "5a", "6a", "6g", "6i", "7a", "7g", "7i", "7i-flex", "8g"),
    "c": ("5", "6a", "6g", "6i", "7a", "7g", "7i", "8g"),
    "r": ("5", "6a", "6g", "6i", "7a", "7g", "7i", "8g"),
}
_AWS_FAMILIES = {f"{kind}{which}" for kind, several in _AWS_GENERATIONS.items() for which in several}
_GOOGLE_SIZES = {
    "e2": ("small", "medium", "standard-2", "standard-4", "standard-8", "standard-16", "standard-32"),
    "n1": ("standard-1", "standard-2", "standard-4", "standard-8", "standard-16"),
    "n2": ("standard-2", "standard-4", "standard-8", "standard-16", "standard-32"),
}
_GOOGLE = {f"{family}-{size}" for family, sizes in _GOOGLE_SIZES.items() for size in sizes}
_AWS_PRICE = re.compile(r'"(?P<name>(?P<family>[a-z0-9-]+)\.(?P<size>[a-z0-9-]+))": (?P<usd>[0-9.]+)')


def aws(source: str) -> list[tuple[str, ...]]:
    """The machines of the common families. source: Go's text of the table."""
    found = {
        one["name"]: f"{float(one['usd']):g}"
        for one in _AWS_PRICE.finditer(source)
        if one["family"] in _AWS_FAMILIES and not one["size"].startswith("metal")
    }
    return sorted(found.items())


def google(prices: Mapping[str, Mapping[str, Mapping[str, float]]]) -> list[tuple[str, ...]]:
    """Small machines by region. prices: region, market, machine."""
    found = []
    for region, markets in prices.items():
        on_demand, spot = markets.get("on_demand", {}), markets.get("spot", {})
        found += [
            (name, region, _cell(on_demand.get(name)), _cell(spot.get(name)))
            for name in _GOOGLE & {*on_demand, *spot}
        ]
    return sorted(found, key=lambda row: (row[1], row[0]))


def _cell(usd: float | None) -> str:
    return f"{usd:.6g}" if usd else ""
