"""JSON documents in properties: policies, mostly. They are stored as text and compared by what they mean."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from rehearsal.providers.plugin.model import Values
from rehearsal.providers.plugin.values import Secret, has_unknown, reveal


def same_json(one: Any, other: Any) -> bool:
    """Whether two documents mean the same: order, spaces, and a list of one for its item do not matter.

    What is no JSON is compared as it is.
    """
    try:
        return bool(_canonical(_parsed(one)) == _canonical(_parsed(other)))
    except ValueError:
        return bool(one == other)


def _parsed(document: Any) -> Any:
    return json.loads(document) if isinstance(document, str) else document


def _canonical(value: Any) -> Any:
    """A form that is equal for policies that AWS treats alike.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
    """
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in value.items()}
    if isinstance(value, list):
        items = sorted({json.dumps(_canonical(item), sort_keys=True) for item in value})
        return json.loads(items[0]) if len(items) == 1 else items
    return str(value).lower() if isinstance(value, bool) else value


def kept(known: Any, found: Any) -> str:
    """The text of a document that AWS has: as it was stored, while it means the same."""
    if known and same_json(known, found):
        return str(known) if isinstance(known, str) else json.dumps(known)
    return found if isinstance(found, str) else json.dumps(found)


def texts(*props: str) -> Callable[[Values], Values]:
    """A `normalise` that turns documents given as objects into text, as pulumi-aws does."""

    def normalise(values: Values) -> Values:
        return {key: _text(value) if key in props else value for key, value in values.items()}

    return normalise


def _text(value: Any) -> Any:
    bare = value.value if isinstance(value, Secret) else value
    if not isinstance(bare, dict | list) or has_unknown(bare):
        return value
    text = json.dumps(reveal(bare))
    return Secret(text) if isinstance(value, Secret) else text


def present(values: Values, names: Iterable[str]) -> Values:
    """The named values that are not None."""
    return {name: values[name] for name in names if values.get(name) is not None}
