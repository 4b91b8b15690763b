"""What is wrong with a values file, in words: path, reason, and an example that would be right."""

import difflib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

if TYPE_CHECKING:
    from pydantic import BaseModel, JsonValue, ValidationError
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

_REASONS = {
    "missing": "is required",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "tuple_type": "must be a list",
    "string_too_short": "must not be empty",
    "model_type": "must be a group of keys",
    "model_attributes_type": "must be a group of keys",
}
# Text that YAML reads as something else unless it is in quotes.
_LOOKS_OTHERWISE = re.compile(r"[-+.0-9eE]+|true|false|yes|no|on|off|null|~?", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, order=True)
class Problem:
    """One thing to mend in a values file."""

    path: str
    reason: str
    example: str = ""

    def __str__(self) -> str:
        example = f" (for example: {self.example})" if self.example else ""
        return f"{self.path}: {self.reason}{example}"


class ConfigError(Exception):
    """Values that cannot make an environment; its text is all that the user needs to see."""

    def __init__(self, environment: str, problems: list[Problem]) -> None:
        self.environment = environment
        self.problems = sorted(set(problems))
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        lines = [f"environment {environment} (stacks/Pulumi.{environment}.yaml): {count}"]
        super().__init__("\n".join(lines + [f"  {problem}" for problem in self.problems]))


def structured(project: str, values: dict[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """Pulumi hands objects and lists over as JSON text: the values with those read, and what was no JSON."""
    mapping: dict[str, Any] = {}
    problems: list[Problem] = []
    for key, value in values.items():
        mapping[key] = value
        if isinstance(value, str) and value.lstrip()[:1] in {"{", "["}:
            try:
                mapping[key] = json.loads(value, object_pairs_hook=_each_key_once)
            except (ValueError, RecursionError) as error:
                problems.append(Problem(path=f"{project}:{key}", reason=f"is not valid JSON: {error}"))
    return mapping, problems


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        twice = sorted({key for key, _ in pairs if [one for one, _ in pairs].count(key) > 1})
        raise ValueError(f"it names {', '.join(twice)} twice")
    return mapping


def written_by(command: str) -> dict[str, "JsonValue"]:
    """For a field's `json_schema_extra`: the command that writes a missing key; `{}` is the environment."""
    return {"written_by": command}


def describe(
    project: str, model: "type[BaseModel]", environment: str, error: "ValidationError"
) -> list[Problem]:
    """Pydantic's findings as problems with their full paths."""
    return [_problem(project, model, environment, details) for details in error.errors(include_url=False)]


def _problem(project: str, model: "type[BaseModel]", environment: str, details: "ErrorDetails") -> Problem:
    location = details["loc"]
    path = f"{project}:" + ".".join(str(part) for part in location)
    parent, name, field = _find(model, location)
    if details["type"] == "extra_forbidden":
        return _unknown(path, str(location[-1]), parent)
    reason = _reason(details)
    extra = field.json_schema_extra if field is not None else None
    if details["type"] == "missing" and isinstance(extra, dict) and "written_by" in extra:
        reason += f"; `{str(extra['written_by']).format(environment)}` writes it"
    return Problem(path=path.rstrip(":"), reason=reason, example=_example(name, field))


def _reason(details: "ErrorDetails") -> str:
    found = details["input"]
    context = details.get("ctx", {})
    if details["type"] == "missing":
        return _REASONS["missing"]
    reason = _REASONS.get(details["type"])
    match details["type"]:
        case "value_error":
            reason = str(context["error"])
        case "literal_error":
            reason = f"must be {context['expected']}"
        case "greater_than_equal":
            reason = f"must be at least {context['ge']}"
        case "less_than_equal":
            reason = f"must be at most {context['le']}"
        case "greater_than":
            reason = f"must be more than {context['gt']}"
        case "less_than":
            reason = f"must be less than {context['lt']}"
        case "too_long":
            reason = f"may name {context['max_length']} at most"
    reason = reason or details["msg"]
    if details["type"] == "string_type" and isinstance(found, int | float) and not isinstance(found, bool):
        reason += ", in quotes"
    return reason if isinstance(found, dict) else f"{reason}, not {_short(found)}"


def _short(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def _unknown(path: str, key: str, parent: "type[BaseModel] | None") -> Problem:
    known = [name for name in (parent.model_fields if parent else {}) if name != "environment"]
    near = difflib.get_close_matches(key, known, n=1)
    group, _, below = key.partition(".")
    if below and group in known:
        reason = f"is not a known key; {below} belongs below {group}, or use `pulumi config set --path`"
        return Problem(path=path, reason=reason, example=f"{group}: {{{below}: …}}")
    if near:
        return Problem(path=path, reason=f"is not a known key; did you mean {near[0]}?")
    return Problem(path=path, reason=f"is not a known key; known here: {', '.join(sorted(known))}")


def _find(
    model: "type[BaseModel]", location: tuple[int | str, ...]
) -> "tuple[type[BaseModel] | None, str, FieldInfo | None]":
    """The model that a path ends in, and the last field on the way there, by its name, if there is one."""
    parent: type[BaseModel] | None = model
    name, field = "", None
    for part in location:
        if isinstance(part, int) or parent is None:
            continue
        name, field = part, parent.model_fields.get(part)
        if part != location[-1] and field is not None:
            parent = group_of(field.annotation)
    return parent, name, field


def group_of(annotation: Any) -> "type[BaseModel] | None":
    """The model of a group of keys, or of a list's entries; None where a type is neither."""
    candidates = (annotation, *get_args(annotation))
    return next((one for one in candidates if hasattr(one, "model_fields")), None)


def _example(name: str, field: "FieldInfo | None") -> str:
    if field is None or not field.examples:
        return ""
    value = field.examples[0]
    text = value if isinstance(value, str) and not _LOOKS_OTHERWISE.fullmatch(value) else json.dumps(value)
    return f"{name}: {text}"
