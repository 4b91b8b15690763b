"""A decision as one JSON object with a key for each section. Pure."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from infra.spend.estimate import Line
from infra.spend.preview.changes import Change
from infra.spend.preview.cost import Cost
from infra.spend.preview.decision import Decision
from infra.spend.preview.reading import name_of


def document(one: Decision) -> dict[str, Any]:
    """Plain values only. Prices are US dollars; null is not known, never 0."""
    return {
        "environment": one.environment,
        "rehearsed": one.rehearsed,
        "status": one.status,
        "errors": list(one.errors),
        "warnings": list(one.warnings),
        "changes": {
            "counts": dict(one.changes.counts),
            "same": one.changes.same,
            "resources": [_change(each) for each in one.changes.all],
        },
        "cost": None if one.cost is None else _cost(one.cost),
        "quota": {"lines": [asdict(each) for each in one.found.quota], "notes": list(one.found.quota_notes)},
        "capacity": {
            "zones": [asdict(each) for each in one.found.zones],
            "images": [asdict(each) for each in one.found.images],
            "notes": list(one.found.capacity_notes),
        },
        "policy": {
            "judged": one.judged,
            "findings": [
                {
                    "policy": each.policy,
                    "level": each.level,
                    "stops": each.stops,
                    "resource": name_of(each.urn),
                    "urn": each.urn,
                    "message": each.message,
                }
                for each in one.findings
            ],
        },
        "lifetime": {
            "ends": _instant(one.lifetime.ends),
            "deployed": _instant(one.lifetime.before),
            "ended": one.lifetime.ended,
            "hours_left": one.lifetime.hours_left,
        },
        "thresholds": {
            "max_hourly": one.thresholds.max_hourly,
            "max_monthly_delta": one.thresholds.max_monthly_delta,
            "fail_on": sorted(one.thresholds.fail_on),
            "exceeded": [asdict(each) for each in one.exceeded],
        },
    }


def _change(one: Change) -> dict[str, Any]:
    return {
        "op": one.op,
        "urn": one.urn,
        "type": one.type,
        "name": one.name,
        "component": one.component,
        "properties": [asdict(each) for each in one.properties],
        "forced_by": [each.path for each in one.forced_by],
        "loses": asdict(one.loss) if one.loss else None,
        "protected": one.protected,
    }


def _cost(one: Cost) -> dict[str, Any]:
    return {
        "before": _total(one.before.hourly_usd, one.before.monthly_usd, one.before.unknown),
        "after": _total(one.after.hourly_usd, one.after.monthly_usd, one.after.unknown),
        "hourly_delta_usd": None if one.uneven else one.hourly_delta,
        "monthly_delta_usd": None if one.uneven else one.monthly_delta,
        "budget_usd": one.budget_usd,
        "lines": [
            {"resource": row.resource, "before": _line(row.before), "after": _line(row.after)}
            for row in one.rows
        ],
    }


def _total(hourly: float, monthly: float, unknown: tuple[str, ...]) -> dict[str, Any]:
    return {"hourly_usd": hourly, "monthly_usd": monthly, "unknown": list(unknown)}


def _line(line: Line | None) -> dict[str, Any] | None:
    return None if line is None else asdict(line)


def _instant(when: datetime | None) -> str | None:
    return None if when is None else when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
