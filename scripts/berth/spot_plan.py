"""`berth plan`: a job and its deadline; where to begin on spot, when to move, when to pay for on demand."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from infra.catalog import service_prices
from infra.catalog.machine_prices import CLOUDS
from infra.spend import capacity, offers
from infra.spend.offers import Ask, Snapshot
from infra.spend.planner import advice
from infra.spend.planner.model import HOUR_S, NO_TRANSFERS, Job, Outlook, Transfers
from infra.spend.planner.traces import Trace, TraceError, parse
from infra.spend.planner.zones import Zone, quotes, zones
from rehearsal.errors import BerthError
from scripts.berth import options, prices

_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([mhd])")
_UNIT_S = {"m": 60, "h": HOUR_S, "d": 24 * HOUR_S}
_LONGEST_S = 60 * 24 * HOUR_S
_MOST_ZONES = 12
_STORAGE = {"aws": "s3-standard-storage", "gcp": "storage-standard"}


@dataclass(frozen=True, kw_only=True)
class Given:
    """The flags, checked; times in seconds."""

    job: Job
    traces: tuple[Path, ...]
    replays: int
    seed: int
    egress_usd: float | None


@dataclass(frozen=True, kw_only=True)
class Found:
    """The advice and its grounds. note: what the replays ran on."""

    advice: advice.Advice
    zones: tuple[Zone, ...]
    note: str
    left_out: tuple[str, ...]
    ask: Ask
    snapshot: Snapshot


def plan(
    env: Annotated[
        Optional[str],  # noqa: UP045 - typer reads it
        typer.Argument(metavar="ENV", help="Whose accelerator, machines and region to plan for."),
    ] = None,
    *,
    work: Annotated[str, typer.Option(metavar="8h", help="Work on the accelerator, start-up not counted.")],
    deadline: Annotated[str, typer.Option(metavar="12h", help="From now, when the work must be done.")],
    accelerator: Annotated[
        str, typer.Option(metavar="NAME", help="Such as T4, L4 or H100, in place of ENV.")
    ] = "",
    count: Annotated[int, typer.Option(min=1, metavar="N", help="Accelerators of the machine.")] = 1,
    cloud: Annotated[str, typer.Option(metavar="|".join(CLOUDS), help="One cloud only.")] = "",
    region: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(metavar="PREFIX", help="Regions that begin so; again for more. Without: the cheapest."),
    ] = None,
    launch: Annotated[str, typer.Option(metavar="10m", help="The longest that a launch takes.")] = "10m",
    checkpoint: Annotated[str, typer.Option(metavar="15m", help="Work between two checkpoints.")] = "15m",
    checkpoint_gb: Annotated[
        float, typer.Option(min=0, max=100_000, metavar="GB", help="Size of one; moves with the job.")
    ] = 0.0,
    egress: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option(min=0, max=10, metavar="USD", help="A GB out of one region into another."),
    ] = None,
    trace: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Option(metavar="FILE", help="ZONE….json of the public spot-trace format, or a folder of them."),
    ] = None,
    snapshot: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            metavar="FILE", help="What `berth prices --json` printed or `berth capacity --record` kept."
        ),
    ] = None,
    replays: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="How many to expect from.")] = 50,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of the first made-up trace.")] = 0,
    as_json: options.Json = False,
) -> None:
    """Plan a job on spot machines that is never late: zone, moves, on demand at the latest, cost."""
    problems: list[str] = []
    seconds = {
        name: _seconds(f"--{name}", text, problems)
        for name, text in (
            ("work", work),
            ("deadline", deadline),
            ("launch", launch),
            ("checkpoint", checkpoint),
        )
    }
    if bool(env) == bool(accelerator):
        problems.append("name either an environment or an accelerator, such as --accelerator T4")
    if not problems and seconds["launch"] + seconds["work"] > seconds["deadline"]:
        needed = _hours((seconds["launch"] + seconds["work"]) / HOUR_S)
        problems.append(
            f"--deadline {deadline} is too soon even on demand: a launch and the work take {needed}, "
            f"so --deadline {needed} is the nearest"
        )
    if problems:
        raise typer.BadParameter("\n".join(problems))
    given = Given(
        job=Job(
            work_s=seconds["work"],
            deadline_s=seconds["deadline"],
            restart_s=seconds["launch"],
            checkpoint_every_s=seconds["checkpoint"],
            checkpoint_gb=checkpoint_gb,
        ),
        traces=tuple(trace or ()),
        replays=replays,
        seed=seed,
        egress_usd=egress,
    )
    wanted = _of(env) if env else Wanted(accelerator=accelerator, count=count)
    regions = tuple(region or ()) or wanted.regions
    ask = Ask(
        accelerator=wanted.accelerator,
        count=wanted.count,
        market="spot",
        clouds=(cloud,) if cloud else wanted.clouds,
        regions=regions,
    )
    found = look(ask, wanted.instance_types, given, _known(ask, snapshot))
    if as_json:
        print(json.dumps(_as_json(found), indent=2))
        return
    from scripts.berth import spot_view

    spot_view.show(found.advice, found.zones, ask, [found.note, *_footnotes(found)])


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The machine, and where; empty tuples allow all."""

    accelerator: str
    count: int
    instance_types: tuple[str, ...] = ()
    clouds: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()


def look(ask: Ask, instance_types: tuple[str, ...], given: Given, snapshot: Snapshot) -> Found:
    """The advice for a checked question. Raises BerthError where prices or traces do not allow one."""
    kept = _one_region(ask, snapshot) if not ask.regions else ask
    fitting = [
        one
        for one in snapshot.quotes
        if (one.accelerator, one.count) == (kept.accelerator, kept.count)
        and (not kept.clouds or one.cloud in kept.clouds)
        and one.region.startswith(kept.regions)
        and (not instance_types or one.instance_type in instance_types)
    ]
    all_zones, left_out = zones(fitting)
    if len({one.cloud for one in fitting}) > 1:
        raise BerthError("these regions are of two clouds", "Choose one: --cloud aws or --cloud gcp.")
    if not all_zones:
        raise BerthError("no zone has a known on-demand price there", "`berth prices` shows what is known.")
    chosen = all_zones[:_MOST_ZONES]
    job = given.job
    now_offers = tuple(one.offer for one in chosen)
    traces = list(_read(given.traces, chosen)) if given.traces else []
    transfers = _transfers(
        {one.region for one in now_offers} | {one.region for one in traces}, given, fitting[0].cloud
    )
    try:
        if traces:
            cases = advice.recorded(traces, job.deadline_s, transfers=transfers, count=given.replays)
            note = f"{len(cases)} starting points in {len(traces)} recorded traces"
        else:
            seeds = range(given.seed, given.seed + given.replays)
            cases = advice.made_up(now_offers, job.deadline_s, transfers=transfers, seeds=seeds)
            note = f"{len(cases)} made-up traces from seed {given.seed}; --trace takes recorded ones"
    except TraceError as error:
        raise BerthError(f"--trace: {error}", "Take longer traces, or a nearer --deadline.") from None
    now = Outlook(offers=now_offers, step_s=cases[0][0].step_s, transfers=transfers)
    return Found(
        advice=advice.advise(job, now, cases),
        zones=chosen,
        note=note,
        left_out=(*left_out, *(one.offer.zone for one in all_zones[_MOST_ZONES:])),
        ask=kept,
        snapshot=snapshot,
    )


def _seconds(flag: str, text: str, problems: list[str]) -> int:
    """Of `90m`, `8h` or `2d`; 0 where it is none, which `problems` then says."""
    matched = _DURATION.fullmatch(text)
    found = round(float(matched[1]) * _UNIT_S[matched[2]]) if matched else 0
    if not 1 <= found <= _LONGEST_S:
        reason = "is no duration" if matched is None else "is not between a second and 60 days"
        problems.append(f"{flag} {text} {reason}; write it as 90m, 8h or 2d")
    return found


def _hours(hours: float) -> str:
    """As the flags take it: whole minutes, rounded up."""
    minutes = -(-round(hours * HOUR_S) // 60)
    return f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}m"


def _of(env: str) -> Wanted:
    """What the values file of an environment asks for."""
    from pydantic import ValidationError

    from infra.config.aws_vm import AwsVmEnvironment, Machine
    from rehearsal.paths import CHECKOUT
    from rehearsal.workspace import known
    from scripts.berth import values

    content = values.read(CHECKOUT / "stacks" / f"Pulumi.{known(env)}.yaml")
    if content.get("target") != "aws-vm":
        raise BerthError(f"{env} has no machine of a cloud to plan for", "Name one: --accelerator T4.")
    try:
        machine = Machine.model_validate(content.get("machine") or {})
    except ValidationError:
        raise BerthError(
            f"{env}: berth:machine is not valid", f"`berth preview {env}` says what is wrong."
        ) from None
    region = content.get("region") or AwsVmEnvironment.model_fields["region"].default
    return Wanted(
        accelerator=machine.accelerator,
        count=machine.count,
        instance_types=machine.instance_types,
        clouds=("aws",),
        regions=(str(region),),
    )


def _known(ask: Ask, file: Path | None) -> Snapshot:
    """The prices; what is wrong with the question is refused, as `berth prices` does."""
    if file is None:
        snapshot = offers.from_tables(ask.accelerator)
    else:
        try:
            snapshot = _recorded(file.read_text())
        except OSError as error:
            raise BerthError(f"--snapshot {file} cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise BerthError(
                f"--snapshot {file} holds no recorded prices: {str(error).splitlines()[0]}",
                f"Write one: berth prices {ask.accelerator} --json > {file}",
            ) from None
    found = prices.mistakes(ask, snapshot)
    if found:
        raise typer.BadParameter("\n".join(found))
    return snapshot


def _recorded(text: str) -> Snapshot:
    """Of `berth prices --json` or of `berth capacity --record`. Raises ValueError: of neither."""
    if '"lookups"' not in text:
        return offers.replay(text).snapshot
    _, lookups = capacity.replay(text)
    return Snapshot(quotes=quotes(lookups))


def _one_region(ask: Ask, snapshot: Snapshot) -> Ask:
    """The cheapest region only: a job that stays in it moves no checkpoint."""
    best = offers.rank(ask, snapshot)[0].quote
    return Ask(
        accelerator=ask.accelerator,
        count=ask.count,
        market=ask.market,
        clouds=(best.cloud,),
        regions=(best.region,),
    )


def _transfers(regions: set[str], given: Given, cloud: str) -> Transfers:
    if len(regions) < 2 or given.job.checkpoint_gb == 0:
        return advice.same_egress(regions, 0.0) if len(regions) > 1 else NO_TRANSFERS
    if given.egress_usd is None:
        raise BerthError(
            f"checkpoints would move between {', '.join(sorted(regions))}, at a price that no table knows",
            "Name it in US dollars a GB, such as --egress 0.02, or one --region.",
        )
    stored = service_prices.price(cloud, _STORAGE[cloud]).usd or 0.0
    return advice.same_egress(regions, given.egress_usd, copy_usd=stored)


def _read(paths: Sequence[Path], known: Sequence[Zone]) -> Iterator[Trace]:
    """The traces, at their own prices, or else at those of the zone's region."""
    files = [file for path in paths for file in (sorted(path.glob("*.json")) if path.is_dir() else [path])]
    if not files:
        raise BerthError("--trace names a folder without .json files")
    for file in files:
        zone = file.name.partition("_")[0].removesuffix(".json")
        alike = [one.offer for one in known if zone in (one.offer.zone, one.offer.region)]
        alike = alike or [one.offer for one in known if zone.startswith(one.offer.region)]
        if not alike:
            regions = ", ".join(sorted({one.offer.region for one in known}))
            raise BerthError(
                f"--trace {file}: {zone} is not in {regions}, whose prices are known",
                "A trace's file is called ZONE.json or ZONE_ANYTHING.json; --region chooses the regions.",
            )
        try:
            yield parse(
                file.read_text(),
                zone=zone,
                region=alike[0].region,
                on_demand_usd=alike[0].on_demand_usd,
                spot_usd=min(one.spot_usd for one in alike),
            )
        except OSError as error:
            raise BerthError(f"--trace {file} cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise BerthError(f"--trace {file} is no text") from None
        except TraceError as error:
            raise BerthError(f"--trace {file}: {error}") from None


def _footnotes(found: Found) -> Iterator[str]:
    if found.left_out:
        yield f"Left out, dearer or without an on-demand price: {', '.join(found.left_out)}."
    for source in found.snapshot.sources:
        if source.cloud in found.ask.clouds:
            yield f"Prices: {CLOUDS[source.cloud]}, {source.as_of}: {source.url}"


def _as_json(found: Found) -> dict[str, Any]:
    own = asdict(found.advice)
    own["policy"] = {"name": found.advice.policy.name, **own["policy"]}
    own["policy"]["pace"] = found.advice.policy.pace.value
    own["saving"] = found.advice.saving
    own["zones"] = [asdict(one) for one in found.zones]
    del own["offers"]
    return {**own, "replayed_on": found.note, "left_out": found.left_out, "ask": asdict(found.ask)}
