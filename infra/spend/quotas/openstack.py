"""What OpenStack's resources need of a project's quotas, which are named as the APIs do.

https://docs.openstack.org/nova/latest/user/quotas.html
"""

from collections.abc import Iterator
from functools import partial

from infra.spend.estimates.lines import Context, Priced, number
from infra.spend.quotas.need import Need, Table


def _one(code: str, name: str, one: Priced, _around: Context) -> Iterator[Need]:
    yield Need(code=code, name=name, amount=1, unit="", region=one.region)


def _volume(one: Priced, _around: Context) -> Iterator[Need]:
    yield Need(code="volumes", name="volumes", amount=1, unit="", region=one.region)
    gib = number(one.props, "size")
    if gib is not None:
        yield Need(code="gigabytes", name="volumes' size", amount=gib, unit="GiB", region=one.region)


NEEDING: Table = {
    "openstack:blockstorage/volume:Volume": _volume,
    "openstack:compute/instance:Instance": partial(_one, "instances", "instances"),
    "openstack:networking/floatingIp:FloatingIp": partial(_one, "floatingip", "floating addresses"),
    "openstack:networking/network:Network": partial(_one, "network", "networks"),
    "openstack:networking/router:Router": partial(_one, "router", "routers"),
}
