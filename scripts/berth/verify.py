"""`verify` and `outputs`: what an environment says of itself, and whether that holds."""

import json
from typing import TYPE_CHECKING

from rich.console import Console

from infra.outputs import Deployed, from_mapping
from rehearsal.errors import BerthError
from scripts.berth.place import Place

if TYPE_CHECKING:
    from scripts.berth.checks import Verification

THRESHOLD = 0.97
SAMPLES = 200


def deployed(place: Place, env: str) -> Deployed:
    """The environment's StackOutputs.

    Raises:
        BerthError: it has not been deployed, or not to its end.
    """
    try:
        return from_mapping(place.outputs(env))
    except (KeyError, TypeError, ValueError) as missing:
        raise BerthError(
            f"{env} is not deployed to its end: these outputs are missing or unreadable: {missing}",
            f"Deploy it: `{place.prefix} up {env}`.",
        ) from None


def run_checks(
    place: Place, outputs: Deployed, *, threshold: float = THRESHOLD, samples: int = SAMPLES
) -> "Verification":
    """Every check over the outputs."""
    from scripts.berth.checks import verify

    return verify(outputs, place.environ, threshold=threshold, samples=samples)


def verify(place: Place, env: str, *, as_json: bool, threshold: float, samples: int) -> int:
    """Print the checks as a table or JSON; the exit status."""
    from dataclasses import asdict

    from scripts.berth import report

    outputs = deployed(place, env)
    found = run_checks(place, outputs, threshold=threshold, samples=samples)
    if as_json:
        checks = [asdict(check) for check in found.checks]
        print(json.dumps({"environment": env, "passed": found.passed, "checks": checks}, indent=2))
    else:
        report.checks(Console(), found)
    return 0 if found.passed else 1


def outputs(place: Place, env: str, *, as_json: bool) -> None:
    """Print the StackOutputs."""
    values = place.outputs(env)
    if as_json:
        print(json.dumps(values, indent=2))
        return
    for name, value in sorted(values.items()):
        print(f"{name:<18} {json.dumps(value) if isinstance(value, dict | list) else value}")
