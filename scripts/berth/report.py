"""What `up`, `verify` and `down` print at their end: results first, then how to go on."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from rich.text import Text

from infra.outputs import Deployed
from scripts.berth.checks import Verification

SHADES = " ░▒▓█"


def draw(image: NDArray[Any]) -> str:
    """A small picture of an image (height, width), two characters a pixel, for a terminal."""
    rows = image.tolist()
    top = max(1, *(int(pixel) for row in rows for pixel in row))
    return "\n".join(
        "".join(SHADES[int(pixel) * (len(SHADES) - 1) // top] * 2 for pixel in row).rstrip() for row in rows
    )


def created(console: Console, kinds: Counter[str]) -> None:
    """Resources by kind."""
    listed = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    console.print(
        f"[bold]Created[/]     {sum(kinds.values())} resources: {listed}", highlight=False, soft_wrap=True
    )


def results(console: Console, outputs: Deployed, found: Verification) -> None:
    """The training's result, the service and one prediction."""
    training = outputs.training
    console.print(
        f"[bold]Training[/]    {training.accuracy:.2%} of the held-out images predicted right, "
        f"{training.steps} steps in {training.duration_seconds:.1f} s",
        highlight=False,
        soft_wrap=True,
    )
    console.print(f"[bold]Service[/]     {outputs.predict_url}", highlight=False, soft_wrap=True)
    if found.image is not None:
        right = "[green]right[/]" if found.predicted == found.label else "[red]wrong[/]"
        console.print(
            f"[bold]Prediction[/]  a held-out image of a {found.label}: the service says "
            f"[bold]{found.predicted}[/] ({found.confidence:.1%}), {right}",
            highlight=False,
        )
        console.print(Text("\n".join(f"    {line}" for line in draw(found.image).splitlines())))


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
    console.print(f"[bold]Time[/]        {total:.1f} s in all: {listed}", highlight=False, soft_wrap=True)


def how_to_go_on(console: Console, env: str, outputs: Deployed, *, berth: str) -> None:
    """Where to look and how to tear down."""
    instances = f"{outputs.predict_url}/v1/models/{outputs.model_name}:predict"
    lines = [
        ("Look around", f"{berth} rehearse status {env}; {berth} rehearse outputs {env} --json"),
        ("", f'eval "$({berth} rehearse env)"   then plain pulumi, kubectl and berth work:'),
        ("", f"pulumi up -s {env}; kubectl -n {outputs.namespace} get pods; berth verify {env}"),
        ("Predict", f"curl -d '{{\"instances\": [IMAGE]}}' {instances}"),
        ("Tear down", f"./scripts/down {env}"),
    ]
    for heading, line in lines:
        console.print(f"[bold]{heading:<11}[/] ", Text(line), soft_wrap=True, highlight=False, sep="")
