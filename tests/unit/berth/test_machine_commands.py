"""The commands about a machine, as typed."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from rehearsal.paths import Paths
from scripts.berth import machine_commands
from scripts.berth.aws import connect
from scripts.berth.place import Place

BERTH = [sys.executable, "-m", "scripts.berth"]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> "list[tuple[str, list[str], str]]":
    """What `ssh` is asked to do: role, command, instance."""
    asked: list[tuple[str, list[str], str]] = []

    def ssh(_: Place, env: str, role: str, command: list[str], instance: str) -> None:
        assert env == "aws-vm"
        asked.append((role, command, instance))

    monkeypatch.setattr(connect, "ssh", ssh)
    return asked


def invoke(tmp_path: Path, *words: str) -> None:
    app = typer.Typer()
    place = Place(engine="", environ={}, project=tmp_path, rehearsed=False, values=tmp_path)
    machine_commands.register(app, lambda _: place)
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    ("words", "role", "command"),
    [
        ([], "machine", []),
        (["bastion"], "bastion", []),
        (["machine"], "machine", []),
        (["--", "nvidia-smi", "-L"], "machine", ["nvidia-smi", "-L"]),
        (["bastion", "--", "ls", "-l"], "bastion", ["ls", "-l"]),
        (["machine", "--", "echo", "--instance", "x"], "machine", ["echo", "--instance", "x"]),
        (["uptime"], "machine", ["uptime"]),
    ],
)
def test_the_words_after_the_environment(
    tmp_path: Path,
    typed: "list[tuple[str, list[str], str]]",
    words: list[str],
    role: str,
    command: list[str],
) -> None:
    invoke(tmp_path, "ssh", "aws-vm", *words)
    assert typed == [(role, command, "")]


def test_an_instance_can_be_chosen(tmp_path: Path, typed: "list[tuple[str, list[str], str]]") -> None:
    invoke(tmp_path, "ssh", "aws-vm", "--instance", "i-1", "--", "true")
    assert typed == [("machine", ["true"], "i-1")]


def berth(*words: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*BERTH, *words], capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_commands_of_a_machine_need_an_environment_that_has_one(
    where: Paths, no_account: None, fake_pulumi: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{fake_pulumi.parent}:/usr/bin:/bin")
    monkeypatch.setenv("PULUMI_BACKEND_URL", "file:///elsewhere")
    for words in (["ssh"], ["ssh-config"], ["snapshot"], ["forward"]):
        done = berth(words[0], "local", *(["predict"] if words == ["forward"] else []))
        assert done.returncode == 1
        assert "local has no machine: its target is local" in done.stderr
    assert "there is no environment 'nope'" in berth("ssh", "nope").stderr
    done = berth("forward", "aws-vm", "tensorboard")
    assert done.returncode == 2
    assert "tensorboard" in done.stderr


def test_the_same_commands_are_there_inside_the_rehearsal(where: Paths, no_account: None) -> None:
    for words in (
        ["ssh", "aws-vm"],
        ["ssh-config", "aws-vm"],
        ["forward", "aws-vm", "predict"],
        ["access", "refresh", "aws-vm"],
        ["extend", "aws-vm", "8h"],
        ["snapshot", "aws-vm"],
        ["verify", "aws-vm"],
        ["interrupt"],
    ):
        done = berth("rehearse", *words)
        assert "no rehearsal on this machine" in done.stderr, words
        assert "berth rehearse up aws-vm" in done.stderr
        assert done.returncode == 1
