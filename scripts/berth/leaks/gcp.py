"""The seam for Google Cloud, whose environments are not there yet."""

from typing import NoReturn

from rehearsal.errors import BerthError
from scripts.berth.place import Place


def listed(place: Place, env: str) -> NoReturn:
    """What lives of an environment: to be a `Listed` of everything with its labels, and in its networks.

    Raises:
        BerthError: always.
    """
    del place
    raise BerthError(
        f"berth does not look for leaks on Google Cloud yet ({env})",
        "Look yourself: `gcloud asset search-all-resources --query=labels.berth-environment=" + env + "`.",
    )
