"""`berth reap`: what has expired goes, what ends soon is warned of, what is somebody else's stays."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
import scripted_engine
import typer
from moto import mock_aws
from scripted_engine import ScriptedEngine, resource
from typer.testing import CliRunner

from infra.spend.leaks import LEAKED, UNCERTAIN, Finding
from rehearsal.errors import BerthError
from scripts.berth import leaks, reap
from scripts.berth.leaks import Deleted
from scripts.berth.reap import Reaper, Verdict

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PAST, SOON, LATER = "2026-11-23T11:00:00Z", "2026-11-23T13:30:00Z", "2026-11-24T12:00:00Z"
VPC, TOPIC = "aws:ec2/vpc:Vpc", "aws:sns/topic:Topic"
WARN = timedelta(hours=2)
CONFIG = {"target": "aws-vm", "owner": "ml-team"}


def tags(**more: str) -> dict[str, str]:
    whose = {"environment": "a", "owner": "ml-team", "managed-by": "berth", **more}
    return {f"berth:{key.replace('_', '-')}": value for key, value in whose.items()}


def network(env: str = "a", **more: str) -> dict[str, Any]:
    return resource(VPC, "net", env=env, inputs={"tags": tags(**{"environment": env, **more})})


def exported(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"deployment": {"manifest": {}, "resources": list(resources)}}


def judged(
    state: dict[str, Any],
    config: dict[str, Any] | None = CONFIG,
    tag: str = "",
    *,
    deployed: bool = True,
) -> Verdict:
    return reap.judge("a", state, config, tag=tag, deployed=deployed, now=NOW, warn=WARN)


# The judgement


@pytest.mark.parametrize(
    ("end", "expected"),
    [(PAST, "expired"), ("2026-11-23T12:00:00Z", "expired"), (SOON, "ends soon"), (LATER, "lives")],
)
def test_an_end_is_found_wherever_it_is_written(end: str, expected: str) -> None:
    bare = exported(resource(VPC, "net"))
    assert judged(bare, {**CONFIG, "expires_at": end}).state == expected
    assert judged(bare, tag=end).state == expected
    assert judged(exported(network(expires_at=end))).state == expected
    default = json.dumps({"tags": tags(expires_at=end)})
    provider = resource("pulumi:providers:aws", "aws", inputs={"defaultTags": default})
    assert judged(exported(provider)).state == expected


def test_the_latest_end_counts() -> None:
    """`extend` writes the values; the resources' tags follow with the next `up`."""
    assert judged(exported(network(expires_at=PAST)), {**CONFIG, "expires_at": LATER}).state == "lives"
    assert judged(exported(network(expires_at=PAST)), tag=LATER).state == "lives"
    assert judged(exported(network(expires_at=LATER)), {**CONFIG, "expires_at": PAST}).state == "lives"


def test_what_has_no_end_lives() -> None:
    assert judged(exported(network())).state == "lives"
    assert judged(exported(network()), {**CONFIG, "expires_at": "tomorrow"}).state == "lives"


@pytest.mark.parametrize(
    ("of", "config", "why"),
    [
        ({"owner": "others"}, CONFIG, "berth:owner others"),
        ({"environment": "b"}, CONFIG, "berth:environment b"),
        ({"managed_by": "terraform"}, CONFIG, "berth:managed-by terraform"),
        ({}, None, "no values file"),
        ({}, {"target": "aws-vm", "owner": "me"}, "berth:owner ml-team"),
        ({}, {"target": "aws-vm"}, "berth:owner ml-team"),
    ],
)
def test_what_is_somebody_elses_is_left_alone(of: dict[str, str], config: Any, why: str) -> None:
    verdict = judged(exported(network(expires_at=PAST, **of)), config)
    assert verdict.state == "skipped"
    assert why in verdict.reason


def test_one_stranger_among_many_is_enough() -> None:
    assert (
        judged(exported(network(expires_at=PAST), network(expires_at=PAST, owner="others"))).state
        == "skipped"
    )


def test_a_teardown_that_did_not_finish_is_finished() -> None:
    """Its stack is empty, and its tags went with its resources."""
    assert judged(exported()).state == "expired"
    assert judged(exported(), {**CONFIG, "expires_at": LATER}).state == "lives", "about to be deployed again"
    assert judged(exported(), deployed=False).state == "lives", "only ever previewed"


# The runs


class Account:
    """What leaks look for, by environment; deleted is gone."""

    def __init__(self) -> None:
        self.found: dict[str, list[Finding]] = {}
        self.deleted: list[str] = []

    def put(self, env: str, id_: str, cls: str = LEAKED) -> None:
        made = Finding(
            id=id_,
            type="aws:ebs/volume:Volume",
            region="us-east-1",
            name="",
            environment=env,
            owner="ml-team",
            created=None,
            cls=cls,
            reason="its lifetime has ended",
            daily_usd=1.0,
        )
        self.found.setdefault(env, []).append(made)

    def find(self, place: object, env: str, **_: object) -> list[Finding]:
        del place
        return [one for one in self.found.get(env, []) if one.id not in self.deleted]

    def find_all(self, *_: object, **__: object) -> list[Finding]:
        return [one for env in self.found for one in self.find(None, env)]

    def delete(self, place: object, found: list[Finding], *_: object, **__: object) -> list[Deleted]:
        del place
        self.deleted += [one.id for one in found]
        return [Deleted(finding=one, done=True) for one in found]


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    made = Account()
    for name in ("find", "find_all", "delete"):
        monkeypatch.setattr(leaks, name, getattr(made, name))
    return made


@pytest.fixture
def engine(tmp_path: Path, account: Account) -> ScriptedEngine:
    """Three environments: one has expired, one ends soon, one lives."""
    del account
    made = scripted_engine.made(tmp_path)
    for env, end in (("a", PAST), ("b", SOON), ("c", LATER)):
        made.values(env, target="aws-vm", owner="ml-team")
        made.put(env, network(env, expires_at=end))
    return made


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def reaper(engine: ScriptedEngine, said: list[str]) -> Reaper:
    return Reaper(lambda _: engine.place, said.append, now=NOW, quiet=True)


def states(done: list[Verdict]) -> dict[str, str]:
    return {one.environment: one.state for one in done}


def test_only_what_has_expired_goes(engine: ScriptedEngine, reaper: Reaper, said: list[str]) -> None:
    assert states(reaper.all()) == {"a": "reaped", "b": "ends soon", "c": "lives"}
    assert [engine.has(env) for env in "abc"] == [False, True, True]
    assert any(line.startswith("b: ends soon: until 2026-11-23T13:30:00Z, 1:30:00 left") for line in said)


def test_a_dry_run_changes_nothing(engine: ScriptedEngine, account: Account, said: list[str]) -> None:
    account.put("gone", "vol-9")
    done = Reaper(lambda _: engine.place, said.append, now=NOW, dry_run=True).all()
    assert states(done) == {"a": "expired", "b": "ends soon", "c": "lives", "gone": "expired"}
    assert {call.split()[0] for call in engine.calls} == {"stack"}
    assert not engine.called("stack rm")
    assert account.deleted == []


def test_one_that_fails_keeps_no_other_alive_and_is_finished_by_the_next_run(
    engine: ScriptedEngine, reaper: Reaper
) -> None:
    engine.put("b", network("b", expires_at=PAST))
    engine.destroys("a", {"keeps": ["net"], "says": "error: UnauthorizedOperation: you may not"})
    assert states(reaper.all()) == {"a": "failed", "b": "reaped", "c": "lives"}
    assert engine.has("a")
    assert states(reaper.all()) == {"a": "reaped", "c": "lives"}
    assert not engine.has("a")


def test_a_state_that_cannot_be_read_keeps_no_other_alive(engine: ScriptedEngine, reaper: Reaper) -> None:
    engine.values("b", target="aws-vm", owner="ml-team")
    (engine.place.values / "Pulumi.b.yaml").write_text("config: [")
    assert states(reaper.all()) == {"a": "reaped", "b": "failed", "c": "lives"}


def test_a_stack_that_was_only_previewed_is_left_alone(engine: ScriptedEngine, reaper: Reaper) -> None:
    engine.put("a", deployed=False)
    engine.values("a", target="aws-vm", owner="ml-team")
    assert reaper.one("a").state == "lives"
    assert engine.has("a")
    assert engine.called("destroy") == []


def test_what_is_leaked_of_an_expired_environment_goes_and_what_is_uncertain_does_not(
    engine: ScriptedEngine, account: Account, reaper: Reaper
) -> None:
    account.put("a", "vol-1")
    account.put("a", "eni-1", UNCERTAIN)
    verdict = reaper.one("a")
    assert account.deleted == ["vol-1"]
    assert verdict.state == "failed", "something is left"
    assert engine.has("a"), "so that the next run looks again"
    account.found["a"].clear()
    assert reaper.one("a").state == "reaped", "the stack is empty, and had not been finished"
    assert not engine.has("a")


def test_what_has_no_stack_any_more_is_swept(account: Account, reaper: Reaper) -> None:
    account.put("gone", "vol-1")
    account.put("gone", "vol-2", UNCERTAIN)
    account.put("c", "vol-3")
    assert states(reaper.all())["gone"] == "reaped"
    assert account.deleted == ["vol-1"], "what is not certain stays, and what has a stack is not swept"


def test_an_environment_that_is_not_there_is_no_failure(reaper: Reaper) -> None:
    assert reaper.one("nowhere").state == "skipped"


def test_an_account_that_does_not_answer_is_a_failure(
    engine: ScriptedEngine, reaper: Reaper, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object, **__: object) -> list[Finding]:
        raise BerthError("there are no AWS credentials")

    monkeypatch.setattr(leaks, "find", refuses)
    verdict = reaper.one("a")
    assert verdict.state == "failed"
    assert "no AWS credentials" in verdict.reason
    assert engine.has("a")


# The warning


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [*os.environ]:
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        yield


def test_the_environments_topic_is_told(aws: None, engine: ScriptedEngine, said: list[str]) -> None:
    del aws
    sns, sqs = boto3.client("sns", "us-east-1"), boto3.client("sqs", "us-east-1")
    arn = sns.create_topic(Name="berth-b-charges")["TopicArn"]
    queue = sqs.create_queue(QueueName="q")["QueueUrl"]
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:123456789012:q")
    topic = resource(TOPIC, "charges", env="b", id=arn, outputs={"arn": arn})
    engine.put("b", network("b", expires_at=SOON), topic)
    for dry_run in (True, False):
        Reaper(lambda _: engine.place, said.append, now=NOW, dry_run=dry_run).one("b")
        messages = sqs.receive_message(QueueUrl=queue).get("Messages", [])
        assert len(messages) == (0 if dry_run else 1)
    assert "b ends soon: until 2026-11-23T13:30:00Z" in json.loads(messages[0]["Body"])["Message"]
    assert "b: told berth-b-charges" in said


def test_a_topic_that_is_gone_stops_nothing(aws: None, engine: ScriptedEngine, reaper: Reaper) -> None:
    del aws
    arn = "arn:aws:sns:us-east-1:123456789012:gone"
    engine.put("b", network("b", expires_at=SOON), resource(TOPIC, "charges", env="b", id=arn))
    assert reaper.one("b").state == "ends soon"


# The command


@pytest.fixture
def command(engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    monkeypatch.setattr(reap, "_now", lambda: NOW)
    app = typer.Typer()
    app.callback()(lambda: None)
    reap.register(app, lambda _: engine.place)
    return app


def test_json_alone_is_on_standard_output(
    command: typer.Typer, engine: ScriptedEngine, capfd: pytest.CaptureFixture[str]
) -> None:
    done = command(["reap", "--all", "--json", "--warn-hours", "30"], standalone_mode=False)
    told = json.loads(capfd.readouterr().out)
    assert done == 0
    assert {one["environment"]: one["state"] for one in told} == {
        "a": "reaped",
        "b": "ends soon",
        "c": "ends soon",
    }
    assert told[0]["end"] == PAST
    assert not engine.has("a")


def test_what_is_left_is_in_the_status(command: typer.Typer, engine: ScriptedEngine) -> None:
    engine.destroys("a", {"keeps": ["net"], "says": "error: UnauthorizedOperation"})
    assert command(["reap", "a"], standalone_mode=False) == 3
    assert command(["reap", "b", "c"], standalone_mode=False) == 0


@pytest.mark.parametrize("words", [[], ["a", "--all"]])
def test_either_names_or_all(command: typer.Typer, engine: ScriptedEngine, words: list[str]) -> None:
    assert CliRunner().invoke(command, ["reap", *words]).exit_code == 2
    assert engine.calls == []


def test_names_that_nothing_has_are_refused_at_once(command: typer.Typer, engine: ScriptedEngine) -> None:
    refused = CliRunner().invoke(command, ["reap", "a", "a-typo", "b-typo"]).exception
    assert isinstance(refused, BerthError)
    assert "'a-typo', 'b-typo'" in refused.message
    assert engine.has("a"), "nothing was begun"
