"""`--dry-run`: prints everything that a bring-up would do, and does none of it."""

from rich.console import Console

from rehearsal.paths import Paths
from rehearsal.session import Choice


def show(console: Console, where: Paths, choice: Choice, env: str) -> None:
    """Print the plan of `berth rehearse up ENV`."""
    from rich.table import Table

    from rehearsal import bringup, system
    from scripts.berth import targets

    table = Table(
        box=None, pad_edge=False, title=f"Plan for {env} (nothing is changed)", title_justify="left"
    )
    for heading in ("", "what", "how"):
        table.add_column(heading, overflow="fold")
    for line in bringup.plan(where, choice):
        table.add_row("[green]there[/]" if line.done else "[yellow]to do[/]", line.name, line.detail)
    for name, detail in (
        ("images", "build and push those whose content is not in the registry"),
        (f"stack {env}", targets.of(env).plan()),
        ("verification", "predictions over HTTP on held-out data"),
    ):
        table.add_row("[yellow]to do[/]", name, detail)
    console.print(table)
    console.print(
        f"Disk: {system.DISK / system.GIB:.0f} GiB in all under {where.cache} and {where.state}. "
        f"Memory: {system.MEMORY / system.GIB:.0f} GiB. "
        "Expected time: up to 15 minutes on two cores if all is to do, less than one if all is there.",
        highlight=False,
    )
