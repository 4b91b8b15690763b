"""Property paths in nested values: as text, and followed."""

import re
from collections.abc import Iterator
from typing import Any

from rehearsal.providers.plugin.values import Secret

Path = tuple[str | int, ...]
MISSING = object()
_SIMPLE_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_PATH_PART = re.compile(
    r'\["((?:[^"\\]|\\.)*)"\]'  # ["quoted key"]
    r"|\[(\d+)\]|\[([^\]]*)\]"  # [index], [key] as the API server writes it
    r"|([^.\[\]]+)"  # key
)


def format_path(path: Path) -> str:
    """Write a property path: `spec.ports[0].port`, `metadata.annotations["a.b/c"]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _SIMPLE_KEY.match(part):
            text += f".{part}" if text else part
        else:
            escaped = part.replace("\\", "\\\\").replace('"', '\\"')
            text += f'["{escaped}"]'
    return text


def parse_path(text: str) -> Path:
    """Read a property path, in Pulumi's form or the API server's (`spec.ports[0].port`, `data[a.b]`)."""
    parts: list[str | int] = []
    for quoted, index, bracketed, plain in _PATH_PART.findall(text):
        if index:
            parts.append(int(index))
        else:
            parts.append(quoted.replace('\\"', '"').replace("\\\\", "\\") if quoted else bracketed or plain)
    return tuple(parts)


def get_path(value: Any, path: Path) -> Any:
    """The value at a path, looking through secrets; MISSING where there is none."""
    for part in path:
        if isinstance(value, Secret):
            value = value.value
        if isinstance(value, dict):
            value = value.get(part, MISSING)
        elif isinstance(value, list) and isinstance(part, int) and 0 <= part < len(value):
            value = value[part]
        else:
            return MISSING
    return value


def under(path: Path, parent: Path) -> bool:
    """Whether a path is the parent or below it."""
    return path[: len(parent)] == parent


def walk(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every leaf with its path; empty maps and lists are leaves."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from walk(item, (*path, key))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from walk(item, (*path, index))
    else:
        yield path, value
