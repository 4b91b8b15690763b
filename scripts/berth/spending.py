"""What an environment costs, for `status`: an hour of it as it is now, and its month against its budget.

The prices are those of dated tables (`infra.spend.estimate`); what was spent is what the cloud says.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from infra.spend import estimate, spent
from infra.spend.estimate import Priced
from rehearsal.errors import BerthError
from scripts.berth.place import Place

if TYPE_CHECKING:
    from scripts.berth.targets import Target

GROUP = "aws:autoscaling/group:Group"


def priced(state: Mapping[str, Any], running: Mapping[str, int] | None = None) -> list[Priced]:
    """The resources of an exported state as they are: outputs over inputs.

    running: machines that each group has now, by the group's name; the state says how many it was to have.
    """
    found = []
    for one in state.get("deployment", {}).get("resources") or []:
        props = {**(one.get("inputs") or {}), **(one.get("outputs") or {})}
        if one["type"] == GROUP and running is not None:
            props["desiredCapacity"] = running.get(str(props.get("name")), 0)
        name = str(one["urn"]).rpartition("::")[2]
        if one.get("custom"):
            found.append(Priced(type=str(one["type"]), name=name, props=props))
    return found


def of(place: Place, target: "Target", env: str, state: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that is known, for JSON; what cannot be asked for is said under `problems`."""
    problems: list[str] = []
    running, budget = None, None
    try:
        running = target.running(place, env)
    except BerthError as problem:
        problems.append(problem.message)
    try:
        budget = target.spent(place, env)
    except BerthError as problem:
        problems.append(problem.message)
    lines = estimate.lines(priced(state, running))
    total = estimate.total(lines)
    return {
        "hourly_usd": round(total.hourly_usd, 4),
        "daily_usd": round(total.daily_usd, 2),
        "unknown": list(total.unknown),
        "lines": [asdict(line) for line in lines],
        "budget": _budget(budget) if budget else None,
        "problems": problems,
    }


def sentences(found: Mapping[str, Any]) -> dict[str, str]:
    """What `of` found, in a line each by what it is about."""
    said: dict[str, str] = {}
    if found["lines"]:
        costly = sorted(
            (one for one in found["lines"] if one["hourly_usd"]), key=lambda one: -one["hourly_usd"]
        )
        parts = [f"{one['what']} {estimate.money(one['hourly_usd'])}" for one in costly[:SHOWN]]
        parts += [f"{len(costly) - SHOWN} more"] if len(costly) > SHOWN else []
        text = f"{estimate.money(found['hourly_usd'])} an hour, {estimate.money(found['daily_usd'])} a day"
        said["cost now"] = text + (f": {', '.join(parts)}" if parts else "")
    if found["unknown"]:
        said["cost not known"] = ", ".join(found["unknown"])
    if found["budget"]:
        said["budget"] = found["budget"]["text"]
        if found["budget"]["alerts_text"]:
            said["budget alerts"] = found["budget"]["alerts_text"]
    if found["problems"]:
        said["not asked"] = "; ".join(found["problems"])
    return said


SHOWN = 4


def _budget(budget: spent.Spent) -> dict[str, Any]:
    return {
        **asdict(budget),
        "alerts": [{**asdict(one), "passed": budget.passed(one)} for one in budget.alerts],
        "over": budget.over,
        "text": spent.sentence(budget),
        "alerts_text": spent.alerts(budget),
    }
