"""A property's value in a few words: by its path, short, with nothing that is secret. Pure."""

import json
import re
from collections.abc import Mapping
from typing import Any

from infra.spend.estimates.lines import UNKNOWN

LONGEST = 60
AFTER_UP = "known after up"
# The key that marks a secret, an asset or an output that the engine wraps.
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_PART = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.\[\]]+)')
_MISSING = object()


def at(props: Mapping[str, Any], path: str) -> str:
    """The value at a path such as `overrides[0].instanceType` or `tags["berth:owner"]`; empty: none there."""
    value: Any = props
    for quoted, index, plain in _PART.findall(path):
        if isinstance(value, Mapping) and _SIGNATURE not in value:
            value = value.get(quoted or plain, _MISSING)
        elif isinstance(value, list) and index and int(index) < len(value):
            value = value[int(index)]
        else:
            # Whatever is below a secret, or below what is not known yet, is so too.
            return shown(value) if _hidden(value) else ""
    return "" if value is _MISSING or value is None else shown(value)


def shown(value: Any) -> str:
    """A value in at most LONGEST characters."""
    if value == UNKNOWN:
        return AFTER_UP
    if _hidden(value):
        return "[secret]"
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    text = " ".join(text.split()).replace(UNKNOWN, f"({AFTER_UP})")
    # A value may come from anybody, and a terminal obeys control characters.
    text = "".join(mark for mark in text if mark.isprintable())
    if _SIGNATURE in text:
        return f"({len(text):,} characters, parts of them secret)"
    if len(text) <= LONGEST:
        return text
    return f"({len(text):,} characters)" if " " not in text else f"{text[: LONGEST - 1]}…"


def _hidden(value: Any) -> bool:
    return value == UNKNOWN or (isinstance(value, Mapping) and _SIGNATURE in value)
