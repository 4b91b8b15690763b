"""`berth down ENV`: asks, destroys, tells; its exit status is 3 where something is left."""

import json

import typer
from rich.console import Console

from rehearsal.errors import BerthError
from scripts.berth.place import Place
from scripts.berth.teardown import down, report


def run(place: Place, env: str, ask: down.Ask, *, as_json: bool) -> int:
    """The command; returns its exit status.

    Raises:
        BerthError: it was not begun.
    """
    down.needs_terminal(env, place.prefix, yes=ask.yes, as_json=as_json)
    console = Console(stderr=as_json)
    done = down.down(place, env, ask, _talk(place, env, console))
    if done is None:
        console.print("Nothing was destroyed.")
        return 1
    report.outcome(console, place, done)
    if as_json:
        print(json.dumps(report.as_mapping(done), indent=2))
    return done.status


def teardown(place: Place, env: str, ask: down.Ask, console: Console) -> down.Outcome:
    """The same for a caller who has decided.

    Raises:
        BerthError: it was not begun.
    """
    done = down.down(place, env, ask, _talk(place, env, console))
    if done is None:
        raise BerthError(f"nobody agreed to destroy {env}")
    report.outcome(console, place, done)
    return done


def _talk(place: Place, env: str, console: Console) -> down.Talk:
    return down.Talk(
        say=lambda text: console.print(text, highlight=False, markup=False, soft_wrap=True),
        show=lambda found: report.plan(console, place, found),
        confirm=lambda: _agreed(env),
    )


def _agreed(env: str) -> bool:
    try:
        return typer.confirm(f"Destroy {env}?", default=False, err=True)
    except typer.Abort:
        raise KeyboardInterrupt from None
