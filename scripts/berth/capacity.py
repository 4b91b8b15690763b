"""`berth capacity ENV`: where an environment's machines can be had now, and the choice written as a diff."""

import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, Optional

import typer
from rich.console import Console
from rich.table import Table

from infra.catalog import accelerators
from infra.spend import capacity as judging
from infra.spend.capacity import Capacity, Choice, Wanted, ZoneLine
from infra.spend.quotas import aws as quotas
from infra.spend.quotas.need import Need
from rehearsal.errors import BerthError
from rehearsal.paths import CHECKOUT
from rehearsal.values import target_of
from rehearsal.workspace import known
from scripts.berth import options, values
from scripts.berth.place import Place, in_rehearsal_shell

TARGET = "aws-vm"
LEFT = 3
_LEAST_ZONES = 2  # what the values need: infra.config.aws_vm_rules
_MOST_REGIONS = 20
_FILE_WIDTH = 140


def register(app: typer.Typer, where: Callable[[str], Place]) -> None:
    """Add the command. where: the place whose account is asked."""

    @app.command()
    def capacity(
        env: options.Env,
        *,
        region: Annotated[
            Optional[list[str]],  # noqa: UP045 - typer reads it
            typer.Option(metavar="PREFIX", help="Compare the regions that begin so: us-, eu-west-1."),
        ] = None,
        zones: Annotated[
            Optional[int],  # noqa: UP045
            typer.Option(min=_LEAST_ZONES, max=6, metavar="N", help="Zones to choose; else as many as now."),
        ] = None,
        write: Annotated[
            bool, typer.Option("--write", help="Write region, zones and machines into the values file.")
        ] = False,
        record: Annotated[
            Optional[Path],  # noqa: UP045
            typer.Option(metavar="FILE", help="Keep what was asked and answered, as JSON."),
        ] = None,
        replay: Annotated[
            Optional[Path],  # noqa: UP045
            typer.Option(metavar="FILE", help="Decide from what --record kept; asks nothing."),
        ] = None,
        as_json: options.Json = False,
    ) -> None:
        """Ask which zones have the machines now: offers, spot prices of 7 days, placement scores, quota.

        Ends with 3 where no zone is known to have them.
        """
        if replay is not None and (region or record):
            raise typer.BadParameter("goes with neither --region nor --record", param_hint="--replay")
        known(env)
        place = where(env)
        file = values.file_of(place, env)
        config = values.read(file)
        here = _values(env, config)
        if replay is not None:
            wanted, lookups = _replayed(replay)
        else:
            wanted = replace(here, zones=())
            lookups = _look(place, config, here, region or [])
        if record is not None:
            record.write_text(f"{json.dumps(judging.record(wanted, lookups), indent=2)}\n")
        choice = judging.choose(lookups, wanted, zones=zones or max(len(here.zones), _LEAST_ZONES))
        if as_json:
            print(json.dumps(_json(wanted, lookups, choice), indent=2))
        else:
            _show(wanted, lookups, choice)
        if choice is None:
            raise typer.Exit(LEFT)
        if write:
            _write(place, env, file, config, choice, quiet=as_json)


def account(env: str) -> Place:
    """The account that the shell is logged in to; unlike for other commands no engine is needed."""
    del env
    return Place(
        engine="pulumi",
        environ=dict(os.environ),
        project=CHECKOUT,
        rehearsed=in_rehearsal_shell(),
        values=CHECKOUT / "stacks",
    )


def live(place: Place, region: str, wanted: Wanted, images: Sequence[str] = ()) -> Capacity:
    """What one region answers, the quota included."""
    from scripts.berth.aws import lookups

    types = wanted.instance_types
    found = lookups.capacity(place, region, types, wanted.zones, spot=wanted.spot, images=images)
    smallest = min(wanted.instance_types, key=lambda name: quotas.vcpus(name) or 0, default="")
    counted = quotas.family(smallest, spot=wanted.spot)
    if counted is None or found.unasked:
        return found
    failed: list[str] = []
    need = Need(code=counted.code, name=counted.name, amount=wanted.vcpus, unit="vCPUs", region=region)
    granted = lookups.quota(place, region, [need], failed.append).get((region, counted.code))
    free = None if granted is None or granted.used is None else max(granted.limit - granted.used, 0.0)
    return replace(found, quota_free=free, not_asked=(*found.not_asked, *failed))


def _values(env: str, config: dict[str, Any]) -> Wanted:
    """What an environment's values look for.

    Raises:
        BerthError: the environment has no machines of a cloud's, or its values name none that exist.
    """
    if target_of(env) != TARGET:
        raise BerthError(
            f"{env} has no machines to look for: its target is {target_of(env)}",
            f"This command is for environments with `berth:target: {TARGET}`.",
        )
    try:
        return _wanted(config)
    except (AttributeError, TypeError, ValueError) as reason:
        raise BerthError(
            f"the values of {env} cannot be read: {reason}", f"`berth preview {env}` says what is wrong."
        ) from None


def _wanted(config: dict[str, Any]) -> Wanted:
    machine, network = config.get("machine") or {}, config.get("network") or {}
    accelerator, count = str(machine.get("accelerator", "T4")), int(machine.get("count", 1))
    region = str(config.get("region", "us-east-1"))
    types = tuple(machine.get("instance_types") or ())
    types = types or tuple(one.name for one in accelerators.candidates(accelerator, count, region))
    if not types:
        raise BerthError(
            f"no machine with {count} {accelerator} is known in {region}",
            f"`berth prices {accelerator}` lists where there are some.",
        )
    most = machine.get("max_price")
    return Wanted(
        instance_types=types,
        spot=bool(machine.get("spot", True)),
        most_usd=None if most is None else float(most),
        zones=tuple(network.get("zones") or ()),
        vcpus=min((quotas.vcpus(name) or 0 for name in types), default=0),
    )


def _look(place: Place, config: dict[str, Any], wanted: Wanted, prefixes: Sequence[str]) -> list[Capacity]:
    own = str(config.get("region", "us-east-1"))
    image = str(((config.get("machine") or {}).get("image") or {}).get("id") or "")
    offering = sorted(
        {
            region
            for name in wanted.instance_types
            if name in accelerators.instance_types()
            for region in accelerators.instance_types()[name].regions
        }
    )
    regions = [one for one in offering if one.startswith(tuple(prefixes))] if prefixes else [own]
    if not regions:
        raise typer.BadParameter(
            f"no region that begins with {' or '.join(prefixes)} has these machines; these have: "
            f"{', '.join(offering)}",
            param_hint="--region",
        )
    anywhere = replace(wanted, zones=())

    def look(region: str) -> Capacity:
        return live(place, region, anywhere, [image] if image and region == own else [])

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(look, regions[:_MOST_REGIONS]))


def _replayed(file: Path) -> tuple[Wanted, list[Capacity]]:
    try:
        return judging.replay(file.read_text())
    except OSError as reason:
        raise BerthError(f"{file} cannot be read: {reason.strerror}") from None
    except ValueError as reason:
        raise BerthError(
            f"{file} is no record of `berth capacity --record`:\n{reason}", "Record it again."
        ) from None


def _json(wanted: Wanted, lookups: Sequence[Capacity], choice: Choice | None) -> dict[str, Any]:
    return {
        "choice": None if choice is None else asdict(choice),
        "zones": {one.region: [asdict(line) for line in judging.judge(one, wanted)] for one in lookups},
        **judging.record(wanted, lookups),
    }


def _show(wanted: Wanted, lookups: Sequence[Capacity], choice: Choice | None) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=_FILE_WIDTH)
    for one in lookups:
        market = "spot" if wanted.spot else "on demand"
        _line(
            console,
            f"{one.region}, {market}: {', '.join(wanted.instance_types)} ({one.source}, {one.asked_at})",
        )
        lines = judging.judge(one, wanted)
        if lines and not one.unasked:
            console.print(_table(lines))
        if one.quota_free is not None:
            verdict = "SHORT" if judging.short(one, wanted) else "fits"
            _line(console, f"Quota: {wanted.vcpus} vCPUs needed, {one.quota_free:g} free: {verdict}")
        for said in (*judging.missing(one), *one.not_asked):
            _line(console, said)
    if choice is None:
        _line(console, "No zone is known to have these machines.")
        return
    _line(console, f"Best: {choice.region}, {', '.join(choice.zones)}, {', '.join(choice.instance_types)}")
    for why in choice.why:
        _line(console, f"  {why}")


def _table(lines: Sequence[ZoneLine]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("zone", "", "machine"):
        table.add_column(heading, no_wrap=True)
    for heading in ("spot now", "7 days", "score"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("why", overflow="fold")
    for one in lines:
        span = "-" if one.spot_low is None else f"{_usd(one.spot_low)} - {_usd(one.spot_high or 0)}"
        table.add_row(
            one.zone,
            one.state,
            one.best or "-",
            "-" if one.spot_now is None else _usd(one.spot_now),
            span,
            "-" if one.score is None else str(one.score),
            one.reason,
        )
    return table


def _write(
    place: Place, env: str, file: Path, config: dict[str, Any], choice: Choice, *, quiet: bool
) -> None:
    """Write the choice; what is there already stays as it is written."""
    machine = config.get("machine") or {}
    moved = choice.region != str(config.get("region", "us-east-1"))
    if moved and (machine.get("image") or {}).get("id"):
        raise BerthError(
            f"berth:machine.image.id is an image of {config.get('region', 'us-east-1')}: "
            f"{choice.region} does not have it",
            "Make the image there, or let another key of berth:machine.image choose it, and write again.",
        )
    changed: list[str] = []
    if moved:
        changed += values.write(file, ("region",), choice.region)
    if set(choice.zones) != set((config.get("network") or {}).get("zones") or ()):
        changed += values.write(file, ("network", "zones"), list(choice.zones))
    if choice.instance_types != tuple(machine.get("instance_types") or _candidates(config, choice.region)):
        changed += values.write(file, ("machine", "instance_types"), list(choice.instance_types))
    if quiet:
        return
    if not changed:
        print(f"Nothing to change in {file}.")
        return
    print(f"{file}:", *changed, sep="\n  ")
    if moved:
        print("Another region: everything that is deployed in the old one is replaced, its data too.")
    print(f"To review it: {place.prefix} preview {env}")


def _candidates(config: dict[str, Any], region: str) -> tuple[str, ...]:
    machine = config.get("machine") or {}
    found = accelerators.candidates(machine.get("accelerator", "T4"), int(machine.get("count", 1)), region)
    return tuple(one.name for one in found)


def _usd(usd: float) -> str:
    return f"${usd:.4f}" if usd < 1 else f"${usd:.2f}"


def _line(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
