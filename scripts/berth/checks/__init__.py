"""Checks of a deployed environment, as a client would do them: what is asked, and what was found.

They ask the service over HTTP and the bucket over S3, and know nothing of how either was made. Which checks
an environment gets is the business of `scripts.berth.targets`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Check:
    """One line of the result."""

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """One held-out sample, for people to look at. confidence: 0 to 1."""

    image: "NDArray[np.uint8]"
    label: int
    predicted: int
    confidence: float


@dataclass(kw_only=True)
class Verification:
    """What was asked and answered. facts: heading to text, of what is worth knowing and cannot fail."""

    checks: list[Check] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    prediction: Prediction | None = None

    @property
    def passed(self) -> bool:
        return bool(self.checks) and all(check.passed for check in self.checks)

    @property
    def failed(self) -> list[str]:
        """Names of the checks that do not hold."""
        return [check.name for check in self.checks if not check.passed]

    def check(self, name: str, action: Callable[[], str]) -> bool:
        """Run one check; one that fails does not keep the others from running. Whether it holds."""
        try:
            detail, passed = action(), True
        except Failed as failure:
            detail, passed = str(failure), False
        self.checks.append(Check(name=name, passed=passed, detail=detail))
        return passed

    def as_json(self) -> dict[str, Any]:
        """The checks and facts, for `--json`."""
        return {
            "passed": self.passed,
            "checks": [
                {"name": check.name, "passed": check.passed, "detail": check.detail} for check in self.checks
            ],
            "facts": self.facts,
        }


class Failed(Exception):
    """A check did not hold; the message says what was found."""
