"""What the additions remember beside moto's models: named tables, emptied together with moto."""

from typing import Any

_TABLES: dict[str, dict[str, Any]] = {}


def table(name: str) -> dict[str, Any]:
    """A table, empty at first; hold the account's turn while using it."""
    return _TABLES.setdefault(name, {})


def clear() -> None:
    """Empty all tables."""
    for rows in _TABLES.values():
        rows.clear()
