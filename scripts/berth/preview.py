"""`preview ENV`: runs the engine's preview, looks up quota and capacity beside it, shows the decision."""

import json
import math
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from rehearsal.errors import BerthError
from scripts.berth import stack
from scripts.berth.place import Place

if TYPE_CHECKING:
    from infra.spend.preview.decision import Decision, Thresholds
    from infra.spend.preview.reading import Recording

FAIL_ON = ("policy", "quota", "capacity", "replace-data", "lifetime", "unknown-price")

_FILE_WIDTH = 140  # a terminal folds what is too wide for it; a file takes whole rows

Markdown = Annotated[bool, typer.Option("--markdown", help="Print a comment for a pull request.")]
Plain = Annotated[bool, typer.Option("--plain", help="Pulumi's own display; with --json its own JSON.")]
MaxHourly = Annotated[
    Optional[float],  # noqa: UP045 - typer reads it
    typer.Option(min=0, metavar="USD", help="Exit status 3 where an hour would cost more."),
]
MaxMonthlyDelta = Annotated[
    Optional[float],  # noqa: UP045
    typer.Option(min=0, metavar="USD", help="Exit status 3 where a month would cost so much more than now."),
]
FailOn = Annotated[
    str, typer.Option(metavar="LIST", help=f"Exit status 3 on any of these: {', '.join(FAIL_ON)}.")
]
Live = Annotated[
    bool, typer.Option("--live/--no-live", help="Ask the cloud for quota and capacity (where it can be).")
]


@dataclass(frozen=True, kw_only=True)
class Ask:
    """How a preview is shown, and what makes its exit status 3."""

    as_json: bool = False
    markdown: bool = False
    plain: bool = False
    live: bool = True
    max_hourly: float | None = None
    max_monthly_delta: float | None = None
    fail_on: frozenset[str] = field(default_factory=frozenset)

    @property
    def judges(self) -> bool:
        """Whether it has a threshold."""
        return bool(self.fail_on) or (self.max_hourly, self.max_monthly_delta) != (None, None)


def ask(
    *,
    as_json: bool,
    markdown: bool,
    plain: bool,
    live: bool,
    max_hourly: float | None,
    max_monthly_delta: float | None,
    fail_on: str,
) -> Ask:
    """What the flags say.

    Raises:
        typer.BadParameter: they do not go together; with every reason.
    """
    named = [name.strip() for name in fail_on.split(",") if name.strip()]
    asked = Ask(
        as_json=as_json,
        markdown=markdown,
        plain=plain,
        live=live,
        max_hourly=max_hourly,
        max_monthly_delta=max_monthly_delta,
        fail_on=frozenset(named),
    )
    problems = [
        f"--fail-on: there is no {name!r}; it is one or more of {', '.join(FAIL_ON)}, "
        "for example --fail-on policy,quota"
        for name in named
        if name not in FAIL_ON
    ]
    problems += [
        f"{flag}: {usd} is no amount of US dollars, for example {flag} 5"
        for flag, usd in (("--max-hourly", max_hourly), ("--max-monthly-delta", max_monthly_delta))
        if usd is not None and not math.isfinite(usd)
    ]
    if markdown and as_json:
        problems.append("--markdown and --json are two outputs: choose one")
    if plain and markdown:
        problems.append("--plain is Pulumi's own display: leave out --markdown")
    if plain and asked.judges:
        problems.append("--plain is Pulumi's own display, which judges nothing: leave out the thresholds")
    if problems:
        raise typer.BadParameter("\n".join(problems))
    return asked


def show(place: Place, env: str, asked: Ask) -> int:
    """Preview an environment and print it; returns the exit status.

    Raises:
        BerthError: the engine did not get as far as a preview.
    """
    if asked.plain:
        return stack.preview(place, env, as_json=asked.as_json)
    decision = _decide(place, env, asked)
    if asked.as_json:
        from infra.spend.preview.document import document

        print(json.dumps(document(decision), indent=2))
    elif asked.markdown:
        from infra.spend.preview.markdown import render

        print(render(decision), end="")
    else:
        from rich.console import Console

        from infra.spend.preview import terminal

        console = Console()
        terminal.show(console if console.is_terminal else Console(width=_FILE_WIDTH), decision)
    return decision.status


def _decide(place: Place, env: str, asked: Ask) -> "Decision":
    with ThreadPoolExecutor(max_workers=1) as beside, _waiting(env):
        from scripts.berth import lookups

        # What is asked of the cloud depends on the preview; what it takes to ask does not, and is slow.
        ready: Future[None] | None = beside.submit(lookups.prepare, place, env) if asked.live else None
        try:
            recording = recorded(place, env)
        finally:
            if ready is not None:
                ready.cancel()
        found = lookups.found(place, recording, live=asked.live)
    from infra.spend.preview.decision import decide

    return decide(
        env,
        recording,
        now=datetime.now(UTC),
        rehearsed=place.rehearsed,
        found=found,
        thresholds=_thresholds(asked),
    )


def recorded(place: Place, env: str) -> "Recording":
    """The engine's preview.

    Raises:
        BerthError: there is none; with what the engine said instead.
    """
    from infra.spend.preview import reading

    done = stack.previewed(place, env)
    try:
        return reading.read(done.stdout)
    except ValueError:
        said = (done.stderr.strip() or done.stdout.strip())[-4000:]
        raise BerthError(
            f"there is no preview of {env}: `pulumi preview` ended with status {done.returncode}\n{said}",
            f"`{place.prefix} preview {env} --plain` shows Pulumi's own display.",
        ) from None


def _thresholds(asked: Ask) -> "Thresholds":
    from infra.spend.preview.decision import Thresholds

    return Thresholds(
        max_hourly=asked.max_hourly, max_monthly_delta=asked.max_monthly_delta, fail_on=asked.fail_on
    )


@contextmanager
def _waiting(env: str) -> Iterator[None]:
    """A sign of life on a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(f"previewing {env}"):
        yield
