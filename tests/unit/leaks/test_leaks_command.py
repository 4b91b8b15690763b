import json
from collections.abc import Callable
from typing import Any

import pytest
import typer
from leaky_account import OURS, Leaky
from typer.testing import CliRunner, Result

from infra.spend.leaks import LEAKED
from scripts.berth import leak_commands
from scripts.berth.leaks import finding, services
from scripts.berth.place import Place

Run = Callable[..., Result]
RESEARCH = OURS | {"berth:environment": "research"}
EXPIRED = {"berth:expires-at": "2026-01-01T00:00:00Z"}


@pytest.fixture
def run(leaky: Leaky) -> Run:
    app = typer.Typer()
    asked: list[str] = []

    def where(env: str) -> Place:
        asked.append(env)
        return leaky.place

    leak_commands.register(app, where)
    app.command()(lambda: None)  # with one command alone, typer has no sub-commands
    return lambda *words, **more: CliRunner().invoke(app, ["leaks", *words], **more)


def volumes(leaky: Leaky) -> set[str]:
    return {row["VolumeId"] for row in leaky.ec2.describe_volumes()["Volumes"]}


def test_nothing_left_is_success(leaky: Leaky, run: Run) -> None:
    leaky.knows(destroyed=True)
    done = run("aws-vm")
    assert done.exit_code == 0, done.output
    assert "Nothing lives" in done.output


def test_without_delete_it_only_shows_and_ends_with_3(leaky: Leaky, run: Run) -> None:
    leaky.knows(destroyed=True)
    volume = leaky.volume(OURS)
    done = run("aws-vm")
    assert done.exit_code == 3
    assert "1 leaked: $0.26 a day" in done.output
    assert "Nothing was deleted" in done.output
    assert volumes(leaky) == {volume}


def test_delete_asks_and_no_means_no(leaky: Leaky, run: Run) -> None:
    leaky.knows(destroyed=True)
    volume = leaky.volume(OURS)
    done = run("aws-vm", "--delete", input="n\n")
    assert done.exit_code == 3
    assert "Delete 1 leaked resource ($0.26 a day)?" in done.output
    assert volumes(leaky) == {volume}


def test_a_name_that_nothing_has_is_said(leaky: Leaky, run: Run) -> None:
    leaky.knows(destroyed=True)
    assert "neither a values file nor a stack" not in run("aws-vm").output
    assert "aws-mv has neither a values file nor a stack" in run("aws-mv").output


def test_delete_removes_the_leaked_and_says_where_that_is_written(leaky: Leaky, run: Run) -> None:
    leaky.knows(destroyed=True)
    leaky.volume(OURS)
    kept = leaky.volume({**OURS, "berth:keep": "true"})
    done = run("aws-vm", "--delete", "--yes")
    assert done.exit_code == 0, done.output
    assert volumes(leaky) == {kept}
    assert str(leaky.log) in done.output


def test_what_is_taken_into_a_state_meanwhile_is_not_deleted(
    leaky: Leaky, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaky.knows(destroyed=True)
    volume = leaky.volume(OURS)

    def agreed(*_: Any, **__: Any) -> bool:
        leaky.knows(("aws:ebs/volume:Volume", volume))
        return True

    monkeypatch.setattr(typer, "confirm", agreed)
    run("aws-vm", "--delete")
    assert volumes(leaky) == {volume}
    assert leaky.logged() == []


def test_json_has_classes_and_findings_and_nothing_else_on_its_output(leaky: Leaky, run: Run) -> None:
    leaky.knows(destroyed=True)
    volume = leaky.volume(OURS)
    done = run("aws-vm", "--json", "--delete", "--yes")
    found = json.loads(done.stdout)
    assert [one["id"] for one in found["findings"]] == [volume]
    assert found["classes"]["leaked"]["count"] == 1
    assert found["deleted"] == [{"id": volume, "done": True, "said": ""}]
    assert done.exit_code == 0


def test_all_finds_environments_that_have_neither_values_nor_a_stack(leaky: Leaky, run: Run) -> None:
    leaky.knows(destroyed=True)
    ours, theirs = leaky.volume(OURS), leaky.volume(RESEARCH)
    expired = leaky.volume(RESEARCH | EXPIRED)
    another = leaky.volume(RESEARCH | EXPIRED | {"berth:owner": "someone-else"})
    done = run("--all", "--json")
    classes = {one["id"]: (one["environment"], one["class"]) for one in json.loads(done.stdout)["findings"]}
    assert classes == {
        ours: ("aws-vm", LEAKED),
        expired: ("research", LEAKED),
        theirs: ("research", "uncertain"),
        another: ("research", "uncertain"),
    }
    done = run("--all", "--delete", "--yes")
    assert done.exit_code == 3
    assert volumes(leaky) == {theirs, another}


def test_what_has_no_region_is_told_once(leaky: Leaky) -> None:
    leaky.knows(destroyed=True)
    tags = [{"Key": key, "Value": value} for key, value in OURS.items()]
    leaky.client("iam").create_role(RoleName="machine", AssumeRolePolicyDocument="{}", Tags=tags)
    for service in ("ec2", *services.USED):
        elsewhere = leaky.account.clients.get(service, "eu-west-1")
        leaky.place.clients[service, "eu-west-1", ""] = elsewhere
    found = finding.find_all(lambda _: leaky.place, ["us-east-1", "eu-west-1"])
    assert [one.id for one in found] == ["machine"]


def test_a_cloud_that_is_not_covered_does_not_hide_the_others(leaky: Leaky, run: Run) -> None:
    leaky.knows(destroyed=True)
    volume = leaky.volume(OURS)
    (leaky.place.values / "Pulumi.gke.yaml").write_text("config:\n  berth:target: gcp-gke\n")
    done = run("--all", "--json")
    found = {one["name"] or one["id"]: one["reason"] for one in json.loads(done.stdout)["findings"]}
    assert set(found) == {"gke", volume}
    assert "Google Cloud yet" in found["gke"]


def test_a_rehearsal_never_reaches_an_account(leaky: Leaky, monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsed = Place(
        engine="none",
        environ={},
        project=leaky.directory,
        rehearsed=True,
        values=leaky.directory / "nothing",
        stack_names=list,
    )
    assert finding.account_of(lambda _: rehearsed) is None
    assert finding.find_all(lambda _: rehearsed, ["us-east-1"]) == []
    with pytest.raises(Exception, match="has no AWS account"):
        finding.find(rehearsed, "research", region="us-east-1")


@pytest.mark.parametrize("words", [(), ("aws-vm", "--all"), ("--all", "--destroyed")])
def test_what_makes_no_sense_is_refused(run: Run, words: tuple[str, ...]) -> None:
    assert run(*words).exit_code == 2
