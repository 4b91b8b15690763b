"""`berth COMMAND ENV`: acts on the account that the shell is logged in to.

In a shell that `berth rehearse env` has put inside the rehearsal, these commands act on the rehearsal.
"""

import typer

from rehearsal.workspace import known
from scripts.berth import options, rehearse
from scripts.berth import preview as previews
from scripts.berth.place import Place, account, in_rehearsal_shell


def place(env: str) -> Place:
    """The account, or in its shell the rehearsal."""
    return rehearse.place(env) if in_rehearsal_shell() else _account(env)


def _account(env: str) -> Place:
    known(env)
    return account()


def up(env: options.Env, *, refresh: options.Refresh = False, yes: options.Yes = False) -> None:
    """Create or update an environment, then verify it."""
    if in_rehearsal_shell():
        rehearse.up(env, refresh=refresh, yes=yes)
        return
    from scripts.berth import pending, stack, verify

    here = _account(env)
    pending.resolve(here, env, lambda text: typer.echo(f"note: {text}"))
    stack.deploy(here, env, stack.log_of(here, env), yes=yes, refresh=refresh)
    raise typer.Exit(verify.verify(here, env, verify.Ask(), as_json=False))


def preview(
    env: options.Env,
    *,
    as_json: options.Json = False,
    markdown: previews.Markdown = False,
    plain: previews.Plain = False,
    live: previews.Live = True,
    max_hourly: previews.MaxHourly = None,
    max_monthly_delta: previews.MaxMonthlyDelta = None,
    fail_on: previews.FailOn = "",
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
    if in_rehearsal_shell():
        raise typer.Exit(rehearse.show_preview(env, asked))
    raise typer.Exit(previews.show(_account(env), env, asked))


def down(
    env: options.Env,
    *,
    yes: options.Yes = False,
    keep_snapshots: options.KeepSnapshots = False,
    cluster_gone: options.ClusterGone = False,
    as_json: options.Json = False,
) -> None:
    """Destroy an environment, and look for what is left: exit status 3 where something is.

    Shows the order and the data that goes, and asks. What is protected is saved in a snapshot, or stays.
    In a rehearsal's shell the rehearsal itself goes on running.
    """
    from scripts.berth.teardown import command
    from scripts.berth.teardown.down import Ask

    here = place(env)
    ask = Ask(yes=yes, keep_snapshots=keep_snapshots, cluster_gone=cluster_gone, quiet=as_json)
    raise typer.Exit(command.run(here, env, ask, as_json=as_json))


def verify(
    env: options.Env,
    *,
    as_json: options.Json = False,
    threshold: options.Threshold = 0.97,
    samples: options.Samples = 200,
    minutes: options.Minutes = 30,
) -> None:
    """Check over HTTP and S3 that an environment does what it is for."""
    from scripts.berth import verify as verification

    ask = verification.Ask(threshold=threshold, samples=samples, minutes=minutes)
    raise typer.Exit(verification.verify(place(env), env, ask, as_json=as_json))


def outputs(env: options.Env, *, as_json: options.Json = False) -> None:
    """Print an environment's outputs."""
    from scripts.berth import verify as verification

    verification.outputs(place(env), env, as_json=as_json)


def status(env: options.Env, *, as_json: options.Json = False) -> None:
    """Show an environment's resources and results."""
    from scripts.berth import status as view

    view.environment(place(env), env, as_json=as_json)


def doctor(*, as_json: options.Json = False) -> None:
    """Say what is missing on this machine, for a rehearsal and for an account, and how to get it."""
    from scripts.berth import doctor as examination

    raise typer.Exit(examination.examine(as_json=as_json))
