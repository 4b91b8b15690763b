"""`berth prices`: what an accelerator costs by cloud, region and zone, from the catalogue's dated tables."""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Optional

import typer
from rich.console import Console
from rich.table import Table

from infra.catalog import accelerators
from infra.catalog.machine_prices import CLOUDS, Source
from infra.spend import offers
from infra.spend.offers import Ask, Offer, Snapshot
from rehearsal.errors import BerthError
from scripts.berth import options

_FILE_WIDTH = 140  # a terminal folds the last column; a file takes whole rows


def prices(
    accelerator: Annotated[str, typer.Argument(metavar="ACCELERATOR", help="Such as T4, L4 or H100.")],
    *,
    count: Annotated[int, typer.Option(min=1, metavar="N", help="Accelerators of one machine.")] = 1,
    spot: Annotated[
        bool, typer.Option("--spot/--on-demand", help="Spare capacity, which a cloud may take back, or not.")
    ] = True,
    cloud: Annotated[
        Optional[str],  # noqa: UP045 - typer reads it
        typer.Option(metavar="|".join(CLOUDS), help="One cloud only."),
    ] = None,
    region: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="PREFIX", help="Regions that begin so: eu-, us-east."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="How many offers to print.")] = 20,
    live: Annotated[
        bool, typer.Option("--live", help="Ask AWS too, in the cheapest regions: spot prices, scores, quota.")
    ] = False,
    replay: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="FILE", help="Answer what --json has kept, from what was known then."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Rank the offers of an accelerator by price, from dated tables; without --live no cloud is asked."""
    ask = Ask(
        accelerator=accelerator,
        count=count,
        market="spot" if spot else "on-demand",
        clouds=(cloud,) if cloud is not None else (),
        regions=(region,) if region is not None else (),
    )
    snapshot = offers.from_tables(accelerator)
    if replay is not None:
        if live:
            raise typer.BadParameter("goes with no --live: nothing is asked", param_hint="--replay")
        ask, snapshot = _kept(replay, accelerator)
    problems = mistakes(ask, snapshot)
    if problems:
        raise typer.BadParameter("\n".join(problems))
    if live:
        from scripts.berth import live_prices
        from scripts.berth.capacity import account

        snapshot = live_prices.looked_up(
            account(""), ask, snapshot, lambda said: print(said, file=sys.stderr)
        )
    found = offers.rank(ask, snapshot)
    if as_json:
        record = offers.record(ask, snapshot)
        print(json.dumps({"offers": [asdict(one) for one in found[:limit]], **record}, indent=2))
        return
    console = Console()
    if not console.is_terminal:
        console = Console(width=_FILE_WIDTH)
    show(console, ask, found, limit, snapshot.sources)


def _kept(file: Path, accelerator: str) -> tuple[Ask, Snapshot]:
    try:
        kept = offers.replay(file.read_text())
    except OSError as reason:
        raise BerthError(f"{file} cannot be read: {reason.strerror}") from None
    except ValueError as reason:
        raise BerthError(f"{file} is not what `berth prices --json` prints: {reason}") from None
    if kept.ask.accelerator != accelerator:
        raise typer.BadParameter(
            f"{file} is about {kept.ask.accelerator}, not {accelerator}", param_hint="--replay"
        )
    return kept.ask, kept.snapshot


def mistakes(ask: Ask, snapshot: Snapshot) -> list[str]:
    """What is wrong with a question, in a sentence each; without any, it has an answer."""
    found = []
    quotes = [one for one in snapshot.quotes if not ask.clouds or one.cloud in ask.clouds]
    for cloud in ask.clouds:
        if cloud not in CLOUDS:
            found.append(f"no prices of a cloud {cloud!r}; there are those of {' and '.join(CLOUDS)}")
            quotes = list(snapshot.quotes)
    if ask.accelerator not in accelerators.ACCELERATORS:
        return [*found, f"no accelerator {ask.accelerator!r} in the catalogue{_instead(ask.accelerator)}"]
    if not quotes:
        return [*found, f"no {CLOUDS[ask.clouds[0]]} price of a machine with a {ask.accelerator} is known"]
    fitting = [one for one in quotes if one.count == ask.count]
    if not fitting:
        known = ", ".join(map(str, offers.counts(quotes, ask.accelerator)))
        found.append(f"no machine has {ask.count} of {ask.accelerator}; machines have {known}")
    known_regions = sorted({one.region for one in fitting or quotes})
    found += [
        f"no region that begins with {prefix!r} has such a machine; these have: {', '.join(known_regions)}"
        for prefix in ask.regions
        if not any(region.startswith(prefix) for region in known_regions)
    ]
    return found


def show(console: Console, ask: Ask, found: tuple[Offer, ...], limit: int, sources: Iterable[Source]) -> None:
    """The ranked table, what is unknown, and from when and where the prices are."""
    market = "spot" if ask.market == "spot" else "on demand"
    _line(
        console, f"Machines with {ask.count} {ask.accelerator}, {market}, in US dollars an hour without tax"
    )
    priced = [one for one in found if one.usd_hour is not None]
    table = Table(box=None, pad_edge=False)
    zones = ("zone",) if ask.market == "spot" else ()
    for heading in ("", "cloud", "region", *zones, "machine"):
        table.add_column(heading, no_wrap=True)
    for heading in ("machine $", f"{ask.accelerator} $"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("why here", overflow="fold")
    for one in priced[:limit]:
        quote = one.quote
        table.add_row(
            str(one.place),
            quote.cloud,
            quote.region,
            *([quote.zone or ("any" if quote.cloud == "gcp" else "cheapest")] if zones else []),
            quote.instance_type,
            _money(one.usd_hour or 0),
            _money(one.usd_accelerator_hour or 0),
            one.reason,
        )
    console.print(table)
    for line in _below(ask, found, priced, limit):
        _line(console, line)
    _line(console, "Prices, which move, spot prices by the hour:")
    for source in sources:
        if not ask.clouds or source.cloud in ask.clouds:
            at = f" at {source.commit}" if source.commit else ""
            note = f" ({source.note})" if source.note else ""
            _line(console, f"  {CLOUDS[source.cloud]}, {source.as_of}: {source.url}{at}{note}")


def _below(ask: Ask, found: Sequence[Offer], priced: Sequence[Offer], limit: int) -> Iterable[str]:
    """What the table does not show."""
    if len(priced) > limit:
        yield f"{limit} of {len(priced)} offers; --limit {len(priced)} prints all."
    if any("zone" in one.unknown for one in priced[:limit]):
        yield "Zone cheapest: the table does not say which of the region's zones that is."
    unpriced = Counter(one.quote.instance_type for one in found if one.usd_hour is None)
    if unpriced:
        listed = ", ".join(f"{name} ({count})" for name, count in sorted(unpriced.items()))
        yield f"Offered too, at prices that are not known, in so many places: {listed}."
    lacking = [
        name
        for cloud, name in CLOUDS.items()
        if (not ask.clouds or cloud in ask.clouds) and not any(one.quote.cloud == cloud for one in priced)
    ]
    if lacking:
        where = f" in {', '.join(f'{prefix}…' for prefix in ask.regions)}" if ask.regions else ""
        yield f"No price of such a machine on {' or '.join(lacking)}{where} is known."
    unknown = dict.fromkeys(what for one in found for what in one.unknown if what not in {"zone", "price"})
    if unknown:
        yield f"Not looked up, so not ranked by: {', '.join(unknown)}."


def _instead(accelerator: str) -> str:
    nearest = accelerators.nearest(accelerator, accelerators.ACCELERATORS)
    if nearest:
        return f"; did you mean {' or '.join(nearest)}?"
    return f"; there are {', '.join(sorted(accelerators.ACCELERATORS))}"


def _money(usd: float) -> str:
    return f"{usd:.4f}" if usd < 1 else f"{usd:.2f}"


def _line(console: Console, text: Any) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
