"""What the values of every target share."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from pydantic import Field, field_validator

from infra.policy.rules import NAMES
from infra.problems import Problem
from infra.values import DnsLabel, LabelValue, Values

PROJECT = "berth"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule over several keys. keys: the paths that it reads, such as machine.count."""

    keys: tuple[str, ...]
    problems: Callable[[Any, datetime], Iterable[Problem]]

    def reads(self, path: str) -> bool:
        """Whether it reads a path, what is below it, or the group that it is in."""
        return any(f"{one}.".startswith(f"{path}.") or f"{path}.".startswith(f"{one}.") for one in self.keys)


class Hyperparameters(Values):
    """What the result of a training depends on. A change of any trains again."""

    epochs: int = Field(
        default=40, ge=1, le=100_000, description="passes over the training set", examples=[40]
    )
    batch_size: int = Field(default=64, ge=2, le=65_536, description="images a step", examples=[64])
    learning_rate: float = Field(
        default=0.004, gt=0, lt=1, description="the highest, after warming up", examples=[0.004]
    )
    channels: int = Field(
        default=32, ge=1, le=1024, description="width of the first convolution", examples=[32]
    )
    seed: int = Field(default=0, ge=0, lt=2**31, description="of every random choice", examples=[0])
    checkpoint_every_steps: int = Field(
        default=200, ge=1, le=1_000_000_000, description="steps between checkpoints", examples=[200]
    )
    threads: int = Field(default=1, ge=1, le=1024, description="CPU threads of PyTorch", examples=[1])


class Policy(Values):
    """Exceptions to the policy pack (`infra/policy`)."""

    allow: tuple[str, ...] = Field(
        default=(), description="names of rules that do not count", examples=[["capacity-block-purchase"]]
    )

    @field_validator("allow")
    @classmethod
    def _are_names_of_rules(cls, allow: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in allow if name not in NAMES]
        if unknown:
            raise ValueError(f"{', '.join(unknown)} is no rule; there are {', '.join(NAMES)}")
        return allow


class Environment(Values):
    """What every target shares."""

    RULES: ClassVar[tuple[Rule, ...]] = ()

    environment: DnsLabel
    owner: LabelValue = Field(description="who answers for this environment", examples=["ml-team"])
    model_name: DnsLabel = Field(
        default="digits", description="name in the prediction URLs", examples=["digits"]
    )
    policy: Policy = Field(
        default=Policy(),
        description="exceptions to the policy pack",
        examples=[{"allow": ["capacity-block-purchase"]}],
    )
