"""`berth leaks ENV`, `berth leaks --all`: for an account and inside the rehearsal."""

import json
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from infra.spend.leaks import LEAKED, UNCERTAIN, Finding
from scripts.berth import options, values
from scripts.berth.place import Place

if TYPE_CHECKING:
    from scripts.berth.leaks import Deleted

Where = Callable[[str], Place]
LEFT = 3


def register(app: typer.Typer, where: Where) -> None:
    """Add the command. where: the place of an environment, which need not be there any more."""

    @app.command()
    def leaks(
        env: Annotated[
            Optional[str],  # noqa: UP045 - typer reads it
            typer.Argument(metavar="[ENV]", help="Environment; or --all."),
        ] = None,
        *,
        all_: Annotated[bool, typer.Option("--all", help="Every environment, also without a stack.")] = False,
        delete: Annotated[
            bool, typer.Option("--delete", help="Delete what is leaked, after asking.")
        ] = False,
        region: Annotated[
            Optional[list[str]],  # noqa: UP045
            typer.Option("--region", help="Look there, instead of where the state or the values say."),
        ] = None,
        cluster: Annotated[
            Optional[list[str]],  # noqa: UP045
            typer.Option("--cluster", help="A Kubernetes cluster that the environment had."),
        ] = None,
        destroyed: Annotated[
            bool,
            typer.Option("--destroyed", help="It was destroyed for good: nobody's stack has it any more."),
        ] = False,
        yes: options.Yes = False,
        as_json: options.Json = False,
    ) -> None:
        """Compare the state with the cloud: what lives and is nobody's, and what it costs a day.

        Ends with 3 where something is leaked or uncertain.
        """
        if (env is None) == (not all_):
            raise typer.BadParameter("name an environment, or give --all", param_hint="ENV")
        if all_ and destroyed:
            raise typer.BadParameter("says it of one environment, not of all", param_hint="--destroyed")

        def look() -> list[Finding]:
            from scripts.berth.leaks import finding

            if env is None:
                return finding.find_all(where, region or [], clusters=cluster or [])
            place, regions = where(env), region or [""]
            if not values.is_known(place, env):
                note = f"note: {env} has neither a values file nor a stack here; looking for its tag alone"
                print(note, file=sys.stderr)
            return [
                one
                for name in regions
                for one in finding.find(place, env, clusters=cluster or [], region=name, destroyed=destroyed)
            ]

        raise typer.Exit(_run(where, env, look, delete=delete, yes=yes, as_json=as_json))


def account(env: str) -> Place:
    """The account, or in its shell the rehearsal; of an environment that may have no values file any more."""
    from scripts.berth import place

    return rehearsal(env) if place.in_rehearsal_shell() else place.account()


def rehearsal(env: str) -> Place:
    """The rehearsal as it is."""
    from scripts.berth import inside

    where = inside.here()
    inside.leave_shims_alone(where)
    return inside.present(where, env)


def _run(
    where: Where,
    env: str | None,
    look: Callable[[], list[Finding]],
    *,
    delete: bool,
    yes: bool,
    as_json: bool,
) -> int:
    from rich.console import Console

    from scripts.berth.leaks import view

    found = look()
    if not as_json:
        view.report(Console(), found)
    leaked = [one for one in found if one.cls == LEAKED]
    deleted: list[Deleted] = []
    if delete and leaked and (yes or _agreed(leaked)):
        # A while may have passed over the question: what is no longer leaked stays.
        still = {(one.type, one.id) for one in look() if one.cls == LEAKED}
        deleted = _deleted(where, env, [one for one in leaked if (one.type, one.id) in still])
    gone = {(one.finding.type, one.finding.id) for one in deleted if one.done}
    if as_json:
        rows = [{"id": one.finding.id, "done": one.done, "said": one.said} for one in deleted]
        print(json.dumps({**view.as_mapping(found), "deleted": rows}, indent=2))
    elif leaked and not delete:
        print("Nothing was deleted. To delete what is leaked: the same command with --delete.")
    left = [one for one in found if one.cls in {LEAKED, UNCERTAIN} and (one.type, one.id) not in gone]
    return LEFT if left else 0


def _deleted(where: Where, env: str | None, chosen: Sequence[Finding]) -> "list[Deleted]":
    from scripts.berth import leaks

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    log = leaks.log_of(where(env or ""))
    groups: dict[str, list[Finding]] = defaultdict(list)
    for one in chosen:
        groups[env or one.environment].append(one)
    done: list[Deleted] = []
    for found in groups.values():
        place = where(env) if env else leaks.place_of(where, found[0])
        done += leaks.delete(place, found, log, say)
    say(f"Every deletion is written down in {log}")
    return done


def _agreed(leaked: Sequence[Finding]) -> bool:
    from scripts.berth.leaks import view

    what = f"{len(leaked)} leaked resource{'s' if len(leaked) != 1 else ''} ({view.sum_of(leaked)})"
    return typer.confirm(f"Delete {what}? What is on them is lost.", err=True)
