"""What `up`, `verify` and `down` print at their end: results first, then how to go on."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from scripts.berth.checks import Prediction, Verification

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHADES = " ░▒▓█"


def draw(image: "NDArray[Any]") -> str:
    """A small picture of an image (height, width), two characters a pixel, for a terminal."""
    rows = image.tolist()
    top = max(1, *(int(pixel) for row in rows for pixel in row))
    return "\n".join(
        "".join(SHADES[int(pixel) * (len(SHADES) - 1) // top] * 2 for pixel in row).rstrip() for row in rows
    )


def line(console: Console, heading: str, text: str) -> None:
    """One result under a heading."""
    console.print(f"[bold]{heading:<12}[/]", Text(text), highlight=False, soft_wrap=True, sep="")


def created(console: Console, kinds: Counter[str]) -> None:
    """Resources by kind."""
    listed = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    line(console, "Created", f"{sum(kinds.values())} resources: {listed}")


def training(console: Console, accuracy: float, steps: int, seconds: float) -> None:
    """The training's result. accuracy: 0 to 1."""
    reached = f"{accuracy:.2%} of the held-out images predicted right"
    line(console, "Training", f"{reached}, {steps} steps in {seconds:.1f} s")


def prediction(console: Console, one: Prediction | None) -> None:
    """One held-out sample with its picture."""
    if one is None:
        return
    right = "[green]right[/]" if one.predicted == one.label else "[red]wrong[/]"
    console.print(
        f"[bold]Prediction[/]  a held-out image of a {one.label}: the service says "
        f"[bold]{one.predicted}[/] ({one.confidence:.1%}), {right}",
        highlight=False,
    )
    console.print(Text("\n".join(f"    {row}" for row in draw(one.image).splitlines())))


def facts(console: Console, found: Verification) -> None:
    """What is worth knowing and cannot fail."""
    for heading, text in found.facts.items():
        line(console, heading, text)


def checks(console: Console, found: Verification) -> None:
    """Every check with what it found."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for _ in range(3):
        table.add_column(overflow="fold")
    for check in found.checks:
        table.add_row("[green]ok[/]" if check.passed else "[red]FAILED[/]", check.name, Text(check.detail))
    console.print(table)


def phases(console: Console, timings: Sequence[tuple[str, float]], total: float) -> None:
    """Time per phase, the longest first; phases run side by side, so they add up to more than the total."""
    longest = sorted(timings, key=lambda timing: -timing[1])
    listed = ", ".join(f"{name} {took:.1f} s" for name, took in longest if took >= 0.05)
    line(console, "Time", f"{total:.1f} s in all: {listed}")


def lost_work(console: Console, found: dict[str, Any]) -> None:
    """What an interruption cost."""
    line(console, "Interrupted", f"{found['interrupted']}, replaced by {found['replacement']}")
    if found["training"] != "resumed":
        line(console, "Training", found["training"])
        return
    steps = found["lost_steps"]
    lost = "not known" if steps is None else f"{steps} steps"
    at = f"step {found['step_at_notice']} at the notice, checkpoint at step {found['checkpoint_step']}"
    line(console, "Training", f"resumed; {at}; lost work: {lost}")


def how_to_go_on(console: Console, env: str, steps: Sequence[tuple[str, str]], *, berth: str) -> None:
    """Where to look and how to tear down; steps: a target's own headings and command lines."""
    lines = [
        ("Look around", f"{berth} rehearse status {env}; {berth} rehearse outputs {env} --json"),
        ("", f'eval "$({berth} rehearse env {env})"   then plain pulumi and berth work:'),
        *steps,
        ("Tear down", f"./scripts/down {env}"),
    ]
    for heading, text in lines:
        line(console, heading, text)
