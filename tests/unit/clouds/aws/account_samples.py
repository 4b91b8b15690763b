"""What the tests of the emulated account share."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Network:
    vpc: str
    subnets: list[str]
    group: str
