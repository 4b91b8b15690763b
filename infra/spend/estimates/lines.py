"""The shapes that estimates speak in, and how a resource's properties are read. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from infra.catalog import service_prices
from infra.catalog.billing_units import BillingUnits

# What the engine writes for a value that only the cloud knows, and the key that marks a secret.
# https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/plugin/rpc.go
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_SIGNATURE = "4dabf18193072939515e22adb298388d"
HOURS_A_MONTH = 730
_SMALLEST = 0.0001  # what four decimals still show


@dataclass(frozen=True, kw_only=True)
class Priced:
    """What is to be priced; from a state, a preview's step or a live finding.

    type: Pulumi's token, such as aws:ebs/volume:Volume. props: by Pulumi's names, inputs over outputs.
    region: empty where the resource or its provider says it itself.
    """

    type: str
    name: str
    props: Mapping[str, Any]
    region: str = ""


@dataclass(frozen=True, kw_only=True)
class Line:
    """What one part of a resource costs in US dollars without tax.

    what: in words, such as "T4 machine (g4dn.xlarge, spot)". hourly_usd: None where it is not known, 0.0 only
    where it really is free. unit: how usage is billed beside that, empty if it is not.
    """

    what: str
    resource: str
    hourly_usd: float | None
    unit: str = ""
    source: str = ""
    as_of: str = ""
    assumption: str = ""


@dataclass(frozen=True, kw_only=True)
class Context:
    """What stands around a resource: every resource by its type, and an operator's prices where given."""

    by_type: Mapping[str, Sequence[Priced]]
    billing: BillingUnits | None = None

    def of(self, token: str) -> Sequence[Priced]:
        """Every resource of a type."""
        return self.by_type.get(token, ())


Pricing = Callable[[Priced, Context], Iterable[Line]]


def gathered(resources: Iterable[Priced], billing: BillingUnits | None = None) -> Context:
    """The resources by their types."""
    by_type: dict[str, list[Priced]] = defaultdict(list)
    for one in resources:
        by_type[one.type].append(one)
    return Context(by_type=by_type, billing=billing)


def placed(resources: Sequence[Priced]) -> list[Priced]:
    """Each with its region: what it says itself, else that of its cloud's only provider."""
    regions: dict[str, set[str]] = defaultdict(set)
    for one in resources:
        if one.type.startswith("pulumi:providers:"):
            regions[one.type.removeprefix("pulumi:providers:")].add(text(one.props, "region"))
    return [
        one
        if one.region
        else replace(one, region=_own_region(one) or _only(regions[one.type.partition(":")[0]]))
        for one in resources
    ]


def _own_region(one: Priced) -> str:
    zone = text(one.props, "availabilityZone") or text(one.props, "zone")
    if one.type.startswith("aws:"):
        return text(one.props, "region") or (zone[:-1] if zone[-1:].isalpha() else "")
    if one.type.startswith("gcp:"):
        location = text(one.props, "region") or text(one.props, "location") or zone
        return location.rpartition("-")[0] if location.count("-") > 1 else location
    return text(one.props, "region")


def _only(found: set[str]) -> str:
    return next(iter(found)) if len(found) == 1 else ""


def known(value: Any) -> Any:
    """A property's value; None where only the cloud knows it, or where it is an encrypted secret."""
    if value == UNKNOWN:
        return None
    if isinstance(value, Mapping) and _SIGNATURE in value:
        return known(value.get("value"))
    return value


def text(props: Mapping[str, Any], key: str) -> str:
    """A property as text; empty where it is missing or not known."""
    value = known(props.get(key))
    return "" if value is None else str(value)


def number(props: Mapping[str, Any], key: str) -> float | None:
    """A property as a number; None where it is missing, not known, or no number."""
    value = known(props.get(key))
    if isinstance(value, bool):
        return None
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return None


def block(props: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A nested property; the first one where it is a list; empty where it is missing or not known."""
    found = blocks(props, key)
    return found[0] if found else {}


def blocks(props: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """Nested properties; empty where they are missing or not known."""
    value = known(props.get(key))
    listed = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    return [one for one in map(known, listed) if isinstance(one, Mapping)]


def texts(props: Mapping[str, Any], key: str) -> list[str]:
    """A list's values as text; one that is not known is empty."""
    value = known(props.get(key))
    if not isinstance(value, Sequence) or isinstance(value, str):
        return []
    return ["" if (one := known(each)) is None else str(one) for each in value]


def true(props: Mapping[str, Any], key: str) -> bool:
    """Whether a property is true; some providers write 'true'."""
    value = known(props.get(key))
    return value is True or value == "true"


def service(
    one: Priced,
    what: str,
    item: tuple[str, str],
    *,
    times: float | None = 1.0,
    unit: str = "",
    assumption: str = "",
) -> Line:
    """A line of the catalogue's service prices. times: units in an hour, or a month's where that is paid."""
    price = service_prices.price(*item)
    hours = HOURS_A_MONTH if "month" in price.unit else 1
    elsewhere = "" if one.region == price.region else f"the price of {price.region}"
    return Line(
        what=what,
        resource=one.name,
        hourly_usd=None if price.usd is None or times is None else price.usd * times / hours,
        unit=unit,
        source=price.source,
        as_of=price.as_of,
        assumption="; ".join(filter(None, (assumption, elsewhere))),
    )


def rate(item: tuple[str, str], each: str) -> str:
    """How usage is billed, in words: "$0.045 for each GB through it"."""
    usd = service_prices.price(*item).usd
    return f"{money(usd)} for each {each}" if usd is not None else f"an unknown price for each {each}"


def money(usd: float) -> str:
    """Dollars with the digits that matter, two decimals at least: $0.0052, $0.045, $0.50, $21.96."""
    if usd >= 1 or usd == 0:
        return f"${usd:.2f}"
    if usd < _SMALLEST:
        return f"${usd:.2g}"
    whole, _, decimals = f"{usd:.4f}".rstrip("0").partition(".")
    return f"${whole}.{decimals.ljust(2, '0')}"


def nothing(_one: Priced, _around: Context) -> Iterator[Line]:
    """What is free, or is paid for with something else."""
    return iter(())
