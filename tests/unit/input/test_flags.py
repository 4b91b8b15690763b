"""Flags and arguments that cannot be meant: refused in words, before anything is asked or changed."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from rehearsal.workspace import environments
from scripts.berth.__main__ import app

Berth = Callable[..., Any]
# What a command needs to be understood at all, where that is more than an environment.
NEEDS = {
    "doctor": [],
    "prices": ["T4"],
    "plan": ["aws-vm", "--work", "1h", "--deadline", "2h"],
    "forward": ["aws-vm", "predict"],
    "extend": ["aws-vm", "8h"],
}


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    for name, one in group.commands.items():
        if hasattr(one, "commands"):
            yield from commands(one, (*path, name))
        else:
            yield " ".join((*path, name)), one


COMMANDS = dict(commands(typer.main.get_command(app)))
OPTIONS = [
    (command, option.opts[0], option)
    for command, one in COMMANDS.items()
    for option in one.params
    if option.param_type_name == "option" and (option.min, option.max) != (None, None)
]
# leaks and reap also look for environments that no values file names any more.
WITH_ENV = [
    name
    for name, one in COMMANDS.items()
    if any(param.name == "env" for param in one.params) and not name.endswith(("leaks", "reap"))
]


def words(command: str, *more: str) -> list[str]:
    return [*command.split(), *NEEDS.get(command.rpartition(" ")[2], ["aws-vm"]), *more]


def refused(found: Any, *pieces: str, status: int | None = None) -> None:
    assert found.status in ({1, 2} if status is None else {status}), found
    for piece in pieces:
        assert piece in found.said, found.said
    assert "Traceback" not in found.said
    assert "has a bug" not in found.said
    assert (found.asked, found.written) == ([], []), "nothing is changed before a refusal"


def test_there_are_as_many_as_promised() -> None:
    assert len(COMMANDS) > 30
    assert len(OPTIONS) > 20
    assert len(WITH_ENV) > 25


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_flag_is_refused_by_its_name(berth: Berth, command: str) -> None:
    refused(berth(*words(command, "--colour")), "--colour", status=2)


@pytest.mark.parametrize("command", [name for name in COMMANDS if not name.endswith(("ssh", "reap"))])
def test_an_argument_too_many_is_refused(berth: Berth, command: str) -> None:
    refused(berth(*words(command, "too-many", "arguments")), "arguments", status=2)


@pytest.mark.parametrize(("command", "name", "option"), OPTIONS, ids=lambda value: str(value)[:40])
def test_a_number_out_of_range_is_refused_with_the_range(
    berth: Berth, command: str, name: str, option: Any
) -> None:
    wrong = ["many", "nan"]  # a threshold of nan would never be reached
    wrong += [str(option.min - 1)] if option.min is not None else []
    wrong += [str(option.max + 1)] if option.max is not None else []
    for value in wrong:
        refused(berth(*words(command, f"{name}={value}")), name, status=2)


@pytest.mark.parametrize("command", WITH_ENV)
@pytest.mark.parametrize("env", ["aws-wm", "../stacks/aws-vm", "AWS-VM", ""])
def test_an_unknown_environment_is_refused_with_the_known_ones(berth: Berth, command: str, env: str) -> None:
    asked = [env if word == "aws-vm" else word for word in words(command)]
    if env == "" and command == "plan":
        return  # says that it wants an environment or an accelerator
    found = berth(*asked)
    refused(found, f"there is no environment {env!r}", ", ".join(environments()), status=1)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "Usage: berth"),
        ("fly", "fly"),
        ("up", "ENV"),
        ("up aws-vm --json", "--json"),
        ("up aws-vm local", "local"),
        ("up --yes", "ENV"),
        ("down", "ENV"),
        ("down --all", "--all"),
        ("down aws-vm --force", "--force"),
        ("preview aws-vm --max-hourly=-1", "--max-hourly"),
        ("preview aws-vm --max-hourly=$1", "--max-hourly"),
        ("preview aws-vm --max-monthly-delta=ten", "--max-monthly-delta"),
        ("preview aws-vm --fail-on=everything", "everything"),
        ("preview aws-vm --fail-on=Policy", "Policy"),
        ("preview aws-vm --json --markdown", "--markdown"),
        ("preview aws-vm --json --plain --markdown", "--markdown"),
        ("extend aws-vm", "DURATION"),
        ("extend aws-vm 8", "is no duration"),
        ("extend aws-vm 8hours", "is no duration"),
        ("extend aws-vm 1m", "10 minutes"),
        ("extend aws-vm 0h", "10 minutes"),
        ("extend aws-vm 8760h", "hours"),
        ("extend aws-vm 999999999d", "hours"),
        ("extend aws-vm 9999999999d", "is no duration"),
        ("extend aws-vm nan", "is no duration"),
        ("extend aws-vm 1e9h", "is no duration"),
        ("extend aws-vm ٨h", "is no duration"),
        ("access", "refresh"),
        ("access refresh aws-vm --address=0.0.0.0/0", "no IPv4 address"),
        ("access refresh aws-vm --address=here", "here"),
        ("access refresh aws-vm --address=10.0.0.1", "is an address inside a network"),
        ("access refresh aws-vm --address=100.64.0.1", "is an address inside a network"),
        ("access refresh aws-vm --address=::1", "no IPv4 address"),
        ("access refresh aws-vm --address=203.0.113.0/8", "203.0.113.0/8"),
        ("access refresh aws-vm --key=/nowhere.pub --address=203.0.113.7", "/nowhere.pub"),
        ("access refresh aws-vm --key=/dev/null --address=203.0.113.7", "/dev/null"),
        ("access refresh local --address=203.0.113.7", "local"),
        ("forward aws-vm", "jupyter|predict"),
        ("forward aws-vm database", "database"),
        ("forward aws-vm predict --port=70000", "--port"),
        ("idle aws-vm --below=0", "--below"),
        ("idle aws-vm --for=soon", "soon"),
        ("idle aws-vm --for=0m", "0m"),
        ("capacity aws-vm --zones=1", "--zones"),
        ("capacity aws-vm --replay=/nowhere.json", "/nowhere.json"),
        ("capacity aws-vm --replay=/dev/null", "/dev/null"),
        ("capacity local", "local"),
        ("leaks", "--all"),
        ("leaks aws-vm --all", "--all"),
        ("reap", "--all"),
        ("reap aws-vm --all", "--all"),
        ("reap aws-vm --warn-hours=-1", "--warn-hours"),
        ("prices", "ACCELERATOR"),
        ("prices A10", "did you mean A10G"),
        ("prices T4 --count 3", "no machine has 3 of T4"),
        ("prices T4 --cloud azure", "azure"),
        ("prices T4 --region mars", "mars"),
        ("prices T4 --limit 0", "--limit"),
        ("verify aws-vm --threshold 97", "--threshold"),
        ("verify aws-vm --samples 0", "--samples"),
        ("rehearse", "Usage: berth rehearse"),
        ("rehearse up local --cluster minikube", "no kind of cluster 'minikube'"),
        ("rehearse up local --gpus -1", "--gpus"),
        ("rehearse up local --gpus 1.5", "--gpus"),
        ("rehearse up local --minutes 0", "--minutes"),
        ("rehearse down local --yes=maybe", "--yes"),
        ("rehearse interrupt aws-vm --seconds 0", "--seconds"),
        ("rehearse interrupt aws-vm --seconds 1e3", "--seconds"),
        ("rehearse extend aws-vm soon", "no rehearsal on this machine"),
        ("idle aws-vm --for=999999999d", "999999999d"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(berth: Berth, line: str, message: str) -> None:
    refused(berth(*line.split()), message)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "config:\n  berth:longest_lifetime_hours: a week\n",
        "config:\n  - a\n",
        "config: yes\n",
        "config:\n\tberth:target: aws-vm\n",
        "[]\n",
        "a: b: c\n",
        "\udcff",
    ],
    ids=["empty", "a wrong limit", "a list", "a word", "a tab", "no mapping", "no YAML", "no text"],
)
@pytest.mark.parametrize("line", ["extend broken 8h", "access refresh broken --address=203.0.113.7"])
def test_a_broken_values_file_is_no_bug_of_a_command_that_edits_it(
    berth: Berth, line: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scripts.berth import account

    file = tmp_path / "checkout" / "stacks" / "Pulumi.broken.yaml"
    file.write_text(text, errors="surrogateescape")
    monkeypatch.setattr(account, "known", lambda env: env)
    found = berth(*line.split())
    if found.status == 0:
        return  # what is empty can be written to
    refused(found, "longest_lifetime_hours" if "a week" in text and "extend" in line else "broken", status=1)
    assert file.read_bytes() == text.encode(errors="surrogateescape"), "a file that is refused stays as it is"
