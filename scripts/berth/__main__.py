"""The `berth` command: its commands, and how errors reach the user."""

import signal
import sys
import time
import traceback
from pathlib import Path
from types import FrameType

import typer

from rehearsal.errors import BerthError
from scripts.berth import (
    account,
    capacity,
    leak_commands,
    machine_commands,
    prices,
    reap,
    rehearse,
    spot_plan,
)

INTERRUPTED = (
    130  # what shells report for a program that SIGINT ended; typer returns it for a KeyboardInterrupt
)

app = typer.Typer(
    help="Give a containerized PyTorch workload a place to run, or rehearse that without an account.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
inside = typer.Typer(
    help="The same commands inside the rehearsal: the real Pulumi engine, and no account.",
    no_args_is_help=True,
)
for command in (account.up, account.preview, account.down, account.verify, account.outputs, account.status):
    app.command()(command)
app.command()(account.doctor)
app.command()(prices.prices)
app.command()(spot_plan.plan)
machine_commands.register(app, account.place)
capacity.register(app, capacity.account)
leak_commands.register(app, leak_commands.account)
reap.register(app, leak_commands.account)
for same in (
    rehearse.up,
    rehearse.preview,
    rehearse.down,
    rehearse.verify,
    rehearse.outputs,
    rehearse.status,
):
    inside.command()(same)
inside.command("env")(rehearse.env_)
machine_commands.register(inside, rehearse.place)
capacity.register(inside, rehearse.place)
leak_commands.register(inside, leak_commands.rehearsal)
reap.register(inside, leak_commands.rehearsal)
inside.command()(rehearse.interrupt)
app.add_typer(inside, name="rehearse")


def main() -> None:
    """Run the command line; errors that the user can mend end with a message and a hint, status 1."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        status = app(standalone_mode=False)
    except BerthError as error:
        _say(f"error: {error.message}", error.hint)
        sys.exit(1)
    except KeyboardInterrupt:
        _interrupted()
    except BrokenPipeError:
        sys.exit(1)
    except Exception as problem:  # noqa: BLE001 - the last resort: a bug is not the user's to read
        _refused_or_bug(problem)
    else:
        if status == INTERRUPTED:
            _interrupted()
        sys.exit(status if isinstance(status, int) else 0)


def _interrupted() -> None:
    _say(
        "interrupted: what was finished is kept.",
        f"To go on: {' '.join(['berth', *sys.argv[1:]])}    To remove everything: ./scripts/down",
    )
    sys.exit(INTERRUPTED)


def _refused_or_bug(problem: Exception) -> None:
    # What typer itself refuses (an unknown flag, a missing argument) shows how the command is called.
    if hasattr(problem, "exit_code") and hasattr(problem, "show"):
        problem.show()
        sys.exit(problem.exit_code)
    log = _keep(traceback.format_exc())
    _say(f"berth has a bug: {type(problem).__name__}: {problem}", f"The traceback is in {log}")
    sys.exit(70)


def _keep(text: str) -> Path:
    from rehearsal.paths import paths

    name = f"crash-{time.strftime('%Y%m%d-%H%M%S')}.log"
    for directory in (paths().logs, Path("/tmp")):  # noqa: S108 - named to the user
        try:
            if directory.is_dir():
                (directory / name).write_text(text)
                return directory / name
        except OSError:
            continue
    sys.stderr.write(text)
    return Path("standard error")


def _say(message: str, hint: str) -> None:
    print(message, file=sys.stderr)
    if hint:
        print(hint, file=sys.stderr)


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
