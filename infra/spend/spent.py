"""What an environment has cost this month, against its budget. Pure; a reader a cloud fills it."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["actual", "forecast"]


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One threshold of a budget. told: whether the cloud says that it was passed, None where it does not."""

    usd: float
    percent: float
    kind: Kind
    told: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Spent:
    """A budget of a month. forecast_usd: None where the cloud foresees nothing yet."""

    name: str
    limit_usd: float
    actual_usd: float
    forecast_usd: float | None
    alerts: tuple[Alert, ...] = ()
    as_of: str = ""

    def passed(self, alert: Alert) -> bool:
        """Whether a threshold was passed: as the cloud says, else by the sums."""
        if alert.told is not None:
            return alert.told
        reached = self.actual_usd if alert.kind == "actual" else self.forecast_usd
        return reached is not None and reached > alert.usd

    @property
    def over(self) -> bool:
        """Whether the limit is spent, or foreseen to be."""
        return max(self.actual_usd, self.forecast_usd or 0) > self.limit_usd


def alert(limit_usd: float, amount: float, kind: Kind, *, percent: bool, told: bool | None) -> Alert:
    """An alert whose threshold is a percentage of the limit, or US dollars."""
    usd = limit_usd * amount / 100 if percent else amount
    share = amount if percent else 100 * amount / limit_usd if limit_usd else 0.0
    return Alert(usd=usd, percent=share, kind=kind, told=told)


def sentence(spent: Spent) -> str:
    """The sums: `$12.30 of $50.00 spent this month (25%), $61.00 foreseen (122%): over the budget`."""
    text = f"${spent.actual_usd:,.2f} of ${spent.limit_usd:,.2f} spent this month"
    text += f" ({_share(spent, spent.actual_usd)})"
    if spent.forecast_usd is None:
        text += ", no forecast yet"
    else:
        text += f", ${spent.forecast_usd:,.2f} foreseen ({_share(spent, spent.forecast_usd)})"
    return text + (": over the budget" if spent.over else "")


def alerts(spent: Spent) -> str:
    """The alerts: `50% spent (passed), 80% spent, 100% foreseen`; empty where there are none."""
    words = {"actual": "spent", "forecast": "foreseen"}
    ordered = sorted(spent.alerts, key=lambda one: (one.kind, one.usd))
    return ", ".join(
        f"{one.percent:g}% {words[one.kind]}{' (passed)' if spent.passed(one) else ''}" for one in ordered
    )


def _share(spent: Spent, usd: float) -> str:
    return f"{100 * usd / spent.limit_usd:.0f}%" if spent.limit_usd else "no limit"
