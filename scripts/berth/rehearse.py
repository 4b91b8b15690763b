"""`berth rehearse COMMAND …`: the same commands inside the rehearsal. No account is touched."""

import json
import os
from typing import Annotated

import typer

from rehearsal import session
from rehearsal.lock import exclusive
from rehearsal.values import target_of
from rehearsal.workspace import known
from scripts.berth import inside, options
from scripts.berth import preview as previews
from scripts.berth.place import Place

DEFAULT_ENV = "local"


def up(
    env: options.Env = DEFAULT_ENV,
    *,
    cluster: options.Cluster = None,
    gpus: options.Gpus = None,
    machines: options.Machines = None,
    dry_run: options.DryRun = False,
    refresh: options.Refresh = False,
    minutes: options.Minutes = 30,
    yes: options.Yes = False,
) -> None:
    """Start what is missing, create or update the environment, verify it and show the result."""
    from rich.console import Console

    from scripts.berth import checked

    del yes  # nothing here costs anything: there is nothing to ask
    where = inside.here()
    choice = inside.choose(where, known(env), cluster, gpus, machines=machines)
    checked.values(env)
    inside.leave_shims_alone(where)
    console = Console()
    if dry_run:
        from scripts.berth import plan

        plan.show(console, where, choice, env)
        return
    from scripts.berth import flow, targets

    flow.up(where, env, choice, targets.Ask(minutes=minutes), console, refresh=refresh)


def preview(
    env: options.Env = DEFAULT_ENV,
    *,
    as_json: options.Json = False,
    markdown: previews.Markdown = False,
    plain: previews.Plain = False,
    live: previews.Live = True,
    max_hourly: previews.MaxHourly = None,
    max_monthly_delta: previews.MaxMonthlyDelta = None,
    fail_on: previews.FailOn = "",
    cluster: options.Cluster = None,
    gpus: options.Gpus = None,
    machines: options.Machines = None,
) -> None:
    """Show what `up` would change, cost and lose, and what stands in its way; nothing is changed."""
    asked = previews.ask(
        as_json=as_json,
        markdown=markdown,
        plain=plain,
        live=live,
        max_hourly=max_hourly,
        max_monthly_delta=max_monthly_delta,
        fail_on=fail_on,
    )
    raise typer.Exit(show_preview(env, asked, cluster, gpus, machines=machines))


def show_preview(
    env: str,
    asked: previews.Ask,
    cluster: str | None = None,
    gpus: int | None = None,
    *,
    machines: bool | None = None,
) -> int:
    """Preview an environment in the rehearsal; returns the exit status."""
    where = inside.here()
    choice = inside.choose(where, known(env), cluster, gpus, machines=machines)
    inside.leave_shims_alone(where)
    return previews.show(inside.enter(where, env, choice), env, asked)


def down(env: options.Env = DEFAULT_ENV, *, purge: options.Purge = False, yes: options.Yes = False) -> None:
    """Destroy the environment, then stop and remove the whole rehearsal."""
    from rich.console import Console

    from scripts.berth import flow

    del yes
    where = inside.here()
    inside.leave_shims_alone(where)
    flow.down(where, known(env), Console(), purge=purge)


def verify(
    env: options.Env = DEFAULT_ENV,
    *,
    as_json: options.Json = False,
    threshold: options.Threshold = 0.97,
    samples: options.Samples = 200,
    minutes: options.Minutes = 30,
) -> None:
    """Check over HTTP and S3 that the environment does what it is for."""
    from scripts.berth import verify as verification

    ask = verification.Ask(threshold=threshold, samples=samples, minutes=minutes)
    raise typer.Exit(verification.verify(place(env), env, ask, as_json=as_json))


def outputs(env: options.Env = DEFAULT_ENV, *, as_json: options.Json = False) -> None:
    """Print the environment's outputs."""
    from scripts.berth import verify as verification

    verification.outputs(place(env), env, as_json=as_json)


def status(env: options.MaybeEnv = None, *, as_json: options.Json = False) -> None:
    """Show daemons, cluster, memory, disk and addresses; with ENV, its resources and results."""
    from scripts.berth import status as view

    if env is None:
        view.rehearsal(inside.here(), as_json=as_json)
    else:
        view.environment(place(env), env, as_json=as_json)


def env_(
    env: options.Env = DEFAULT_ENV,
    *,
    as_json: options.Json = False,
    cluster: options.Cluster = None,
    gpus: options.Gpus = None,
    machines: options.Machines = None,
) -> None:
    """Print shell exports for `eval "$(berth rehearse env)"`; starts what is missing."""
    where = inside.here()
    choice = inside.choose(where, known(env), cluster, gpus, machines=machines)
    original = dict(os.environ)
    inside.leave_shims_alone(where)
    record = session.ready(where, choice)
    if record is None or not inside.has_images(record):
        from rehearsal.steps import Steps

        inside.require_root()
        with exclusive(where):
            record = session.ensure(where, Steps(where.logs), choice)
    environment = session.inside(where, record, target_of(env))
    if as_json:
        variables = {"set": dict(environment.variables), "unset": environment.removed(original)}
        print(json.dumps(variables, indent=2))
    else:
        print(environment.exports(original))


def interrupt(
    env: options.Env = "aws-vm",
    *,
    seconds: Annotated[int, typer.Option(min=1, max=600, help="From the notice to the end.")] = 120,
    minutes: options.Minutes = 30,
    instance: Annotated[str, typer.Option(metavar="ID", help="Which one, where several run.")] = "",
    as_json: options.Json = False,
) -> None:
    """Have the emulated account take the spot machine away; wait until training goes on elsewhere."""
    from rich.console import Console

    from scripts.berth import report
    from scripts.berth.aws import interrupt as interruption
    from scripts.berth.aws.watch import progress

    with progress(Console(stderr=True)) as shown:
        found = interruption.interrupt(
            place(env), env, shown, seconds=seconds, minutes=minutes, instance=instance
        )
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        report.lost_work(Console(), found)


def place(env: str) -> Place:
    """The rehearsal as it is, as an environment sees it."""
    where = inside.here()
    inside.leave_shims_alone(where)
    return inside.present(where, known(env))
