"""The seam for OpenStack, whose environments are not there yet."""

from typing import NoReturn

from rehearsal.errors import BerthError
from scripts.berth.place import Place


def listed(place: Place, env: str) -> NoReturn:
    """What lives of an environment: to be a `Listed` of everything with its tags, and on its networks.

    Raises:
        BerthError: always.
    """
    del place
    raise BerthError(
        f"berth does not look for leaks on OpenStack yet ({env})",
        "Look yourself: `openstack server list`, `openstack volume list`, `openstack port list`.",
    )
