"""The decision that a preview asks for: every section, and the thresholds that it is over. Pure."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from infra.spend.capacity import ImageState, ZoneLine
from infra.spend.preview import changes, cost
from infra.spend.preview.changes import Changes
from infra.spend.preview.cost import Cost
from infra.spend.preview.reading import PROVIDER, Finding, Recording, State, type_of
from infra.spend.quota import QuotaLine

FAIL_ON = ("policy", "quota", "capacity", "replace-data", "lifetime", "unknown-price")
FINE, ERROR, EXCEEDED = 0, 1, 3
EXPIRES = "berth:expires-at"


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """What the reader will not have. US dollars of known prices; fail_on: of FAIL_ON."""

    max_hourly: float | None = None
    max_monthly_delta: float | None = None
    fail_on: frozenset[str] = frozenset()

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return self != Thresholds()


@dataclass(frozen=True, kw_only=True)
class Exceeded:
    """A threshold that the preview is over, as the flag is written, and why."""

    threshold: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Lifetime:
    """When the environment's machines end; None: never. before: as it is deployed now."""

    ends: datetime | None
    before: datetime | None
    now: datetime

    @property
    def ended(self) -> bool:
        """Whether the end has passed."""
        return self.ends is not None and self.ends <= self.now

    @property
    def hours_left(self) -> float | None:
        """Hours until the end; None where there is none."""
        return None if self.ends is None else max((self.ends - self.now).total_seconds() / 3600, 0.0)


@dataclass(frozen=True, kw_only=True)
class Found:
    """What was looked up beside the preview. Notes say what could not be asked, and why.

    zones: judged, the best first; none where no machine is wanted or nothing was asked.
    """

    quota: tuple[QuotaLine, ...] = ()
    quota_notes: tuple[str, ...] = ()
    zones: tuple[ZoneLine, ...] = ()
    images: tuple[ImageState, ...] = ()
    capacity_notes: tuple[str, ...] = ()

    @property
    def gone(self) -> tuple[str, ...]:
        """Images that are not there any more."""
        return tuple(one.id for one in self.images if one.there is False)

    @property
    def nowhere(self) -> bool:
        """Whether no zone can have the machine, as far as is known."""
        return bool(self.zones) and all(one.state == "none" for one in self.zones)


@dataclass(frozen=True, kw_only=True)
class Decision:
    """All that a reader needs. cost: None where the program failed, so that the changes are not all known."""

    environment: str
    rehearsed: bool
    changes: Changes
    cost: Cost | None
    found: Found
    findings: tuple[Finding, ...]
    judged: bool
    lifetime: Lifetime
    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    thresholds: Thresholds = field(default_factory=Thresholds)
    exceeded: tuple[Exceeded, ...] = ()

    @property
    def short(self) -> tuple[QuotaLine, ...]:
        """The quotas that are too small."""
        return tuple(one for one in self.found.quota if one.state == "short")

    @property
    def stopped(self) -> tuple[Finding, ...]:
        """The findings that stop `up`."""
        return tuple(one for one in self.findings if one.stops)

    @property
    def status(self) -> int:
        """The exit status: 1 where `up` would not even start, 3 where a threshold is exceeded, else 0."""
        if self.errors:
            return ERROR
        if self.exceeded:
            return EXCEEDED
        return ERROR if self.stopped else FINE


def decide(
    environment: str,
    recording: Recording,
    *,
    now: datetime,
    rehearsed: bool = False,
    found: Found | None = None,
    thresholds: Thresholds | None = None,
) -> Decision:
    """Judge a preview. now: with a time zone."""
    errors = recording.failures
    judged = Decision(
        environment=environment,
        rehearsed=rehearsed,
        changes=changes.of(recording),
        cost=None if errors else cost.of(recording),
        found=found or Found(),
        findings=recording.findings,
        judged=recording.judged,
        lifetime=_lifetime(recording, now),
        errors=errors,
        warnings=recording.warnings,
        thresholds=thresholds or Thresholds(),
    )
    return Decision(**{**vars(judged), "exceeded": tuple(_exceeded(judged))})


def _exceeded(one: Decision) -> Iterator[Exceeded]:
    asked = one.thresholds
    if one.cost is not None:
        hourly, delta = one.cost.after.hourly_usd, one.cost.monthly_delta
        if asked.max_hourly is not None and hourly > asked.max_hourly:
            reason = f"${hourly:.3f} an hour is more than ${asked.max_hourly:g}"
            yield Exceeded(threshold="max-hourly", reason=reason)
        if asked.max_monthly_delta is not None and delta > asked.max_monthly_delta:
            reason = f"${delta:,.2f} more a month is over ${asked.max_monthly_delta:g}"
            yield Exceeded(threshold="max-monthly-delta", reason=reason)
    for name in FAIL_ON:
        if name in asked.fail_on and (reason := _reason(one, name)):
            yield Exceeded(threshold=f"fail-on {name}", reason=reason)


def _reason(one: Decision, name: str) -> str:
    reasons = {
        "policy": _listed([finding.policy for finding in one.stopped], "broken"),
        "quota": _listed([f"{line.name} ({line.code})" for line in one.short], "too small"),
        "capacity": _no_capacity(one.found),
        "replace-data": _listed([change.name for change in one.changes.lasting], "lose data"),
        "lifetime": "the lifetime has ended" if one.lifetime.ended else "",
        "unknown-price": _listed(one.cost.after.unknown if one.cost else (), "of unknown price"),
    }
    return reasons[name]


def _no_capacity(found: Found) -> str:
    nowhere = "no zone can have the machine" if found.nowhere else ""
    return "; ".join(filter(None, (_listed(found.gone, "image gone"), nowhere)))


def _listed(names: Sequence[str], what: str) -> str:
    return f"{what}: {', '.join(dict.fromkeys(names))}" if names else ""


def _lifetime(recording: Recording, now: datetime) -> Lifetime:
    wanted = _instant(recording.config.get("berth:expires_at"))
    olds = (_tag(step.old) for step in recording.steps if step.old and type_of(step.urn).startswith(PROVIDER))
    before = next((found for found in olds if found), None)
    return Lifetime(ends=wanted, before=before, now=now)


def _tag(provider: State) -> datetime | None:
    """The end of the lifetime in a provider's default tags, which it keeps as JSON."""
    tags: Any = provider.inputs.get("defaultTags")
    try:
        tags = json.loads(tags) if isinstance(tags, str) else tags
        return _instant(tags["tags"][EXPIRES])
    except (ValueError, KeyError, TypeError):
        return None


def _instant(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else None
