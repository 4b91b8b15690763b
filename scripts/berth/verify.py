"""`verify` and `outputs`: what an environment says of itself, and whether that holds."""

import json

from rich.console import Console

from scripts.berth import report, targets
from scripts.berth.place import Place
from scripts.berth.targets import Ask

__all__ = ["Ask", "outputs", "verify"]


def verify(place: Place, env: str, ask: Ask, *, as_json: bool) -> int:
    """Print the checks as a table or JSON; the exit status. Waiting is shown on standard error."""
    found = targets.of(env).verify(place, env, ask, Console(stderr=True))
    if as_json:
        print(json.dumps({"environment": env, **found.as_json()}, indent=2))
    else:
        console = Console()
        report.facts(console, found)
        report.checks(console, found)
    return 0 if found.passed else 1


def outputs(place: Place, env: str, *, as_json: bool) -> None:
    """Print the StackOutputs."""
    values = place.outputs(env)
    if as_json:
        print(json.dumps(values, indent=2))
        return
    for name, value in sorted(values.items()):
        print(f"{name:<18} {json.dumps(value) if isinstance(value, dict | list) else value}")
