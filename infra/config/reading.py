"""From the keys of a values file to an `Environment`, or to every problem that they have."""

from datetime import UTC, datetime
from typing import Any, TypeAlias, get_args

from pydantic import ConfigDict, ValidationError

from infra.config.aws_vm import AwsVmEnvironment
from infra.config.local import LocalEnvironment
from infra.config.shared import PROJECT, Environment
from infra.problems import ConfigError, Problem, describe, structured

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
    return parse(pulumi.get_stack(), mine, now)


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
        wrong = {str(details["loc"][0]) for details in error.errors(include_url=False) if details["loc"]}
        problems = describe(PROJECT, model, str(mapping["environment"]), error)
        mended = _mended(model, mapping, wrong)
        return None, problems + ([] if mended is None else _broken(mended, now, wrong))
    return parsed, _broken(parsed, now, set())


def _mended(model: type[Environment], mapping: dict[str, Any], wrong: set[str]) -> Environment | None:
    """The environment with examples in place of what is wrong, so that the rules can judge all the rest."""
    fields = model.model_fields
    right = {key: value for key, value in mapping.items() if key not in wrong}
    examples = {key: (fields[key].examples or [None])[0] for key in wrong if key in fields}
    try:
        return model.model_validate(right | examples)
    except ValidationError:
        return None


def _broken(parsed: Environment, now: datetime, wrong: set[str]) -> list[Problem]:
    """What the rules say that read no key that is wrong by itself."""
    return [
        problem for rule in parsed.RULES if not rule.keys & wrong for problem in rule.problems(parsed, now)
    ]
