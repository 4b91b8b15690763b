"""The spot market: price history and placement scores, from capacity.py."""

import heapq
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from rehearsal.clouds.aws import capacity
from rehearsal.clouds.aws.additions import answers
from rehearsal.clouds.aws.calls import AwsError, Call

PAGE = 1000
PRODUCT = "Linux/UNIX"


@answers("ec2", "DescribeSpotPriceHistory")
def price_history(call: Call) -> Mapping[str, Any]:
    """Prices, newest first; without instance types those whose on-demand price is known."""
    params = call.params
    filters = {entry["Name"]: entry["Values"] for entry in params.get("Filters") or []}
    products = params.get("ProductDescriptions") or filters.get("product-description") or [PRODUCT]
    if not any(product.startswith(PRODUCT) for product in products):
        return {"SpotPriceHistory": [], "NextToken": ""}
    types = params.get("InstanceTypes") or filters.get("instance-type") or capacity.priced()
    zones = (
        [params["AvailabilityZone"]] if params.get("AvailabilityZone") else filters.get("availability-zone")
    )
    now = datetime.now(UTC)
    end = min(_moment(params.get("EndTime"), now), now)
    start = min(_moment(params.get("StartTime"), end - capacity.HISTORY), end)
    series = [
        _rows(name, zone, start, end)
        for name in types
        for zone in capacity.zones(name, call.region)
        if not zones or zone in zones
    ]
    newest_first = heapq.merge(*series, key=lambda row: row["Timestamp"], reverse=True)
    first = int(params.get("NextToken") or 0)
    page = min(int(params.get("MaxResults") or PAGE), PAGE)
    found = list(islice(newest_first, first, first + page + 1))
    return {
        "SpotPriceHistory": found[:page],
        "NextToken": str(first + page) if len(found) > page else "",
    }


def _rows(name: str, zone: str, start: datetime, end: datetime) -> Iterator[dict[str, Any]]:
    for at, price in capacity.history(name, zone, start, end):
        yield {
            "AvailabilityZone": zone,
            "InstanceType": name,
            "ProductDescription": PRODUCT,
            "SpotPrice": f"{price:.6f}",
            "Timestamp": at,
        }


@answers("ec2", "GetSpotPlacementScores")
def placement_scores(call: Call) -> Mapping[str, Any]:
    """Scores of the regions asked for, or of their zones, the best first."""
    params = call.params
    types = params.get("InstanceTypes") or []
    if not types:
        raise AwsError(
            "InvalidParameterCombination", "InstanceTypes is required: requirements are not emulated"
        )
    target = int(params["TargetCapacity"])
    if params.get("TargetCapacityUnitType") == "vcpu":
        target = -(-target // min(capacity.vcpus(name) for name in types))
    scores = []
    for region in params.get("RegionNames") or [call.region]:
        ids = {
            zone["ZoneName"]: zone["ZoneId"]
            for zone in call.moto_operation("DescribeAvailabilityZones")()["AvailabilityZones"]
            if zone["RegionName"] == region
        }
        rated = {zone: capacity.score(types, zone, target) for zone in _zones(types, region)}
        if params.get("SingleAvailabilityZone"):
            scores += [
                {"Region": region, "AvailabilityZoneId": ids.get(zone, zone), "Score": score}
                for zone, score in rated.items()
            ]
        elif rated:
            scores.append({"Region": region, "Score": max(rated.values())})
    order = sorted(scores, key=lambda row: (-int(row["Score"]), str(row)))
    return {"SpotPlacementScores": order[: int(params.get("MaxResults") or 1000)]}


def _zones(types: list[str], region: str) -> list[str]:
    return sorted({zone for name in types for zone in capacity.zones(name, region)})


def _moment(value: Any, default: datetime) -> datetime:
    if value is None:
        return default
    moment: datetime = value
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
