"""A spot plan as people read it."""

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console
from rich.table import Table

from infra.spend.offers import Ask
from infra.spend.planner.advice import Advice
from infra.spend.planner.zones import Zone

_FILE_WIDTH = 140  # a terminal folds; a file takes whole rows


def show(advice: Advice, zones: Sequence[Zone], ask: Ask, notes: Iterable[str]) -> None:
    """Print it: what to do first, what to expect after that, and on what grounds."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_FILE_WIDTH)
    job = advice.job
    console.print(
        f"{_time(job.work_s)} of work on {ask.count} {ask.accelerator}, to be done in "
        f"{_time(job.deadline_s)}; a launch takes {_time(job.restart_s)}, a checkpoint comes every "
        f"{_time(job.checkpoint_every_s)}",
        highlight=False,
        soft_wrap=True,
    )
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in _rows(advice, zones):
        table.add_row(name, text)
    console.print(table, highlight=False)
    for note in notes:
        console.print(note, highlight=False, markup=False, soft_wrap=True)


def _rows(advice: Advice, zones: Sequence[Zone]) -> Iterable[tuple[str, str]]:
    by_name = {one.offer.zone: one for one in zones}
    begin = advice.begin
    if begin is None:
        yield "Begin", f"wait: no zone has spot now; ask again in {_time(advice.step_s)}"
    else:
        zone = by_name[begin.zone]
        offer = zone.offer
        market, kind, usd = (
            ("on demand", zone.on_demand_type, offer.on_demand_usd)
            if begin.on_demand
            else ("on spot", zone.spot_type, offer.spot_usd)
        )
        yield "Begin", f"{market} in {offer.zone} ({offer.region}): {kind} at ${usd:.4f} an hour"
    others = [one for one in advice.offers if one.available and (begin is None or one.zone != begin.zone)]
    if others:
        yield "Then", ", ".join(f"{one.zone} ${one.spot_usd:.4f}" for one in others)
    yield "Switch", _switch(advice)
    yield "On demand", _on_demand(advice, by_name)
    yield "Cost", _cost(advice)
    yield "Replays", _replays(advice)


def _switch(advice: Advice) -> str:
    rule = advice.policy
    return (
        "when interrupted, to the cheapest zone that has spot; unasked, only where that saves more than "
        f"{rule.margin:.0%} within {_time(rule.horizon_s)}, the launch paid for. Decide again every "
        f"{_time(advice.step_s)}"
    )


def _on_demand(advice: Advice, by_name: Mapping[str, Zone]) -> str:
    zone = by_name[min(advice.offers, key=lambda one: one.on_demand_usd).zone]
    when = f"in {_time(advice.fallback_s)} at the latest" if advice.fallback_s else "at once"
    return (
        f"{when} if nothing is done by then, later by what is in a checkpoint: {zone.on_demand_type} in "
        f"{zone.offer.region} at ${zone.offer.on_demand_usd:.4f} an hour. The deadline is kept as long as "
        "that is to be had"
    )


def _cost(advice: Advice) -> str:
    best = advice.expected[0]
    saving = f"saves {advice.saving:.0%}" if advice.saving > 0 else "saves nothing"
    return (
        f"${best.cost_usd:.2f} to be expected, ${best.low_usd:.2f} to ${best.high_usd:.2f} in nine replays "
        f"of ten; on demand throughout ${advice.on_demand_usd:.2f}: {saving}. Of machines and of moving "
        "checkpoints, nothing else"
    )


def _replays(advice: Advice) -> str:
    best = advice.expected[0]
    return (
        f"{best.replays} of {best.policy}: {best.missed} late, done after {best.finished_h:.1f} h, of which "
        f"{best.on_demand_h:.1f} h on demand; {best.launches:.1f} launches, {best.interruptions:.1f} "
        f"interruptions, {best.lost_h:.2f} h of work lost"
    )


def _time(seconds: int) -> str:
    """Hours and minutes: 3 h 50 min, 12 h, 10 min."""
    hours, minutes = divmod(-(-seconds // 60), 60)
    return " ".join([*([f"{hours} h"] if hours else []), *([f"{minutes} min"] if minutes else [])])
