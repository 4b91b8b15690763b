"""Edits an environment's values file as a person would: one key, with the comments and the order kept.

An account's file is the checkout's; a rehearsal's is its own copy, so that the checkout is never written.
"""

import copy
import difflib
import json
import re
from pathlib import Path
from typing import Any

from rehearsal.errors import BerthError
from scripts.berth.place import Place

PREFIX = "berth:"


def file_of(place: Place, env: str) -> Path:
    """The values file that `pulumi` reads here."""
    return place.values / f"Pulumi.{env}.yaml"


def is_known(place: Place, env: str) -> bool:
    """Whether an environment has a values file or a stack here."""
    return file_of(place, env).is_file() or place.has_stack(env)


def read(file: Path) -> dict[str, Any]:
    """The configuration, keys without `berth:`.

    Raises:
        BerthError: the file is missing or no YAML.
    """
    config = _parsed(file, _text(file)).get("config") or {}
    return {str(key).removeprefix(PREFIX): value for key, value in config.items()}


def write(file: Path, path: tuple[str, ...], value: object) -> list[str]:
    """Set one value, such as ("machine", "image"); returns the changed lines, marked with + and -.

    Raises:
        BerthError: the file is laid out in a way that this cannot edit; the hint says what to write.
    """
    before = _text(file)
    keys = (PREFIX + path[0], *path[1:])
    after = edited(before, keys, value)
    wanted = _with(_parsed(file, before), keys, value)
    if not _says(after, wanted):
        raise BerthError(
            f"{file} is laid out in a way that berth cannot edit without touching the rest",
            f"Write it yourself, below `config:`:\n{chr(10).join(_render(keys, value, 2))}",
        )
    if after != before:
        partial = file.with_name(f".{file.name}.partial")
        partial.write_text(after)
        partial.chmod(file.stat().st_mode & 0o777)
        partial.replace(file)
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in lines if line[:1] in "+-" and line[:3] not in {"+++", "---"}]


def edited(text: str, keys: tuple[str, ...], value: object) -> str:
    """The text with the value at `config:` and these keys; pure."""
    lines = re.sub(r"^config: *\{ *\} *$", "config:", text, flags=re.MULTILINE).splitlines()
    if not any(re.match(r"config: *(#.*)?$", line) for line in lines):
        lines.append("config:")
    start = next(n for n, line in enumerate(lines) if re.match(r"config: *(#.*)?$", line))
    first, last = start + 1, _end(lines, start)
    indent = _indent_below(lines, first, last, 2)
    for depth, key in enumerate(keys):
        at = _find(lines, first, last, indent, key)
        if at is None:
            lines[last:last] = _render(keys[depth:], value, indent)
            break
        if depth == len(keys) - 1:
            lines[at : _end(lines, at)] = _render((key,), value, indent, comment=_comment(lines[at]))
            break
        first, last = at + 1, _end(lines, at)
        indent = _indent_below(lines, first, last, indent + 2)
    return "\n".join(lines) + "\n"


def _end(lines: list[str], at: int) -> int:
    """The line after the block that begins at a line; comments and blank lines after it are not its own."""
    indent, end = _indent(lines[at]), at + 1
    for number in range(at + 1, len(lines)):
        line = lines[number]
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        item = line.lstrip().startswith("- ") and _indent(line) == indent
        if _indent(line) <= indent and not item:
            break
        end = number + 1
    return end


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _indent_below(lines: list[str], first: int, last: int, otherwise: int) -> int:
    for line in lines[first:last]:
        if line.strip() and not line.lstrip().startswith("#"):
            return _indent(line)
    return otherwise


def _find(lines: list[str], first: int, last: int, indent: int, key: str) -> int | None:
    begins = re.compile(rf" {{{indent}}}(['\"]?){re.escape(key)}\1:(\s|$)")
    return next((n for n in range(first, last) if begins.match(lines[n])), None)


def _comment(line: str) -> str:
    found = re.search(r"\s+#[^'\"]*$", line)
    return found[0] if found else ""


def _render(keys: tuple[str, ...], value: object, indent: int, *, comment: str = "") -> list[str]:
    lines = [f"{' ' * (indent + 2 * depth)}{key}:" for depth, key in enumerate(keys)]
    inner = indent + 2 * len(keys)
    if isinstance(value, dict):
        lines[-1] += comment
        return lines + [f"{' ' * inner}{key}: {json.dumps(item)}" for key, item in value.items()]
    if isinstance(value, list):
        lines[-1] += comment
        return lines + [f"{' ' * inner}- {json.dumps(item)}" for item in value]
    lines[-1] += f" {json.dumps(value)}{comment}"
    return lines


def _with(values: dict[str, Any], keys: tuple[str, ...], value: object) -> dict[str, Any]:
    changed = copy.deepcopy(values)
    inner = changed.setdefault("config", {}) or changed.update(config={}) or changed["config"]
    for key in keys[:-1]:
        if not isinstance(inner.get(key), dict):
            inner[key] = {}
        inner = inner[key]
    inner[keys[-1]] = value
    return changed


def _says(text: str, wanted: dict[str, Any]) -> bool:
    import yaml

    try:
        return bool(yaml.safe_load(text) == wanted)
    except yaml.YAMLError:
        return False


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except OSError as reason:
        raise BerthError(f"{file} cannot be read: {reason.strerror}") from None
    except UnicodeDecodeError as reason:
        raise BerthError(f"{file} is no text: {reason}", "Values files are UTF-8.") from None


def _parsed(file: Path, text: str) -> dict[str, Any]:
    import yaml

    try:
        values = yaml.safe_load(text) or {}
    except yaml.YAMLError as reason:
        raise BerthError(f"{file} is no YAML: {reason}", "Mend it by hand.") from None
    if not isinstance(values, dict) or not isinstance(values.get("config") or {}, dict):
        raise BerthError(f"{file} is no mapping", "It needs a `config:` with the values below it.")
    return values
