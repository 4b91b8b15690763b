"""The commands about a machine: the same for an account and inside the rehearsal, but for their place."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Optional

import typer

from scripts.berth import options
from scripts.berth.place import Place

Where = Callable[[str], Place]
Instance = Annotated[str, typer.Option("--instance", metavar="ID", help="Which one, where several run.")]
Up = Annotated[bool, typer.Option("--up", help="Apply it at once.")]


def register(app: typer.Typer, where: Where) -> None:
    """Add the commands to an app. where: the place of an environment."""
    _ways_in(app, where)
    _values(app, where)
    _snapshot(app, where)
    _idle(app, where)


def _ways_in(app: typer.Typer, where: Where) -> None:
    @app.command()
    def ssh(
        env: options.Env,
        words: Annotated[
            Optional[list[str]],  # noqa: UP045
            typer.Argument(metavar="[machine|bastion] [-- COMMAND…]", help="Without a command, a shell."),
        ] = None,
        *,
        instance: Instance = "",
    ) -> None:
        """Log in to the machine, or run a command there; its exit status is this command's."""
        from scripts.berth.aws import connect, machines

        role, command = "machine", words or []
        if command and command[0] in machines.ROLES:
            role, command = command[0], command[1:]
        connect.ssh(where(env), env, role, command, instance)

    @app.command("ssh-config")
    def ssh_config(
        env: options.Env,
        *,
        remove: Annotated[bool, typer.Option("--remove", help="Remove the entries.")] = False,
    ) -> None:
        """Write entries for plain ssh, scp and rsync to a file of their own; prints the Include line."""
        from scripts.berth.aws import sshconfig

        place = where(env)
        if remove:
            there = sshconfig.remove(place, env)
            print(f"{'Removed' if there else 'There was no'} {sshconfig.file_of(place, env)}")
            return
        file, names = sshconfig.write(place, env)
        print(f"Wrote {file}: {', '.join(f'ssh {name}' for name in names)}")
        if not sshconfig.is_included(place):
            print("Put this line at the top of ~/.ssh/config, once:", sshconfig.INCLUDE, sep="\n")

    @app.command()
    def forward(
        env: options.Env,
        service: Annotated[str, typer.Argument(metavar="jupyter|predict")],
        *,
        port: Annotated[
            Optional[int],  # noqa: UP045
            typer.Option(
                min=1, max=65535, help="Port on this machine; else the service's own, or a free one."
            ),
        ] = None,
    ) -> None:
        """Bring a port of the machine to this one, until Ctrl-C."""
        from scripts.berth.aws import forward as forwarding

        if service not in forwarding.SERVICES:
            raise typer.BadParameter(f"{service!r} is none of {', '.join(forwarding.SERVICES)}")
        forwarding.run(where(env), env, service, port, lambda text: print(text, flush=True))


def _values(app: typer.Typer, where: Where) -> None:
    access = typer.Typer(help="Who may connect.", no_args_is_help=True)
    app.add_typer(access, name="access")

    @access.command()
    def refresh(
        env: options.Env,
        *,
        address: Annotated[
            Optional[str],  # noqa: UP045
            typer.Option(metavar="A.B.C.D", help="Instead of asking which one yours is."),
        ] = None,
        add: Annotated[bool, typer.Option("--add", help="Keep the addresses that are there.")] = False,
        key: Annotated[
            Optional[Path],  # noqa: UP045
            typer.Option(metavar="FILE", help="A public key that may log in as well."),
        ] = None,
        up: Up = False,
        yes: options.Yes = False,
    ) -> None:
        """Write your present address, and your SSH key where none is written, into the values file."""
        from scripts.berth import access as writing

        place = where(env)
        changed, keys = writing.refresh(place, env, address=address, add=add, key=key, ask=writing.choose)
        _apply(place, env, changed, up=up, yes=yes, target="" if keys else writing.ADDRESS_LIST)

    @app.command()
    def extend(
        env: options.Env,
        duration: Annotated[str, typer.Argument(metavar="DURATION", help="From now on: 90m, 8h, 2d.")],
        *,
        up: Up = False,
        yes: options.Yes = False,
    ) -> None:
        """Let an environment live that long from now on."""
        from scripts.berth import lifetime

        place = where(env)
        refresh = lifetime.has_ended(place, env)
        _apply(place, env, lifetime.extend(place, env, duration), up=up, yes=yes, refresh=refresh)


def _snapshot(app: typer.Typer, where: Where) -> None:
    @app.command()
    def snapshot(
        env: options.Env,
        *,
        use: Annotated[bool, typer.Option("--use", help="Have the next `up` start from it.")] = False,
        reboot: Annotated[
            bool, typer.Option("--reboot", help="Reboot the machine for it: nothing is half written.")
        ] = False,
        instance: Instance = "",
        minutes: Annotated[float, typer.Option("--minutes", min=0.1, help="Longest wait.")] = 60,
    ) -> None:
        """Make an image of the machine as it is, which the next `up` can start from."""
        from rich.console import Console

        from scripts.berth import values
        from scripts.berth.aws import snapshot as imaging
        from scripts.berth.aws.watch import progress

        place = where(env)
        with progress(Console(stderr=True)) as shown:
            image = imaging.take(place, env, shown, instance=instance, reboot=reboot, minutes=minutes)
        print(f"{image} is available.")
        if use:
            file = values.file_of(place, env)
            changed = values.write(file, ("machine", "image"), imaging.start_from(values.read(file), image))
            _apply(place, env, changed, up=False, yes=False)
        else:
            print(
                f"To start from it, set berth:machine.image.id in {values.file_of(place, env)}, or use --use."
            )


def _apply(
    place: Place,
    env: str,
    changed: list[str],
    *,
    up: bool,
    yes: bool,
    target: str = "",
    refresh: bool = False,
) -> None:
    """Show what was written, and deploy it where that is asked for."""
    from scripts.berth import stack, values

    if changed:
        print(f"{values.file_of(place, env)}:", *changed, sep="\n  ")
    else:
        print(f"Nothing to change in {values.file_of(place, env)}.")
    if not up:
        if changed:
            print(f"To apply it: {place.prefix} up {env}{' --refresh' if refresh else ''}")
        return
    sys.stdout.flush()
    log = stack.log_of(place, env)
    stack.deploy(place, env, log, yes=yes or place.rehearsed, target=target, refresh=refresh)


def _idle(app: typer.Typer, where: Where) -> None:
    @app.command()
    def idle(
        env: options.Env,
        *,
        below: Annotated[
            float, typer.Option(min=0.1, max=100, metavar="PERCENT", help="Use of the busiest GPU.")
        ] = 5,
        least: Annotated[
            str, typer.Option("--for", metavar="DURATION", help="Under that for this long: 60m, 2h.")
        ] = "60m",
        stop: Annotated[bool, typer.Option("--stop", help="End what is idle; `up` starts it again.")] = False,
        as_json: options.Json = False,
    ) -> None:
        """Say which GPU machines do nothing; status 3 where one goes on doing nothing."""
        from scripts.berth import idle as watching

        found = watching.run(where(env), env, below=below, least=least, stop=stop, as_json=as_json)
        raise typer.Exit(found)
