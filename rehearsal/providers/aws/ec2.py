"""Small helpers that EC2's types share."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rehearsal.providers.aws.api import Api
from rehearsal.providers.aws.errors import AwsError
from rehearsal.providers.aws.tagging import as_filters
from rehearsal.providers.plugin.model import Values


def where(**names: Any) -> list[dict[str, Any]]:
    """Filters: `where(vpc_id="vpc-1", state=["pending", "available"])`; None is left out."""
    return [
        {
            "Name": name.replace("__", ".").replace("_", "-"),
            "Values": value if isinstance(value, list) else [value],
        }
        for name, value in names.items()
        if value is not None
    ]


def finder(
    operation: str,
    result: str,
    key: str,
    filters: Callable[[Values], Iterable[Mapping[str, Any]]],
    *,
    name: str = "",
) -> Callable[[Api, Values], list[str]]:
    """A `find`: ids of what has the filtered attributes and all the tags. name: the filter parameter's."""

    def find(api: Api, new: Values) -> list[str]:
        asked = [*filters(new), *as_filters(new.get("tags"))]
        return [str(item[key]) for item in api.all(operation, result, **{name or "Filters": asked})]

    return find


def all_done(service: str, operation: str, answer: Mapping[str, Any]) -> None:
    """Raise the first refusal of an operation that answers for each thing by itself."""
    for failed in answer.get("Unsuccessful") or ():
        error = failed.get("Error") or {}
        raise AwsError(service, operation, str(error.get("Code")), str(error.get("Message")), status=400)


def added(old: Iterable[Any] | None, new: Iterable[Any] | None) -> list[Any] | None:
    """What is in the new list only; None when nothing is, so that the parameter is left out."""
    before = list(old or ())
    return [item for item in new or () if item not in before] or None
