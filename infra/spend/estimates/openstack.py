"""What OpenStack's resources cost: in the operator's units, and in dollars where a unit's price is known."""

from collections.abc import Iterator, Mapping

from infra.catalog.billing_units import BillingUnits, of
from infra.spend.estimates.lines import Context, Line, Priced, Pricing, blocks, number, text

_GIB_A_TIB = 1024
_PROVIDER = "pulumi:providers:openstack"


def _instance(one: Priced, around: Context) -> Iterator[Line]:
    flavor = text(one.props, "flavorName")
    units = _units(around)
    yield _line(
        one, f"machine ({flavor or 'flavor not known'})", units, units.flavors.get(flavor) if units else None
    )
    for disk in blocks(one.props, "blockDevices"):
        if text(disk, "destinationType") == "volume" and number(disk, "volumeSize") is not None:
            yield _volume_line(one, number(disk, "volumeSize"), text(disk, "volumeType"), units)


def _volume(one: Priced, around: Context) -> Iterator[Line]:
    yield _volume_line(one, number(one.props, "size"), text(one.props, "volumeType"), _units(around))


def _volume_line(one: Priced, gib: float | None, kind: str, units: BillingUnits | None) -> Line:
    kind = kind or (units.default_volume_type if units else "")
    each = units.volume_tib.get(kind) if units else None
    size = "of unknown size" if gib is None else f"{gib:g} GiB"
    amount = None if each is None or gib is None else each * gib / _GIB_A_TIB
    return _line(one, f"volume ({' '.join(filter(None, (size, kind)))})", units, amount)


def _address(one: Priced, around: Context) -> Iterator[Line]:
    units = _units(around)
    yield _line(one, "floating address", units, units.floating_address if units else None)


def _router(one: Priced, around: Context) -> Iterator[Line]:
    units = _units(around)
    if one.props.get("externalNetworkId"):
        yield _line(one, "router with a way out", units, units.router if units else None)


def _units(around: Context) -> BillingUnits | None:
    """What was given, else what is shipped of the cloud that the provider logs in to."""
    if around.billing is not None:
        return around.billing
    found = (of(text(one.props, "authUrl")) for one in around.of(_PROVIDER))
    return next((one for one in found if one is not None), None)


def _line(one: Priced, what: str, units: BillingUnits | None, amount: float | None) -> Line:
    if units is None:
        return Line(
            what=what,
            resource=one.name,
            hourly_usd=None,
            assumption="the operator's billing units are not given",
        )
    if amount is None:
        return Line(
            what=what,
            resource=one.name,
            hourly_usd=None,
            assumption=f"not among the prices of {units.name}",
            source=units.source,
            as_of=units.as_of,
        )
    usd = units.usd_per_unit
    return Line(
        what=what,
        resource=one.name,
        hourly_usd=None if usd is None else amount * usd,
        unit=f"{amount:.4g} {units.unit} an hour",
        source=units.source,
        as_of=units.as_of,
        assumption="" if usd is not None else f"what a {units.unit} costs is not given",
    )


PRICED: Mapping[str, Pricing] = {
    "openstack:blockstorage/volume:Volume": _volume,
    "openstack:compute/instance:Instance": _instance,
    "openstack:networking/floatingIp:FloatingIp": _address,
    "openstack:networking/router:Router": _router,
}
# Types that begin so are free, or are paid for with what they belong to.
FREE: tuple[str, ...] = (
    "openstack:blockstorage/volumeAttach",
    "openstack:compute/keypair:",
    "openstack:compute/serverGroup:",
    "openstack:compute/volumeAttach",
    "openstack:identity/",
    "openstack:networking/",
)
