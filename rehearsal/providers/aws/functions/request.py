"""One call of a function: its arguments, and the account it asks."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rehearsal.errors import BerthError
from rehearsal.providers.aws.account import Account
from rehearsal.providers.aws.api import Api

Values = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """The arguments that were given, and the region the question is about."""

    args: Mapping[str, Any]
    account: Account
    region: str

    def get(self, name: str, default: Any = None) -> Any:
        """An argument, or `default` where it was left out."""
        return self.args.get(name, default)

    def api(self, service: str) -> Api:
        """A service in the region that is asked about."""
        return Api(self.account, service, region=self.region)

    def filters(self, **attributes: str | None) -> list[Values]:
        """EC2's filters: the request's own `filters` and `tags`, and attributes that are not empty.

        An attribute's underscores stand for hyphens.
        """
        named = [
            {"Name": name.replace("_", "-"), "Values": [value]} for name, value in attributes.items() if value
        ]
        tags = [{"Name": f"tag:{key}", "Values": [value]} for key, value in self.get("tags", {}).items()]
        return named + tags + self.own_filters()

    def own_filters(self) -> list[Values]:
        """The `filters` argument as the API takes it."""
        return [{"Name": item["name"], "Values": item["values"]} for item in self.get("filters", ())]


def given(**values: Any) -> Values:
    """Parameters without those that are None or empty: APIs refuse empty lists."""
    return {name: value for name, value in values.items() if value not in (None, "", [], {})}


def one(found: list[Values], what: str) -> Values:
    """The only item."""
    if not found:
        raise BerthError(f"no matching {what} found", "Change the filters, or create it first.")
    if len(found) > 1:
        raise BerthError(
            f"{len(found)} matching {what}s found; the function answers one",
            "Use additional filters to narrow it down to one.",
        )
    return found[0]


def tags_of(item: Mapping[str, Any]) -> dict[str, str]:
    """An EC2 item's tags, without those that AWS itself sets."""
    return {t["Key"]: t["Value"] for t in item.get("Tags", ()) if not t["Key"].startswith("aws:")}


def text(value: Any) -> str:
    """An attribute as a string; what is absent is empty."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def rename(item: Mapping[str, Any], names: Mapping[str, str], default: Any = "") -> Values:
    """Attributes of an API's answer under the SDK's names: result name → attribute name."""
    return {ours: item.get(theirs, default) for ours, theirs in names.items()}


def unique(values: Iterable[str]) -> list[str]:
    """Each value once, sorted."""
    return sorted(set(values))
