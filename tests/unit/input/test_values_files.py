"""Malformed values files stop the program before it declares or looks up anything; valid ones run."""

import runpy
from functools import partial
from pathlib import Path
from typing import Any

import components
import pulumi
import pytest
import recorder
import yaml

from infra import config
from infra.config import load
from infra.machine import target
from infra.problems import ConfigError

HERE = Path(__file__).parent
INFRA = HERE.parent / "infra"
GOOD: dict[str, dict[str, Any]] = {
    "local": {
        "target": "local",
        "owner": "ml-team",
        "namespace": "berth-test",
        "registry": {"server": recorder.SERVER},
        "storage": {"bucket": "berth-test", "endpoint_url": "https://s3.example.org"},
    },
    "aws-vm": {
        "target": "aws-vm",
        "owner": "ml-team",
        **recorder.PERSONAL["aws-vm"],
        "network": {"zones": ["us-east-1a", "us-east-1b"]},
        "budget": {"emails": ["ml-team@example.org"]},
    },
}
Case = dict[str, Any]


def cases(file: Path, name: str) -> list[tuple[str, Case]]:
    return [(name, case) for case in yaml.safe_load(file.read_text())]


NEW = cases(HERE / "malformed_local.yaml", "local") + cases(HERE / "malformed_aws_vm.yaml", "aws-vm")
OLD = cases(INFRA / "malformed.yaml", "local") + cases(INFRA / "malformed_aws_vm.yaml", "aws-vm")
VALID = [(case["target"], case) for case in yaml.safe_load((HERE / "valid.yaml").read_text())]


def named(value: object) -> str:
    return value["name"] if isinstance(value, dict) else str(value)


def values_of(name: str, case: Case) -> dict[str, Any]:
    if "only" in case:
        return dict(case["only"])
    return {**GOOD[name], **case["with"]}


def as_engine(values: dict[str, Any]) -> dict[str, str]:
    return {key: recorder.as_text(value) for key, value in values.items()}


def remembered(monkeypatch: pytest.MonkeyPatch) -> list[recorder.Recording]:
    """The recordings that are made from now on, those of programs that fail included."""
    recordings: list[recorder.Recording] = []

    class Remembered(recorder.Recording):
        def __init__(self) -> None:
            super().__init__()
            recordings.append(self)

    monkeypatch.setattr(recorder, "Recording", Remembered)
    return recordings


def test_there_are_as_many_as_promised() -> None:
    assert len(OLD) + len(NEW) >= 100
    assert len(VALID) >= 40
    names = [(target_, case["name"]) for target_, case in [*OLD, *NEW]]
    assert len({*names}) == len(names)


@pytest.mark.parametrize("reads", [dict, as_engine], ids=["as YAML", "as the engine passes it"])
@pytest.mark.parametrize(("name", "case"), NEW, ids=named)
def test_a_malformed_file_is_refused_with_every_problem_and_no_other(
    name: str, case: Case, reads: Any
) -> None:
    with pytest.raises(ConfigError) as caught:
        config.parse(name, reads(values_of(name, case)), recorder.NOW)
    said: dict[str, str] = {}
    for problem in caught.value.problems:
        said[problem.path] = f"{said.get(problem.path, '')} {problem.reason}"
    assert sorted(said) == sorted(case["says"]), str(caught.value)
    if reads is as_engine:
        return  # the engine has made text of numbers and of nothing
    for path, reason in case["says"].items():
        assert reason in said[path], f"{path}: {said[path]}"


@pytest.mark.parametrize(("name", "case"), [*OLD, *NEW], ids=named)
def test_the_program_stops_before_the_first_resource_and_look_up(
    name: str, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors: list[str] = []
    monkeypatch.setattr(pulumi.log, "error", lambda text, *_: errors.append(text))
    monkeypatch.setattr(config, "load", partial(load, recorder.NOW))
    recordings = remembered(monkeypatch)
    values = {f"berth:{key}": value for key, value in as_engine(values_of(name, case)).items()}

    def program() -> None:
        pulumi.runtime.set_all_config(values, [])
        runpy.run_path(str(recorder.CHECKOUT / "stacks" / "__main__.py"), run_name="__main__")

    with pytest.raises(SystemExit) as ended:
        components.declare(program)
    assert ended.value.code == 32, "the language host must know that the user has read what is wrong"
    (recording,) = recordings
    assert (recording.resources, recording.calls) == ([], [])
    (error,) = errors
    for path in case["says"]:
        assert f"  {path}: " in error
    assert "Traceback" not in error
    assert "pydantic" not in error


@pytest.mark.parametrize(("name", "case"), VALID, ids=named)
def test_a_valid_file_is_accepted_and_its_program_runs_through(
    name: str, case: Case, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    values = values_of(name, case)
    parsed = config.parse(name, values, recorder.NOW)
    assert parsed == config.parse(name, as_engine(values), recorder.NOW)
    if isinstance(parsed, config.AwsVmEnvironment):
        target.check_sizes(parsed)
    recording = recorder.record(name, as_engine(values), monkeypatch, tmp_path)
    assert len(recording.resources) > 15
    assert recording.outputs["environment"] == name


def test_keys_that_would_not_fit_are_refused_before_anything_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    values = {**GOOD["aws-vm"], "access": {"kind": "bastion"}, "ssh_public_keys": recorder.keys(20)}
    recordings = remembered(monkeypatch)
    with pytest.raises(ConfigError, match="EC2 takes 16384"):
        recorder.record("aws-vm", values, monkeypatch, tmp_path)
    assert recordings[0].resources == recordings[0].calls == []


def test_json_without_end_is_no_bug() -> None:
    with pytest.raises(ConfigError, match="berth:training: is not valid JSON"):
        config.parse("local", {**GOOD["local"], "training": "[" * 200_000}, recorder.NOW)


@pytest.mark.parametrize("key", ["bert:owner", "Berth:owner", "brth:owner"])
def test_a_key_of_a_misspelt_project_is_not_passed_over(key: str) -> None:
    good = {f"berth:{name}": value for name, value in as_engine(GOOD["local"]).items()}

    def program() -> None:
        pulumi.runtime.set_all_config({**good, key: "me", "aws:region": "x", "kubernetes:context": "y"}, [])
        load(recorder.NOW)

    with pytest.raises(ConfigError) as caught:
        components.declare(program)
    (problem,) = caught.value.problems
    assert str(problem) == f"{key}: is read by nobody; did you mean berth:owner?"


def test_every_example_in_a_message_is_yaml_that_is_read_as_it_is_meant() -> None:
    """`driver: 580` would be a number, and refused again."""
    values = {
        **GOOD["aws-vm"],
        "machine": {"image": {"owner": 1, "pin": 1}, "software": {"cuda": 1, "torch": 1}},
    }
    with pytest.raises(ConfigError) as caught:
        config.parse("aws-vm", values, recorder.NOW)
    examples = [yaml.safe_load(problem.example) for problem in caught.value.problems]
    assert len(examples) == 4
    assert all(isinstance(value, str) for example in examples for value in example.values()), examples
