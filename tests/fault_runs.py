"""Ups of the aws-vm environment in which AWS misbehaves, and whether they end as they should.

A run is good when it converges on its own, or its message names what went wrong; when what converged needs no
change; and when `destroy` leaves the account as it was before. Samples are drawn by a seed: the same seed and
script give the same faults.
"""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aws_replay import AbortedError, Operation, Run, Script, destroy, differences, up
from emulated_account import EmulatedAccount

MARKS: Mapping[str, tuple[str, ...]] = {
    "throttle": ("RequestLimitExceeded", "Throttling", "SlowDown"),
    "internal-error": ("InternalError", "InternalFailure", "failed: 500"),
    "timeout-after-commit": ("NoAnswer",),
    "connection-reset": ("NoAnswer", "Unreachable"),
    "late-consistency": ("NotFound", "NoSuch", "not found", "does not exist", "cannot be found"),
    "expired-credentials": ("Expired", "have expired"),
    "DependencyViolation": ("DependencyViolation",),
    "InsufficientInstanceCapacity": ("InsufficientInstanceCapacity",),
    "VcpuLimitExceeded": ("VcpuLimitExceeded",),
}
"""By fault class: what a message that names the cause holds."""
LASTING = frozenset({"expired-credentials", "InsufficientInstanceCapacity", "VcpuLimitExceeded"})
"""Classes that in life last until somebody does something about them."""
_MAKES = ("Create", "Run", "Allocate", "Put", "Import")
_UNMAKES = ("Delete", "Detach", "Release", "Disassociate", "Terminate")
_MACHINES = ("RunInstances", "CreateFleet")
_IN_A_ROW = 3


def samples(script: Script, count: int, seed: int) -> list[dict[str, Any]]:
    """Rules, one a run: the classes in turn, each with an operation of the script and a place in it."""
    chance = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
    kinds = [kind for kind in MARKS if _candidates(kind, script)]
    return [_rule(kinds[index % len(kinds)], script, chance) for index in range(count)]


def every(kind: str, script: Script) -> list[dict[str, Any]]:
    """One class at every operation that it may befall, at the first call."""
    return [
        {"class": kind, "service": service, "operation": operation, "nth": 1, "times": 1}
        for service, operation in _candidates(kind, script)
    ]


def _rule(kind: str, script: Script, chance: random.Random) -> dict[str, Any]:
    service, operation = chance.choice(_candidates(kind, script))
    often = Counter(script.up)[service, operation] + Counter(script.down)[service, operation]
    times = 0 if kind in LASTING and chance.random() < 0.5 else chance.randint(1, _IN_A_ROW)
    return {
        "class": kind,
        "service": service,
        "operation": operation,
        "nth": chance.randint(1, often),
        "times": times,
    }


def _candidates(kind: str, script: Script) -> list[Operation]:
    """Every operation once, however often it is called: rare ones are no less dangerous."""
    wanted: Sequence[str] = ("",)
    if kind == "late-consistency":
        wanted = _MAKES
    elif kind == "DependencyViolation":
        wanted = _UNMAKES
    elif kind in ("InsufficientInstanceCapacity", "VcpuLimitExceeded"):
        wanted = _MACHINES
    found = sorted({one for one in (*script.up, *script.down) if one[1].startswith(tuple(wanted))})
    return [one for one in found if one[0] == "ec2"] if kind == "DependencyViolation" else found


@dataclass
class Outcome:
    """What came of one sample."""

    rule: dict[str, Any]
    injected: int = 0
    failures: list[str] = field(default_factory=list)
    """Messages of the runs that failed, in order: `up`, `refresh`, `destroy`."""
    problems: list[str] = field(default_factory=list)
    """Where it was not as it should be."""

    @property
    def verdict(self) -> str:
        if self.problems:
            return "wrong"
        if not self.injected:
            return "not met"
        return "named" if self.failures else "converged"


def judge(account: EmulatedAccount, script: Script, rule: dict[str, Any]) -> Outcome:
    """One `up` and its `destroy` with the fault; the account is as before afterwards, whatever happens."""
    outcome = Outcome(rule)
    before = account.inventory()
    account.faults([rule])
    run = up(script)
    if run.failure:
        _expect_cause(outcome, "up", run.failure)
    else:
        _expect_no_change(outcome, run)
    if rule["times"] == 0:
        outcome.injected += len(account.injected())
        account.faults([])  # what lasts has ended: only then does anybody try again
    failure = destroy(run.made)
    outcome.injected += len(account.injected())
    account.faults([])
    if failure:
        _expect_cause(outcome, "destroy", failure)
        again = destroy(run.made)
        outcome.problems += [f"second destroy: {again}"] if again else []
    after = account.inventory()
    if after != before:
        outcome.problems += [f"left: {line}" for line in lines(after) if line not in lines(before)]
        outcome.problems += [f"lost: {line}" for line in lines(before) if line not in lines(after)]
        account.reset()
    return outcome


def _expect_no_change(outcome: Outcome, run: Run) -> None:
    try:
        outcome.problems += [f"after up: {line}" for line in differences(run)]
    except AbortedError as aborted:  # the fault begins, or goes on, in the refresh
        _expect_cause(outcome, "refresh", str(aborted))


def _expect_cause(outcome: Outcome, when: str, message: str) -> None:
    outcome.failures.append(f"{when}: {message}")
    if not any(mark in message for mark in MARKS[outcome.rule["class"]]):
        outcome.problems.append(f"{when} failed without naming the cause: {message}")


def lines(value: Any, path: str = "") -> list[str]:
    """An inventory as one line a fact."""
    if isinstance(value, dict):
        return [line for key, item in value.items() for line in lines(item, f"{path}/{key}")]
    if isinstance(value, list):
        return [line for item in value for line in lines(item, path)]
    return [f"{path} = {value}"]


def summary(outcomes: Sequence[Outcome]) -> dict[str, dict[str, int]]:
    """How many ended how, by fault class."""
    return {
        kind: dict(Counter(one.verdict for one in outcomes if one.rule["class"] == kind)) for kind in MARKS
    }
