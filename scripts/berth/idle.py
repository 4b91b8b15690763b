"""`idle`: which machines' GPUs do nothing, what that costs, and ending them.

A machine ends by its own group, which then wants none; the stack's state is told, so that the next `up` sees
the difference and starts the machine again.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console

from infra.spend import estimate, idle
from infra.spend.idle import Judgement, Watched
from rehearsal.errors import BerthError
from scripts.berth import lifetime, spending, stack, targets
from scripts.berth.place import Place

SOMETHING_IDLE = 3
SHORTEST = timedelta(minutes=10)


def run(
    place: Place,
    env: str,
    *,
    below: float,
    least: str,
    stop: bool,
    as_json: bool,
    now: datetime | None = None,
) -> int:
    """Show what is idle, and stop it if asked. Returns 3 where something idle goes on running, else 0.

    below: percent. least: a duration such as `60m`.

    Raises:
        BerthError: the duration is none, or what runs cannot be asked for.
    """
    wanted = _least(least)
    place.require_stack(env)
    target = targets.of(env)
    machines = target.watched(place, env)
    now = now or datetime.now(UTC)
    judged = {one.id: idle.judge(one.slots, below=below, least=wanted, now=now) for one in machines}
    stoppable = idle.stoppable(judged, machines)
    state = stack.exported(place, env) if stoppable else {}
    hourly = _hourly(state, stoppable, machines)
    changed = [name for group in stoppable if stop for name in target.stop(place, env, group)]
    stopped = list(dict.fromkeys(changed))
    told = _tell(place, env, state, stopped)
    found = {
        "environment": env,
        "below_percent": below,
        "for_minutes": wanted.total_seconds() / 60,
        "machines": [_shown(one, judged[one.id]) for one in machines],
        "idle_groups": stoppable,
        "idle_hourly_usd": hourly,
        "stopped": stopped,
        "again": (f"{place.prefix} up {env}" + ("" if told else " --refresh")) if stopped else None,
    }
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        _print(place, env, found)
    return SOMETHING_IDLE if set(stoppable) - set(stopped) else 0


def _least(text: str) -> timedelta:
    wanted = lifetime.span(text)
    if not SHORTEST <= wanted <= idle.KEPT:
        hours = idle.KEPT.total_seconds() / 3600
        raise BerthError(
            f"--for {text} cannot be judged: machines write down the last {hours:g} hours, "
            f"and fewer than {SHORTEST.seconds // 60} minutes say little",
            "Write --for 60m, for example.",
        )
    return wanted


def _hourly(state: dict[str, Any], groups: list[str], machines: list[Watched]) -> float | None:
    """US dollars an hour of these groups' machines, as far as prices are known; None where none is."""
    running = {group: sum(one.group == group for one in machines) for group in groups}
    resources = spending.priced(state, running)
    names = {one.name for one in resources if one.props.get("name") in groups and one.type == spending.GROUP}
    total = estimate.total(line for line in estimate.lines(resources) if line.resource in names)
    return round(total.hourly_usd, 4) or None


def _tell(place: Place, env: str, state: dict[str, Any], stopped: list[str]) -> bool:
    """Have the state say that the groups are empty; whether that worked."""
    urns = [
        one["urn"]
        for one in state.get("deployment", {}).get("resources") or []
        if one["type"] == spending.GROUP and (one.get("outputs") or {}).get("name") in stopped
    ]
    if not urns:
        return False
    chosen = [part for urn in urns for part in ("--target", urn)]
    try:
        place.capture("refresh", "--stack", env, "--yes", "--skip-preview", *chosen)
    except BerthError:
        return False
    return True


def _shown(machine: Watched, judged: Judgement) -> dict[str, Any]:
    return {
        "id": machine.id,
        "group": machine.group,
        "about": machine.about,
        "state": judged.state,
        "quiet_minutes": judged.quiet.total_seconds() / 60,
        "mean_percent": round(judged.mean, 1),
        "max_percent": judged.max,
        "reason": judged.reason,
    }


def _print(place: Place, env: str, found: dict[str, Any]) -> None:
    console = Console(highlight=False, soft_wrap=True, markup=False)
    if not found["machines"]:
        console.print(f"No GPU machine of {env} runs.")
    for one in found["machines"]:
        console.print(f"{one['about']}: {one['state']}, {one['reason']}")
    price = found["idle_hourly_usd"]
    costs = "its price is not known" if price is None else f"{estimate.money(price)} an hour"
    if found["stopped"]:
        console.print(f"Stopped {', '.join(found['stopped'])} ({costs}). Checkpoints are in the bucket.")
        console.print(f"To start it again: `{found['again']}`")
    elif found["idle_groups"]:
        console.print(f"Idle: {', '.join(found['idle_groups'])} ({costs}).")
        console.print(f"To stop it: `{place.prefix} idle {env} --stop`")
