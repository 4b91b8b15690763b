"""What AWS says now of quotas, spot prices, offerings, placement scores and images.

Each question stands alone: what cannot be asked, for want of credentials or of a permission, is unknown and
is said, and the rest is answered all the same. They are asked side by side.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from infra.spend.capacity import Capacity, ImageState, ZoneCapacity
from infra.spend.quota import Granted, Need
from infra.spend.quotas import aws as quotas
from rehearsal.errors import BerthError
from scripts.berth.aws.clients import asking, client, code_of, ec2
from scripts.berth.place import Place

HISTORY = timedelta(days=7)
_SIDE_BY_SIDE = 6
_PRODUCT = "Linux/UNIX"
_ALIVE = ("pending", "running")
_GIB_A_TIB = 1024

Said = Callable[[str], None]
Answer = TypeVar("Answer")


def quota(
    place: Place, region: str, needs: Iterable[Need], say: Said = lambda _: None
) -> dict[tuple[str, str], Granted]:
    """What the account has of each quota that is needed in a region, by region and code.

    say: told what could not be asked.
    """
    wanted = [one for one in needs if one.region in {region, ""}]
    codes = {one.code for one in wanted}
    limits = {
        one.code: _Question(f"the quota {one.code} ({one.name})", partial(_limit, place, region, one))
        for one in wanted
    }
    uses = {
        name: _Question(f"the use of {', '.join(sorted(counts & codes))}", partial(read, place, region))
        for name, (counts, read) in _USED.items()
        if counts & codes
    }
    answers = _ask({**limits, **uses}, say)
    used: dict[str, float] = {}
    for name in uses:
        if (found := answers.get(name)) is not None:
            used |= {code: found.get(code, 0.0) for code in _USED[name][0]}
    return {
        (region, code): Granted(limit=answers[code], used=used.get(code))
        for code in limits
        if answers.get(code) is not None
    }


def capacity(
    place: Place,
    region: str,
    instance_types: Sequence[str],
    zones: Sequence[str] = (),
    count: int = 1,
    *,
    spot: bool = True,
    images: Sequence[str] = (),
    now: datetime | None = None,
) -> Capacity:
    """Where machines can be had in a region. zones: those alone, or all; count: how many machines.

    now: the end of the 7 days of spot prices. What could not be asked is in `not_asked`.
    """
    types, at = list(instance_types), now or datetime.now(UTC)
    questions = {
        "offers": _Question("which zones offer the machines", lambda: _offers(place, region, types)),
        "images": _Question("whether the image is there", lambda: _images(place, region, images)),
    }
    if not images:
        questions.pop("images")
    if spot:
        questions |= {
            "spot": _Question("spot prices", lambda: _spot_prices(place, region, types, at)),
            "scores": _Question("placement scores", lambda: _scores(place, region, types, count)),
        }
    failed: list[str] = []
    answers = _ask(questions, failed.append) if types or images else {}
    offers, prices, scores = (answers.get(key) for key in ("offers", "spot", "scores"))
    seen = {*(offers or ()), *(zone for zone, _ in prices or ()), *zones}
    return Capacity(
        zones=tuple(
            _zone(zone, name, offers, prices or {}, scores or {})
            for zone in sorted(seen)
            if not zones or zone in zones
            for name in types
        ),
        images=answers.get("images") or tuple(ImageState(id=one, there=None) for one in images),
        region=region,
        asked_at=at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        source="the rehearsal's account" if place.rehearsed else "EC2",
        not_asked=tuple(failed),
    )


@dataclass(frozen=True, kw_only=True)
class _Paid:
    """A spot price: the newest, and the range."""

    now: float
    low: float
    high: float


class _Question:
    """what: completes "could not ask for …"."""

    def __init__(self, what: str, ask: Callable[[], Any]) -> None:
        self.what, self.ask = what, ask


def _ask(questions: Mapping[str, _Question], say: Said) -> dict[str, Any]:
    """The answers that there are; a reason that stops several questions is said once."""
    answers: dict[str, Any] = {}
    failed: dict[str, list[str]] = defaultdict(list)

    def answered(question: _Question) -> Any:
        try:
            with asking(question.what):
                return question.ask()
        except BerthError as problem:
            return problem

    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        for (key, question), answer in zip(
            questions.items(), pool.map(answered, questions.values()), strict=True
        ):
            if isinstance(answer, BerthError):
                failed[str(answer)].append(question.what)
            else:
                answers[key] = answer
    if not answers and len(failed) == 1:
        failed = {reason: [""] for reason in failed}
    for reason, what in failed.items():
        several = f"{', '.join(what)}: " if len(what) > 1 else ""
        say(f"not asked: {several}{reason}")
    return answers


def _limit(place: Place, region: str, need: Need) -> float:
    asked = client(place, "service-quotas", region)
    which = {"ServiceCode": need.service or "ec2", "QuotaCode": need.code}
    try:
        found = asked.get_service_quota(**which)
    except Exception as error:
        # A quota that was never changed may only be known by its default.
        # https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html
        if code_of(error) != "NoSuchResourceException":
            raise
        found = asked.get_aws_default_service_quota(**which)
    return float(found["Quota"]["Value"])


def _machines(place: Place, region: str) -> dict[str, float]:
    """VCPUs of what runs, by quota."""
    used: dict[str, float] = defaultdict(float)
    pages = ec2(place, region).get_paginator("describe_instances")
    alive = [{"Name": "instance-state-name", "Values": list(_ALIVE)}]
    for page in pages.paginate(Filters=alive):  # type: ignore[arg-type]
        for reservation in page["Reservations"]:
            for one in reservation.get("Instances", []):
                name = str(one.get("InstanceType", ""))
                counted = quotas.family(name, spot=one.get("InstanceLifecycle") == "spot")
                if counted is not None:
                    used[counted.code] += quotas.vcpus(name) or _cores(one)
    return used


def _cores(instance: Mapping[str, Any]) -> int:
    options = instance.get("CpuOptions") or {}
    return int(options.get("CoreCount", 0)) * int(options.get("ThreadsPerCore", 1))


def _networks(place: Place, region: str) -> dict[str, float]:
    asked = ec2(place, region)
    return {
        quotas.VPCS.code: len(asked.describe_vpcs()["Vpcs"]),
        quotas.INTERNET_GATEWAYS.code: len(asked.describe_internet_gateways()["InternetGateways"]),
        quotas.ADDRESSES.code: len(asked.describe_addresses()["Addresses"]),
    }


def _balancers(place: Place, region: str) -> dict[str, float]:
    pages = client(place, "elbv2", region).get_paginator("describe_load_balancers")
    kinds = [one.get("Type") for page in pages.paginate() for one in page["LoadBalancers"]]
    return {
        quotas.APPLICATION_BALANCERS.code: kinds.count("application"),
        quotas.NETWORK_BALANCERS.code: kinds.count("network"),
    }


def _clusters(place: Place, region: str) -> dict[str, float]:
    pages = client(place, "eks", region).get_paginator("list_clusters")
    return {quotas.CLUSTERS.code: sum(len(page["clusters"]) for page in pages.paginate())}


def _volumes(place: Place, region: str) -> dict[str, float]:
    pages = ec2(place, region).get_paginator("describe_volumes")
    kind = [{"Name": "volume-type", "Values": ["gp3"]}]
    found = [one for page in pages.paginate(Filters=kind) for one in page["Volumes"]]  # type: ignore[arg-type]
    return {quotas.GP3_TIB.code: sum(one["Size"] for one in found) / _GIB_A_TIB}


# By name: the codes that are counted, and how.
_USED: Mapping[str, tuple[frozenset[str], Callable[[Place, str], dict[str, float]]]] = {
    "machines": (quotas.MACHINES, _machines),
    "networks": (
        frozenset({quotas.VPCS.code, quotas.INTERNET_GATEWAYS.code, quotas.ADDRESSES.code}),
        _networks,
    ),
    "balancers": (
        frozenset({quotas.APPLICATION_BALANCERS.code, quotas.NETWORK_BALANCERS.code}),
        _balancers,
    ),
    "clusters": (frozenset({quotas.CLUSTERS.code}), _clusters),
    "volumes": (frozenset({quotas.GP3_TIB.code}), _volumes),
}


def _offers(place: Place, region: str, types: Sequence[str]) -> dict[str, set[str]]:
    """The types by the zones that offer them."""
    offers: dict[str, set[str]] = defaultdict(set)
    pages = ec2(place, region).get_paginator("describe_instance_type_offerings")
    only = [{"Name": "instance-type", "Values": list(types)}]
    for page in pages.paginate(LocationType="availability-zone", Filters=only):  # type: ignore[arg-type]
        for one in page["InstanceTypeOfferings"]:
            offers[str(one["Location"])].add(str(one["InstanceType"]))
    return offers


def _spot_prices(
    place: Place, region: str, types: Sequence[str], now: datetime
) -> dict[tuple[str, str], _Paid]:
    """By zone and type, of the last 7 days; a price holds until the next one."""
    seen: dict[tuple[str, str], list[tuple[datetime, float]]] = defaultdict(list)
    pages = ec2(place, region).get_paginator("describe_spot_price_history")
    for page in pages.paginate(
        InstanceTypes=list(types),  # type: ignore[arg-type]
        ProductDescriptions=[_PRODUCT],
        StartTime=now - HISTORY,
        EndTime=now,
    ):
        for one in page["SpotPriceHistory"]:
            key = str(one["AvailabilityZone"]), str(one["InstanceType"])
            seen[key].append((one["Timestamp"], float(one["SpotPrice"])))
    return {
        key: _Paid(now=max(found)[1], low=min(usd for _, usd in found), high=max(usd for _, usd in found))
        for key, found in seen.items()
    }


def _scores(place: Place, region: str, types: Sequence[str], count: int) -> dict[str, int]:
    """By zone's name; AWS answers with ids, which are others in each account's names."""
    asked = ec2(place, region)
    names = {
        str(one["ZoneId"]): str(one["ZoneName"])
        for one in asked.describe_availability_zones()["AvailabilityZones"]
    }
    found = asked.get_spot_placement_scores(
        InstanceTypes=list(types), TargetCapacity=count, SingleAvailabilityZone=True, RegionNames=[region]
    )
    return {
        names.get(zone, zone): int(one["Score"])
        for one in found["SpotPlacementScores"]
        if (zone := str(one.get("AvailabilityZoneId", "")))
    }


def _images(place: Place, region: str, images: Sequence[str]) -> tuple[ImageState, ...]:
    found = ec2(place, region).describe_images(
        Filters=[{"Name": "image-id", "Values": list(images)}], IncludeDeprecated=True
    )
    names = {str(one["ImageId"]): str(one.get("Name", "")) for one in found["Images"]}
    return tuple(ImageState(id=one, there=one in names, name=names.get(one, "")) for one in images)


def _zone(
    zone: str,
    name: str,
    offers: Mapping[str, set[str]] | None,
    prices: Mapping[tuple[str, str], _Paid],
    scores: Mapping[str, int],
) -> ZoneCapacity:
    paid = prices.get((zone, name))
    return ZoneCapacity(
        zone=zone,
        instance_type=name,
        offered=None if offers is None else name in offers.get(zone, ()),
        spot_now=paid.now if paid else None,
        spot_low=paid.low if paid else None,
        spot_high=paid.high if paid else None,
        score=scores.get(zone),
    )
