"""What every environment can do with Pulumi, in an account or in the rehearsal."""

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rehearsal.errors import BerthError
from scripts.berth import policy
from scripts.berth.place import Place, failed

if TYPE_CHECKING:
    import subprocess


def preview(place: Place, env: str, *, as_json: bool) -> int:
    """`pulumi preview` with its own display; returns its exit status."""
    select(place, env)
    flags = [*policy.arguments(), *(["--json"] if as_json else [])]
    return place.run("preview", "--stack", env, *flags)


def previewed(place: Place, env: str) -> "subprocess.CompletedProcess[str]":
    """`pulumi preview` as the engine's events, a line each; what stays as it is is in them too.

    Its digest, which it prints without the variable, leaves out what the policy pack finds.
    """
    select(place, env)
    flags = ["--json", "--show-sames", "--non-interactive", "--color", "never", *policy.arguments()]
    return place.answer("preview", "--stack", env, *flags, PULUMI_ENABLE_STREAMING_JSON_PREVIEW="true")


def select(place: Place, env: str) -> None:
    """Select the stack, made where it is missing; costs nothing where it is known to be there."""
    if not place.has_stack(env):
        place.capture("stack", "select", "--create", env)


def deploy(place: Place, env: str, log: Path, *, yes: bool, target: str = "", refresh: bool = False) -> None:
    """`pulumi up`. target: URN, or pattern of URNs, of the only resources to be changed.

    refresh: read first what the resources are like now.

    Raises:
        BerthError: it failed; with the end of its log.
    """
    select(place, env)
    flags = [*policy.arguments(), *(["--yes"] if yes else []), *(["--refresh"] if refresh else [])]
    flags += ["--target", target] if target else []
    status = place.run("up", "--stack", env, *flags, log=log)
    if status:
        raise failed(f"`pulumi up` of {env} failed", log, f"{place.prefix} up {env}")


def was_deployed(place: Place, env: str) -> bool:
    """Whether an update of the stack has ever run to an end: its history knows, not the time in its state."""
    return bool(json.loads(place.capture("stack", "history", "--json", "--stack", env) or "[]"))


def log_of(place: Place, env: str) -> Path:
    """Where a deployment's log goes."""
    if place.rehearsed:
        return Path(place.environ["BERTH_STATE"]) / "logs" / f"pulumi-up-{env}.log"
    return Path(tempfile.gettempdir()) / f"berth-up-{env}.log"


def destroy(place: Place, env: str, log: Path | None, *, yes: bool) -> int:
    """`pulumi destroy`; returns its exit status."""
    return place.run("destroy", "--stack", env, *(["--yes", "--skip-preview"] if yes else []), log=log)


def remove(place: Place, env: str) -> None:
    """Forget a stack that has no resources any more. Its values file stays."""
    place.capture("stack", "rm", env, "--yes", "--preserve-config")


def exported(place: Place, env: str) -> dict[str, Any]:
    """The stack's state, as `pulumi stack export` prints it."""
    state = json.loads(place.capture("stack", "export", "--stack", env))
    if not isinstance(state, dict):
        raise BerthError(f"the state of {env} cannot be read")
    return state


def kinds(state: dict[str, Any]) -> Counter[str]:
    """How many resources of each kind a state has; components and providers do not count."""
    resources = state.get("deployment", {}).get("resources") or []
    return Counter(
        str(resource["type"]).rpartition(":")[2]
        for resource in resources
        if resource.get("custom") and not str(resource["type"]).startswith("pulumi:providers:")
    )
