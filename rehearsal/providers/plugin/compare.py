"""Where two values differ, path by path."""

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from rehearsal.providers.plugin.model import Change
from rehearsal.providers.plugin.paths import MISSING, Path
from rehearsal.providers.plugin.values import UNKNOWN, Secret


def compare(old: Any, new: Any, path: Path = ()) -> Iterator[tuple[Path, Change]]:
    """Every difference between two inputs, at the deepest path that has one.

    A map or list that is there on one side only is one difference, at its own path.
    """
    old, new = (side.value if isinstance(side, Secret) else side for side in (old, new))
    if _absent(new):
        if not _absent(old):
            yield path, Change("DELETE", input_diff=True)
    elif _absent(old):
        yield path, Change("ADD")
    elif isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from compare(old.get(key, MISSING), new.get(key, MISSING), (*path, key))
    elif isinstance(old, list) and isinstance(new, list):
        for index, (before, after) in enumerate(zip_longest(old, new, fillvalue=MISSING)):
            yield from compare(before, after, (*path, index))
    elif type(old) is not type(new) or old != new or new is UNKNOWN:
        yield path, Change("UPDATE")


def _absent(value: Any) -> bool:
    return value is None or value is MISSING
