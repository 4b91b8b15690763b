"""Inputs as they will be stored: with defaults, an automatic name, the provider's tags; and what is wrong."""

from collections.abc import Iterator, Mapping
from typing import Any

from rehearsal.providers.aws.schema import Schema
from rehearsal.providers.aws.table import Autoname, Type
from rehearsal.providers.aws.validate import Validator
from rehearsal.providers.plugin.model import Autonaming, Call, Checked, Failure, Values
from rehearsal.providers.plugin.paths import Path, format_path
from rehearsal.providers.plugin.seed import suffix
from rehearsal.providers.plugin.values import UNKNOWN, Secret, reveal

DEFAULTED = "__defaults"
"""The original's list, in stored inputs, of properties that got their value here."""
_DIGITS = 7
EVERYWHERE = frozenset({"region", "tags"})


def covered(entry: Type) -> frozenset[str]:
    """Every input that the entry knows what to do with."""
    fixed = {path.partition(".")[0] for path in entry.replace_on}
    return frozenset(entry.update) | fixed | entry.local | EVERYWHERE


def check(
    entry: Type,
    schema: Schema,
    call: Call,
    olds: Values,
    news: Values,
    *,
    seed: bytes,
    autonaming: Autonaming | None,
    default_tags: Mapping[str, str],
) -> Checked:
    """Normalise and validate."""
    validator = Validator(schema)
    inputs = validator.check({key: value for key, value in news.items() if key != DEFAULTED})
    failures = [*validator.failures, *_uncovered(entry, schema, inputs)]
    defaulted = [key for key in entry.defaults if key not in inputs and not _conflicts(entry, key, inputs)]
    inputs = {**inputs, **{key: entry.defaults[key] for key in defaulted}}
    if entry.autoname is not None:
        named = _named(entry.autoname, inputs, olds, logical=call.name, seed=seed, autonaming=autonaming)
        if isinstance(named, Failure):
            failures.append(named)
        elif named:
            inputs = {**inputs, entry.autoname.prop: named}
            defaulted.append(entry.autoname.prop)
    if entry.tags is not None and "tags" in schema["inputs"]:
        inputs = _with_tags(inputs, default_tags)
    if not failures:
        failures += _choices(entry, inputs)
        failures += list(entry.check(inputs)) if entry.check else []
        inputs = entry.normalise(inputs) if entry.normalise else inputs
    return Checked(inputs={**inputs, DEFAULTED: sorted(defaulted)}, failures=failures)


def _uncovered(entry: Type, schema: Schema, inputs: Values) -> Iterator[Failure]:
    known = covered(entry)
    for key, value in inputs.items():
        if key in schema["inputs"] and key not in known and reveal(value) not in (False, "", [], {}):
            yield Failure(key, "is not covered by the stand-in for pulumi-aws (docs/fidelity.md)")


def _conflicts(entry: Type, key: str, inputs: Values) -> bool:
    """A default for `name` where a prefix is given would be one too many."""
    auto = entry.autoname
    return auto is not None and key == auto.prop and auto.prefix in inputs


def _named(
    auto: Autoname, inputs: Values, olds: Values, *, logical: str, seed: bytes, autonaming: Autonaming | None
) -> str | Failure | None:
    """The previous automatic name, or a new one; None where the program gives one."""
    if inputs.get(auto.prop) is not None or (auto.prefix and inputs.get(auto.prefix) is not None):
        return None
    old = reveal(olds.get(auto.prop))
    if auto.prop in (olds.get(DEFAULTED) or []) and isinstance(old, str):
        return old
    if autonaming is not None and autonaming.mode == "DISABLE":
        return Failure(auto.prop, "automatic names are disabled in this project's configuration: give a name")
    if autonaming is not None and autonaming.proposed:
        name = autonaming.proposed
    else:
        name = f"{logical}{auto.separator}{suffix(seed, _DIGITS)}"
    name = (name.lower() if auto.lower else name) + auto.ending
    if len(name) > auto.longest:
        reason = f"the automatic name {name!r} has more than {auto.longest} characters: give a shorter one"
        return Failure(auto.prop, reason)
    return name


def _with_tags(inputs: Values, default_tags: Mapping[str, str]) -> Values:
    """The resource's own tags win. The original stores the union as the resource's tags, too."""
    own = inputs.get("tags")
    if own is UNKNOWN or (isinstance(own, Secret) and own.value is UNKNOWN):
        return inputs
    if isinstance(own, Secret):
        return {**inputs, "tags": Secret({**default_tags, **own.value})}
    merged = {**default_tags, **(own or {})}
    return {**inputs, "tags": merged} if merged else inputs


def _choices(entry: Type, inputs: Values) -> Iterator[Failure]:
    for dotted, allowed in entry.choices.items():
        for path, value in at(inputs, dotted.split(".")):
            if isinstance(value, str) and value not in allowed:
                yield Failure(format_path(path), f"expected one of {', '.join(allowed)}; got {value!r}")


def at(value: Any, parts: list[str], path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value at a dotted path, through all items of lists."""
    if isinstance(value, Secret):
        value = value.value
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from at(item, parts, (*path, index))
    elif not parts:
        yield path, value
    elif isinstance(value, dict) and parts[0] in value:
        yield from at(value[parts[0]], parts[1:], (*path, parts[0]))


def dotted(path: Path) -> str:
    """A path without indices."""
    return ".".join(part for part in path if isinstance(part, str))
