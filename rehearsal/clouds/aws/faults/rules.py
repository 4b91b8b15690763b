"""Which request gets which fault: rules, and a pure decision over how often each rule was met.

A rule is {class, service, operation, nth | probability + seed, times, after, reads, tries}. service and
operation are patterns. Of the requests that match, those from the nth on (1 is the first), or by chance
some (seeded, so that a run can be repeated), suffer the fault: `times` of them (default 1; 0: without end).
The first `after` matches do not count.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

CLASSES = (
    "throttle",
    "internal-error",
    "timeout-after-commit",
    "connection-reset",
    "InsufficientInstanceCapacity",
    "VcpuLimitExceeded",
    "late-consistency",
    "expired-credentials",
    "DependencyViolation",
)
# Where a fault of a class happens if the rule does not say it.
_USUAL = {
    "InsufficientInstanceCapacity": ("ec2", "RunInstances"),
    "VcpuLimitExceeded": ("ec2", "RunInstances"),
    "DependencyViolation": ("ec2", "Delete*"),
    "late-consistency": ("*", "Create*"),
}


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One fault to inject.

    reads: of late-consistency, how many reads do not see the new thing yet. tries: of DependencyViolation,
    how many deletions of one thing are refused.
    """

    kind: str
    service: str
    operation: str
    nth: int | None = None
    probability: float | None = None
    seed: int = 0
    times: int = 1
    after: int = 0
    reads: int = 3
    tries: int = 2


@dataclass(frozen=True)
class Met:
    """How often a rule matched, and how often it started its fault."""

    matched: int = 0
    started: int = 0


@dataclass(frozen=True)
class Counters:
    """The state of the decision: one Met a rule, by its place in the list."""

    met: Mapping[int, Met] = field(default_factory=dict)


def parse(content: Sequence[Mapping[str, Any]]) -> list[Rule]:
    """Rules from JSON.

    Raises:
        ValueError: a rule is wrong; names its place and what is wrong.
    """
    return [_rule(number, row) for number, row in enumerate(content)]


def _rule(number: int, row: Mapping[str, Any]) -> Rule:
    kind = row.get("class")
    if kind not in CLASSES:
        raise ValueError(f"rule {number}: class is one of {', '.join(CLASSES)}, not {kind!r}")
    known = {
        "class",
        "service",
        "operation",
        "nth",
        "probability",
        "seed",
        "times",
        "after",
        "reads",
        "tries",
    }
    unknown = sorted(set(row) - known)
    if unknown:
        raise ValueError(f"rule {number}: unknown keys {', '.join(unknown)}")
    if "nth" in row and "probability" in row:
        raise ValueError(f"rule {number}: nth and probability exclude each other")
    service, operation = _USUAL.get(kind, ("*", "*"))
    chance = row.get("probability")
    if chance is not None and not 0 <= chance <= 1:
        raise ValueError(f"rule {number}: probability is between 0 and 1, not {chance}")
    return Rule(
        kind=kind,
        service=str(row.get("service", service)),
        operation=str(row.get("operation", operation)),
        nth=int(row["nth"]) if "nth" in row else (None if chance is not None else 1),
        probability=float(chance) if chance is not None else None,
        seed=int(row.get("seed", 0)),
        times=int(row.get("times", 1)),
        after=int(row.get("after", 0)),
        reads=int(row.get("reads", 3)),
        tries=int(row.get("tries", 2)),
    )


def decide(
    rules: Sequence[Rule], counters: Counters, service: str, operation: str
) -> tuple[Rule | None, Counters]:
    """The fault for a request, the first rule's that says so, and the counters afterwards.

    Pure: the same rules, counters and request give the same answer.
    """
    chosen: Rule | None = None
    met = dict(counters.met)
    for number, rule in enumerate(rules):
        if not (fnmatchcase(service, rule.service) and fnmatchcase(operation, rule.operation)):
            continue
        before = met.get(number, Met())
        now = replace(before, matched=before.matched + 1)
        if chosen is None and _starts(rule, now):
            chosen = rule
            now = replace(now, started=now.started + 1)
        met[number] = now
    return chosen, Counters(met)


def _starts(rule: Rule, met: Met) -> bool:
    if rule.times and met.started >= rule.times:
        return False
    position = met.matched - rule.after
    if position < 1:
        return False
    if rule.probability is not None:
        return random.Random(f"{rule.seed}/{met.matched}").random() < rule.probability  # noqa: S311
    first = rule.nth or 1
    return position >= first
