"""What the commands do differently from target to target: a module each, all with the same functions."""

import importlib
from dataclasses import dataclass
from typing import Protocol, cast

from rich.console import Console

from infra.spend.idle import Watched
from infra.spend.spent import Spent
from rehearsal.paths import Paths
from rehearsal.record import Choice
from rehearsal.values import target_of
from scripts.berth.checks import Verification
from scripts.berth.place import Place


@dataclass(frozen=True, kw_only=True)
class Ask:
    """How thoroughly to verify. threshold: least accuracy, 0 to 1. minutes: longest wait for a bring-up."""

    threshold: float = 0.97
    samples: int = 200
    minutes: float = 30.0


class Target(Protocol):
    """The functions of a target's module."""

    def verify(self, place: Place, env: str, ask: Ask, progress: Console) -> Verification:
        """Wait until the environment should work, showing that on `progress`; then run every check."""

    def results(self, console: Console, place: Place, env: str, found: Verification) -> None:
        """Print what the environment reached: after `up`, before the checks."""

    def next_steps(self, place: Place, env: str) -> list[tuple[str, str]]:
        """Heading and command line of what to do next."""

    def status(self, place: Place, env: str) -> dict[str, str]:
        """What `berth status` tells beyond resources and outputs."""

    def running(self, place: Place, env: str) -> dict[str, int] | None:
        """Machines of each group by its name; None where the target has no groups."""

    def watched(self, place: Place, env: str) -> list[Watched]:
        """The GPU machines that run, with what each wrote down of its use.

        Raises:
            BerthError: the target has none of its own.
        """

    def stop(self, place: Place, env: str, group: str) -> list[str]:
        """Have a group of `watched` run nothing, as a refresh then sees; returns all that was changed."""

    def spent(self, place: Place, env: str) -> Spent | None:
        """The month against the budget; None where there is no budget, or no reader for its cloud yet."""

    def alive(self, where: Paths, choice: Choice) -> bool:
        """Whether the rehearsed API that holds the environment's resources still runs."""

    def plan(self) -> str:
        """What `pulumi up` and the verification do, for `--dry-run`."""


def of(env: str) -> Target:
    """The functions for an environment."""
    name = target_of(env).replace("-", "_")
    return cast("Target", importlib.import_module(f"scripts.berth.targets.{name}"))
