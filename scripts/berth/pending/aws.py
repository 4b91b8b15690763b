"""Finds in an AWS account what a killed engine was creating: carries out the table of types."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rehearsal.errors import BerthError
from scripts.berth.aws import clients
from scripts.berth.pending.aws_types import LOOKUPS, REPEATABLE, Inputs, Lookup, Row
from scripts.berth.place import Place

READY_SECONDS = 900.0
PAUSE_SECONDS = 3.0
UNDER_WAY = {"pending", "create-in-progress", "modify-in-progress", "initializing"}
ENDED = {"deleted", "deleting", "failed", "terminated", "shutting-down", "rejected", "expired"} | {
    "create-failed",
    "delete-in-progress",
    "delete-complete",
    "delete-failed",
}
"""Values of a resource's State: it comes, and it is gone or never comes."""
_TIMES = ("LaunchTime", "CreateTime", "CreateDate", "CreatedTime", "CreationTime", "CreationTimestamp")
Say = Callable[[str], None]


@dataclass(frozen=True)
class _Found:
    id: str
    state: str
    created: datetime


def covers(kind: str) -> bool:
    """Whether the table says what to do about a type."""
    return kind in LOOKUPS or kind in REPEATABLE


def live(place: Place, resource: Inputs, provider: Inputs, *, known: set[str], say: Say) -> str | None:
    """The id of what the create of a resource has made, once it is ready; None where it has made nothing.

    resource: as the engine noted it with the pending operation. provider: inputs of the provider resource.
    known: ids that other resources of this type in the state have.

    Raises:
        BerthError: AWS does not say, or what it is making does not become ready.
    """
    kind, inputs = str(resource["type"]), resource.get("inputs") or {}
    lookup = LOOKUPS.get(kind)
    if lookup is None:
        return None
    region = str(inputs.get("region") or provider.get("region") or place.environ.get("AWS_REGION") or "")
    client = clients.client(place, lookup.service, region or "us-east-1")
    asked = _asked(place, lookup, inputs, region or "us-east-1")
    until = time.monotonic() + READY_SECONDS
    while True:
        with clients.asking(f"what a killed command made ({kind})"):
            found = [one for one in _rows(client, lookup, asked) if one.id not in known]
        if not found:
            return None
        chosen = max(found, key=lambda one: one.created)
        if len(found) > 1:
            others = ", ".join(sorted(one.id for one in found if one is not chosen))
            say(f"{kind}: {chosen.id} is taken for what was being created; the same are {others}")
        if chosen.state not in UNDER_WAY:
            if lookup.finish is not None:
                with clients.asking(f"what is missing of {chosen.id}"):
                    lookup.finish(client, inputs, chosen.id)
            return chosen.id
        if time.monotonic() >= until:
            raise BerthError(
                f"{chosen.id} ({kind}), which a killed command was creating, is still {chosen.state}",
                "Run the command again when AWS has finished it.",
            )
        say(f"waiting for {chosen.id}, which is {chosen.state}")
        time.sleep(PAUSE_SECONDS)


def _asked(place: Place, lookup: Lookup, inputs: Inputs, region: str) -> Inputs:
    """The inputs, with the account's id where the lookup needs it."""
    if "=account" not in lookup.params.values():
        return inputs
    with clients.asking("the account's id"):
        account = clients.client(place, "sts", region).get_caller_identity()["Account"]
    return {**inputs, "=account": account}


def _rows(client: Any, lookup: Lookup, inputs: Inputs) -> Iterator[_Found]:
    """What matches, unless it is gone."""
    for row in _listed(client, lookup, _parameters(lookup, inputs)):
        state = _state(row)
        if state in ENDED or not _matches(client, lookup, inputs, row):
            continue
        identity = lookup.id(inputs, row) if callable(lookup.id) else row.get(lookup.id)
        if identity:
            yield _Found(str(identity), state, _created(row))


def _parameters(lookup: Lookup, inputs: Inputs) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    for name, prop in lookup.params.items():
        if inputs.get(prop) is not None:
            value = inputs[prop]
            parameters[name.removesuffix("[]")] = [value] if name.endswith("[]") else value
    filters = [
        {"Name": name, "Values": [str(inputs[prop])]}
        for name, prop in lookup.filters.items()
        if inputs.get(prop) is not None
    ]
    if filters:
        parameters[lookup.filter_parameter] = filters
    return parameters


def _listed(client: Any, lookup: Lookup, parameters: Mapping[str, Any]) -> Iterator[Row]:
    """Every row of every page; none where AWS says that there is no such thing."""
    from botocore.exceptions import ClientError

    outer, _, inner = lookup.at.partition("[].")
    try:
        if client.can_paginate(lookup.operation) and lookup.at:
            pages = client.get_paginator(lookup.operation).paginate(**parameters)
        else:
            pages = [getattr(client, lookup.operation)(**parameters)]
        for page in pages:
            content = page.get(outer) if outer else page
            for entry in content if isinstance(content, list) else [content] if content else []:
                yield from entry.get(inner) or () if inner else (entry,)
    except ClientError as error:
        code = clients.code_of(error)
        if "NotFound" not in code and not code.startswith("NoSuch"):
            raise


def _matches(client: Any, lookup: Lookup, inputs: Inputs, row: Row) -> bool:
    for path, prop in lookup.same.items():
        if inputs.get(prop) is not None and _at(row, path) != inputs[prop]:
            return False
    if any(_at(row, path) != value for path, value in lookup.fixed.items()):
        return False
    if not lookup.tagged:
        return True
    wanted = _wanted_tags(inputs)
    own = lookup.own_tags
    has = _tags(_own_tags(client, own, row) if own is not None else row.get(lookup.tagged))
    if not has and lookup.untagged is not None:
        return lookup.untagged(client, row)
    return wanted.items() <= has.items()


def _own_tags(client: Any, call: tuple[str, str, str, str], row: Row) -> Any:
    from botocore.exceptions import ClientError

    operation, parameter, field, answer = call
    try:
        return getattr(client, operation)(**{parameter: row[field]}).get(answer)
    except ClientError as error:
        if clients.code_of(error) == "NoSuchTagSet":
            return []
        raise


def _wanted_tags(inputs: Inputs) -> dict[str, str]:
    """Of the inputs; a scaling group has a list of them."""
    tags = inputs.get("tags")
    if isinstance(tags, Mapping):
        return {str(key): str(value) for key, value in tags.items()}
    return {str(tag["key"]): str(tag["value"]) for tag in tags or ()}


def _tags(tags: Any) -> dict[str, str]:
    """Of an answer, whose keys are written in either case."""
    found = [{key.lower(): value for key, value in tag.items()} for tag in tags or ()]
    return {str(tag["key"]): str(tag.get("value") or "") for tag in found}


def _state(row: Row) -> str:
    state = row.get("State") or row.get("Status") or ""
    name = state.get("Name") or state.get("Code") if isinstance(state, Mapping) else state
    return str(name).lower()


def _created(row: Row) -> datetime:
    """When it was made; long ago where AWS does not say."""
    for name in _TIMES:
        if isinstance(row.get(name), datetime):
            moment: datetime = row[name]
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return datetime.min.replace(tzinfo=UTC)


def _at(row: Row, path: str) -> Any:
    value: Any = row
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
