"""The part of kubectl's JSONPath that waits need: fields, quoted fields, indexes, `[*]`, filters on a field.

Refuses slices, recursive descent, unions and functions: a condition that needs them is better written as two.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from rehearsal.errors import BerthError

_PART = re.compile(
    r"""\.(?P<field>(?:[\w-]|\\.)+)
    |\[\s*(?P<index>-?\d+)\s*\]
    |\[\s*(?P<quote>['"])(?P<quoted>.*?)(?P=quote)\s*\]
    |(?:\.\*|\[\s*\*\s*\])(?P<every>)
    |\[\?\(\s*@(?P<left>(?:\.(?:[\w-]|\\.)+)+)\s*(?P<operator>==|!=)\s*(?P<right>"[^"]*"|'[^']*'|[\w.+-]+)\s*\)\]
    """,
    re.VERBOSE,
)


class JsonPathError(BerthError):
    """An expression outside the supported part of the language."""

    def __init__(self, expression: str, rest: str) -> None:
        super().__init__(
            f"the JSONPath {expression!r} is not understood from {rest!r} on",
            "Supported: .field, ['field'], [0], [-1], [*], [?(@.type==\"Ready\")]; "
            'for example {.status.conditions[?(@.type=="Ready")].status}.',
        )


def find(expression: str, document: Any) -> list[Any]:
    """Every value that an expression such as `{.status.phase}` names; none where the path is absent.

    Raises:
        JsonPathError: the expression is not understood.
    """
    values = [document]
    for match in parse(expression):
        values = [found for value in values for found in _step(match, value)]
    return values


def parse(expression: str) -> list[re.Match[str]]:
    """The steps of an expression; braces around it and a dot in front of it may be left out."""
    text = expression.strip()
    if text.startswith("{") and text.endswith("}"):
        text = text[1:-1].strip()
    text = text.removeprefix("$")
    if text and text[0] not in ".[":
        text = f".{text}"
    steps, position = [], 0
    while position < len(text):
        match = _PART.match(text, position)
        if match is None:
            raise JsonPathError(expression, text[position:])
        steps.append(match)
        position = match.end()
    return steps


def _step(match: re.Match[str], value: Any) -> list[Any]:
    if match["every"] is not None:
        return list(value.values()) if isinstance(value, Mapping) else list(value or [])
    if match["index"] is not None:
        index = int(match["index"])
        inside = isinstance(value, list) and -len(value) <= index < len(value)
        return [value[index]] if inside else []
    if match["left"] is not None:
        return [item for item in value if _passes(match, item)] if isinstance(value, list) else []
    name = match["quoted"] if match["quoted"] is not None else match["field"].replace("\\", "")
    return [value[name]] if isinstance(value, Mapping) and name in value else []


def _passes(match: re.Match[str], item: Any) -> bool:
    right = match["right"]
    wanted = right[1:-1] if right[0] in "\"'" else right
    found = [as_text(value) for value in find(match["left"], item)]
    return (wanted in found) if match["operator"] == "==" else bool(found) and wanted not in found


def as_text(value: Any) -> str:
    """A value as kubectl prints it."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
