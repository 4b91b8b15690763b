"""What a person sees of a program that cannot start: the message once, and no traceback."""

import runpy
from typing import Any

import pulumi
import pytest
import recorder

from infra import config
from infra.asking import LookUpError
from infra.problems import ConfigError, Problem

SAID_SO = 32  # https://github.com/pulumi/pulumi/blob/master/sdk/python/cmd/pulumi-language-python-exec


def run(monkeypatch: pytest.MonkeyPatch, load: Any) -> list[str]:
    """Run the program as the language host does; what it said to the engine."""
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "error", said.append)
    monkeypatch.setattr(config, "load", load)
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(recorder.CHECKOUT / "stacks"), run_name="__main__")
    assert ended.value.code == SAID_SO, "any other status makes the engine add a message of its own"
    return said


def test_wrong_values_are_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    problems = [
        Problem(path="berth:gpus", reason="must be a whole number"),
        Problem(path="berth:x", reason="no"),
    ]
    error = ConfigError("local", problems)

    def load() -> Any:
        raise error

    assert run(monkeypatch, load) == [str(error)]


def test_a_cloud_that_cannot_be_asked_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def load() -> Any:
        raise LookUpError("the AWS account cannot be looked up: no credentials")

    assert run(monkeypatch, load) == ["the AWS account cannot be looked up: no credentials"]


def test_a_mistake_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def load() -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(config, "load", load)
    with pytest.raises(ZeroDivisionError):
        runpy.run_path(str(recorder.CHECKOUT / "stacks"), run_name="__main__")
