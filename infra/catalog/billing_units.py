"""What an OpenStack cloud charges, as its operator publishes it: units an hour, typed into a small YAML file.

`data/openstack_cpouta.yaml` is the example to copy. A unit's price in dollars is often an agreement between
an organisation and the operator: without `usd_per_unit` a cost is said in units and its dollars are unknown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from infra.catalog.accelerators import DATA


@dataclass(frozen=True, kw_only=True)
class BillingUnits:
    """An operator's prices in units an hour, volumes for a TiB. auth_url: a part of the cloud's address."""

    name: str
    auth_url: str = ""
    unit: str = "billing unit"
    usd_per_unit: float | None = None
    source: str = ""
    as_of: str = ""
    flavors: Mapping[str, float] = field(default_factory=dict)
    volume_tib: Mapping[str, float] = field(default_factory=dict)
    default_volume_type: str = ""
    floating_address: float | None = None
    router: float | None = None


def read(file: Path) -> BillingUnits:
    """An operator's file.

    Raises:
        ValueError: it is no such file; the message names each key that is wrong.
    """
    import yaml
    from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

    shape = TypeAdapter(with_config(ConfigDict(extra="forbid"))(BillingUnits))
    try:
        return shape.validate_python(yaml.safe_load(file.read_text()))
    except ValidationError as wrong:
        said = [f"{'.'.join(map(str, one['loc'])) or 'the file'}: {one['msg']}" for one in wrong.errors()]
        raise ValueError(f"{file}: {'; '.join(said)} (example: {DATA / 'openstack_cpouta.yaml'})") from None
    except (OSError, yaml.YAMLError) as reason:
        raise ValueError(f"{file} cannot be read: {reason}") from None


@cache
def shipped() -> tuple[BillingUnits, ...]:
    """The clouds whose prices come with this project."""
    return tuple(read(one) for one in sorted(DATA.glob("openstack_*.yaml")))


def of(auth_url: str) -> BillingUnits | None:
    """The shipped prices of the cloud at an address of its identity service."""
    return next((one for one in shipped() if one.auth_url and one.auth_url in auth_url), None)
