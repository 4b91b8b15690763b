"""The rules of a values file, and what is said when they are broken."""

from pathlib import Path
from typing import Any

import pytest
import recorder
import yaml

from infra import config
from infra.problems import ConfigError

CASES = yaml.safe_load((Path(__file__).parent / "malformed.yaml").read_text())
GOOD: dict[str, Any] = {
    "target": "local",
    "owner": "ml-team",
    "namespace": "berth-test",
    "registry": {"server": "registry.example.org:5000"},
    "storage": {"bucket": "berth-test", "endpoint_url": "https://s3.example.org"},
}
ENVIRONMENTS = sorted(path.suffixes[0][1:] for path in (recorder.CHECKOUT / "stacks").glob("Pulumi.*.yaml"))


def refused(values: dict[str, Any]) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        config.parse("local", values)
    return caught.value


def changed(case: dict[str, Any]) -> dict[str, Any]:
    if "only" in case:
        return dict(case["only"])
    merged = {**GOOD, **case["with"]}
    return {key: value for key, value in merged.items() if value is not None}


@pytest.mark.parametrize("as_engine", [False, True], ids=["as YAML", "as the engine passes it"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_malformed_file_is_refused_with_every_problem_and_no_other(
    case: dict[str, Any], *, as_engine: bool
) -> None:
    values = changed(case)
    error = refused({key: recorder.as_text(one) for key, one in values.items()} if as_engine else values)
    said = {problem.path: problem.reason for problem in error.problems}
    assert sorted(said) == sorted(case["says"]), str(error)
    for path, reason in case["says"].items():
        assert reason in said[path], f"{path}: {said[path]}"


def test_every_problem_is_in_the_text_with_an_example() -> None:
    error = refused({**GOOD, "gpus": "two", "training": {"epochs": 0}})
    assert str(error) == (
        "environment local (stacks/Pulumi.local.yaml): 2 problems\n"
        '  berth:gpus: must be a whole number, not "two" (for example: gpus: 0)\n'
        "  berth:training.epochs: must be at least 1, not 0 (for example: epochs: 40)"
    )


def test_a_long_wrong_value_is_cut() -> None:
    assert len(str(refused({**GOOD, "gpus": "x" * 500}))) < 250


def fields(model: type[Any], path: str = "") -> list[tuple[str, Any]]:
    """Every field of a model and the models in it, with its path."""
    found = []
    for name, field in model.model_fields.items():
        found.append((f"{path}{name}", field))
        if hasattr(field.annotation, "model_fields"):
            found += fields(field.annotation, f"{path}{name}.")
    return found


@pytest.mark.parametrize(
    ("path", "field"),
    [(path, field) for path, field in fields(config.LocalEnvironment) if path != "environment"],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_key_has_an_example_that_is_valid(path: str, field: Any) -> None:
    assert field.examples, f"{path} has no example"
    values: dict[str, Any] = dict(GOOD)
    head, *rest = path.split(".")
    nested: Any = field.examples[0]
    for name in reversed(rest):
        nested = {name: nested}
    base = {
        "registry": GOOD["registry"],
        "storage": GOOD["storage"],
        "training": {"resources": {"cpu": "100m", "cpu_limit": "2", "memory": "1Gi"}},
        "inference": {"resources": {"cpu": "100m", "cpu_limit": "2", "memory": "512Mi"}},
    }.get(head, {})
    if isinstance(nested, dict):
        if "resources" in nested:
            nested = {"resources": {**base.get("resources", {}), **nested["resources"]}}
        nested = {**base, **nested}
    values[head] = nested
    config.parse("local", values)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_committed_values_are_valid(environment: str) -> None:
    parsed = config.parse(environment, recorder.values_of(environment), recorder.NOW)
    assert parsed.environment == environment


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_committed_values_hold_values_only(environment: str) -> None:
    content = yaml.safe_load((recorder.CHECKOUT / "stacks" / f"Pulumi.{environment}.yaml").read_text())
    assert list(content) == ["config"], "a secrets provider or a salt belongs to one user's stack"
    assert all(key.startswith("berth:") for key in content["config"])


def test_the_engines_text_and_yaml_make_the_same_environment() -> None:
    values = {**GOOD, "gpus": 2, "training": {"epochs": 3, "learning_rate": 0.01}}
    as_text = {key: recorder.as_text(one) for key, one in values.items()}
    assert config.parse("test", values) == config.parse("test", as_text)


def test_a_number_of_cores_may_be_written_as_a_number() -> None:
    resources = {"cpu": 0.5, "cpu_limit": 2, "memory": "1Gi"}
    parsed = config.parse("test", {**GOOD, "training": {"resources": resources}})
    assert (parsed.training.resources.cpu, parsed.training.resources.cpu_limit) == ("0.5", "2")


def test_an_environment_does_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        config.parse("test", GOOD).owner = "someone-else"  # type: ignore[misc]


def test_the_projects_schema_agrees_with_the_model() -> None:
    project = yaml.safe_load((recorder.CHECKOUT / "Pulumi.yaml").read_text())
    for key, declared in project["config"].items():
        field = config.LocalEnvironment.model_fields[key]
        assert list(declared) == ["description", "type", "default"], f"{key}: in this order"
        assert declared["default"] == field.default, f"{key} has one default"
        assert declared["type"] == "string", f"{key}: the engine would stop at the first ill-typed one"


def test_the_project_is_what_the_engine_expects() -> None:
    project = yaml.safe_load((recorder.CHECKOUT / "Pulumi.yaml").read_text())
    assert project["name"] == config.PROJECT
    assert project["runtime"] == {"name": "python", "options": {"toolchain": "pip", "virtualenv": ".venv"}}
    assert (project["main"], project["stackConfigDir"]) == ("stacks", "stacks")
