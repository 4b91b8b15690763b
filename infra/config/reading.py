"""From the keys of a values file to an `Environment`, or to every problem that they have."""

import copy
import difflib
from datetime import UTC, datetime
from typing import Any, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from infra.config.aws_vm import AwsVmEnvironment
from infra.config.local import LocalEnvironment
from infra.config.shared import PROJECT, Environment
from infra.problems import ConfigError, Problem, describe, group_of, structured

Location: TypeAlias = tuple[int | str, ...]  # as pydantic says where: ("machine", "count")
AnyEnvironment: TypeAlias = LocalEnvironment | AwsVmEnvironment  # told apart by `target`
_TARGETS: dict[str, type[AnyEnvironment]] = {
    get_args(model.model_fields["target"].annotation)[0]: model for model in get_args(AnyEnvironment)
}


class _AnyTarget(Environment):
    """What can be said of a file whose target is not known."""

    model_config = ConfigDict(extra="ignore")


def parse(environment: str, values: dict[str, Any], now: datetime | None = None) -> AnyEnvironment:
    """The environment that a values file describes.

    values: the keys without `berth:`; each value as Pulumi passes it (text, objects and lists as JSON) or as
    YAML reads it. now: against which lifetimes are judged. Raises ConfigError naming every problem.
    """
    mapping, problems = structured(PROJECT, values)
    unreadable = {problem.path for problem in problems}
    if mapping.pop("environment", None) is not None:
        problems.append(Problem(path=f"{PROJECT}:environment", reason="is the stack's name; leave it out"))
    mapping["environment"] = environment
    model: type[Environment] = _TARGETS.get(str(mapping.get("target", "")), _AnyTarget)
    if model is _AnyTarget:
        problems.append(_unknown_target(mapping))
    parsed, found = _validated(model, mapping, now or datetime.now(UTC))
    problems += [one for one in found if one.path not in unreadable]
    if problems or not isinstance(parsed, LocalEnvironment | AwsVmEnvironment):
        raise ConfigError(environment, problems)
    return parsed


def load(now: datetime | None = None) -> AnyEnvironment:
    """The environment of the running program, from Pulumi's configuration of its stack."""
    import pulumi
    from pulumi.runtime import config

    prefix = f"{pulumi.get_project()}:"
    # pulumi.Config has no way to list its keys, and a key that nobody asks for is a key misspelt.
    everything = {**config.get_config_env(), **config.CONFIG.get()}
    mine = {key.removeprefix(prefix): value for key, value in everything.items() if key.startswith(prefix)}
    strays = _strays([key for key in everything if not key.startswith(prefix)])
    try:
        parsed = parse(pulumi.get_stack(), mine, now)
    except ConfigError as error:
        raise ConfigError(error.environment, error.problems + strays) from None
    if strays:
        raise ConfigError(pulumi.get_stack(), strays)
    return parsed


def _strays(keys: list[str]) -> list[Problem]:
    """Keys under a namespace that is berth's but for a slip; those of providers are not looked at."""
    return [
        Problem(path=key, reason=f"is read by nobody; did you mean {PROJECT}:{key.partition(':')[2]}?")
        for key in keys
        if difflib.get_close_matches(key.partition(":")[0].lower(), [PROJECT], cutoff=0.75)
    ]


def _unknown_target(mapping: dict[str, Any]) -> Problem:
    choices = " or ".join(repr(target) for target in _TARGETS)
    if "target" not in mapping:
        return Problem(path=f"{PROJECT}:target", reason=f"is required: {choices}", example="target: local")
    return Problem(
        path=f"{PROJECT}:target",
        reason=f'must be {choices}, not "{mapping["target"]}"',
        example="target: local",
    )


def _validated(
    model: type[Environment], mapping: dict[str, Any], now: datetime
) -> tuple[Environment | None, list[Problem]]:
    """The environment where all keys are right by themselves, and every problem of keys and of rules."""
    try:
        parsed = model.model_validate(mapping)
    except ValidationError as error:
        problems = describe(PROJECT, model, str(mapping["environment"]), error)
        wrong = [details["loc"] for details in error.errors(include_url=False)]
        mended = _mended(model, mapping, wrong)
        return None, problems + ([] if mended is None else _broken(mended, now, wrong))
    return parsed, _broken(parsed, now, [])


def _mended(model: type[Environment], mapping: dict[str, Any], wrong: list[Location]) -> Environment | None:
    """The environment without what is wrong, or with its example, so that the rules judge all the rest."""
    content = copy.deepcopy(mapping)
    for location in wrong:
        _without(model, content, location)
    try:
        return model.model_validate(content)
    except ValidationError:
        return None


def _without(model: type[BaseModel], content: dict[str, Any], location: Location) -> None:
    """Take away what is at a location; where it is required, put its example there."""
    group: Any = content
    for depth, name in enumerate(location):
        field = model.model_fields.get(str(name))
        below = None if field is None else group_of(field.annotation)
        if depth < len(location) - 1 and below is not None and isinstance(group.get(name), dict):
            group, model = group[name], below
            continue
        group.pop(name, None)
        if field is not None and field.is_required() and field.examples:
            group[name] = field.examples[0]
        return


def _broken(parsed: Environment, now: datetime, wrong: list[Location]) -> list[Problem]:
    """What the rules say that read nothing that is wrong by itself."""
    paths = [".".join(str(part) for part in location) for location in wrong]
    return [
        problem
        for rule in parsed.RULES
        if not any(rule.reads(path) for path in paths)
        for problem in rule.problems(parsed, now)
    ]
