"""`berth down` from the question to what is left, with an engine that does as it is told."""

import io
import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
import typer
from rich.console import Console
from scripted_engine import ScriptedEngine, resource
from teardown_fakes import Cloud, Listener

from infra.spend.leaks import LEAKED, PROTECTED, TOO_YOUNG, UNCERTAIN, Finding
from rehearsal.errors import BerthError
from scripts.berth.teardown import command, destroy, down, snapshots
from scripts.berth.teardown.down import Ask, Outcome
from scripts.berth.teardown.snapshots import Snapshot

ENV = "aws-vm"
VPC, VOLUME, BUCKET = "aws:ec2/vpc:Vpc", "aws:ebs/volume:Volume", "aws:s3/bucket:Bucket"
ENI = "aws:ec2/networkInterface:NetworkInterface"
Down = Callable[..., "Outcome | None"]


def finding(id_: str, cls: str, kind: str = ENI, daily_usd: float | None = 0.0) -> Finding:
    return Finding(
        id=id_,
        type=kind,
        region="us-east-1",
        name="",
        environment=ENV,
        owner="ml-team",
        created=None,
        cls=cls,
        reason="for a reason",
        daily_usd=daily_usd,
    )


@pytest.fixture
def run(engine: ScriptedEngine, cloud: Cloud, listener: Listener) -> Down:
    del cloud

    def run(**ask: Any) -> Outcome | None:
        return down.down(engine.place, ENV, Ask(quiet=True, **ask), listener.talk())

    return run


def test_all_goes_and_so_does_the_stack(engine: ScriptedEngine, listener: Listener, run: Down) -> None:
    engine.put(ENV, resource(VPC, "net"), resource(BUCKET, "data"))
    done = run(yes=True)
    assert done is not None
    assert (done.status, done.complete, done.resources) == (0, True, 2)
    assert not engine.has(ENV)
    assert listener.asked == 0
    (plan,) = listener.plans
    assert plan.count == 2
    assert [loss.name for loss in plan.losses] == ["data"]


def test_nothing_happens_without_a_yes(engine: ScriptedEngine, listener: Listener, run: Down) -> None:
    engine.put(ENV, resource(VPC, "net"))
    listener.agrees = False
    assert run() is None
    assert (listener.asked, len(listener.plans)) == (1, 1), "it is shown, then asked"
    assert engine.names(ENV) == ["net"]
    assert engine.called("destroy") == []


def test_an_environment_that_is_not_there_is_refused(engine: ScriptedEngine, run: Down) -> None:
    with pytest.raises(BerthError, match="aws-vm has not been deployed"):
        run(yes=True)
    assert engine.called("destroy") == []


def test_what_cannot_be_destroyed_is_left_and_said(engine: ScriptedEngine, run: Down) -> None:
    engine.put(ENV, resource(VPC, "net"), resource(BUCKET, "data"))
    engine.destroys(ENV, *[{"keeps": ["net"], "says": "error: DependencyViolation: held"}] * 3)
    done = run(yes=True)
    assert done is not None
    assert done.status == 3
    assert [one.name for one in done.remaining] == ["net"]
    assert len(done.attempts) == 3
    assert engine.names(ENV) == ["net"], "the stack stays, for the next run"


def test_a_leak_keeps_the_status_and_the_stack(engine: ScriptedEngine, cloud: Cloud, run: Down) -> None:
    engine.put(ENV, resource(VPC, "net"))
    cloud.findings = [finding("vol-1", LEAKED, VOLUME, 0.16), finding("snap-1", PROTECTED, daily_usd=0.05)]
    done = run(yes=True)
    assert done is not None
    assert done.status == 3
    assert [one.id for one in done.left.counted] == ["vol-1"], "what is protected is meant to stay"
    assert cloud.deleted == [], "data is reported, not deleted"
    assert cloud.asked[-1]["destroyed"] is True
    assert engine.names(ENV) == [], "the stack is empty, and there: the next run looks again"
    cloud.findings = [finding("snap-1", PROTECTED)]
    again = run()
    assert again is not None
    assert again.status == 0
    assert not engine.has(ENV)


def test_an_empty_stack_is_not_asked_about(engine: ScriptedEngine, listener: Listener, run: Down) -> None:
    engine.put(ENV)
    done = run()
    assert done is not None
    assert (done.status, listener.asked) == (0, 0)


def test_what_stands_in_the_way_is_cleared_and_strangers_are_named(
    engine: ScriptedEngine, cloud: Cloud, listener: Listener, run: Down
) -> None:
    engine.put(ENV, resource(VPC, "net"))
    cloud.findings = [finding("eni-1", LEAKED), finding("eni-2", UNCERTAIN), finding("vol-1", LEAKED, VOLUME)]
    done = run(yes=True)
    assert done is not None
    assert cloud.deleted == ["eni-1"]
    assert done.cleared == ["NetworkInterface eni-1"]
    assert any("eni-2" in line and "not berth's" in line for line in listener.said)
    assert {one.id for one in done.left.counted} == {"eni-2", "vol-1"}


def test_a_reaper_deletes_what_is_leaked_at_the_end(engine: ScriptedEngine, cloud: Cloud, run: Down) -> None:
    engine.put(ENV, resource(VPC, "net"))
    cloud.findings = [finding("vol-1", LEAKED, VOLUME), finding("snap-1", PROTECTED)]
    done = run(yes=True, reap=True)
    assert done is not None
    assert cloud.deleted == ["vol-1"]
    assert done.status == 0
    assert not engine.has(ENV)


def test_an_account_that_does_not_answer_is_no_success(
    engine: ScriptedEngine, run: Down, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scripts.berth import leaks

    def refuses(*_: object, **__: object) -> list[Finding]:
        raise BerthError("your AWS credentials have expired")

    engine.put(ENV, resource(VPC, "net"))
    monkeypatch.setattr(leaks, "find", refuses)
    done = run(yes=True)
    assert done is not None
    assert done.status == 3, "nobody knows whether anything is left"
    assert "expired" in done.left.unknown


def test_what_is_protected_and_cannot_be_saved_stays(engine: ScriptedEngine, run: Down) -> None:
    keep = {"tags": {"berth:keep": "true"}}
    engine.put(ENV, resource(BUCKET, "results", inputs=keep), resource(VPC, "net"))
    done = run(yes=True)
    assert done is not None
    assert engine.names(ENV) == ["results"]
    assert done.status == 3
    (imported,) = engine.called("stack import")
    assert engine.calls.index(imported) < engine.calls.index(engine.called("destroy")[0])
    assert engine.state(ENV)["deployment"]["resources"][0]["protect"] is True, "the engine is to see it"


def test_a_protected_disk_is_saved_then_goes(
    engine: ScriptedEngine, run: Down, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[str] = []

    def take(
        _place: object, _env: str, _state: object, losses: Any, *_: object, **__: object
    ) -> list[Snapshot]:
        assert engine.called("destroy") == [], "saved before anything goes"
        taken.extend(loss.name for loss in losses)
        return [Snapshot(id="snap-1", volume="vol-1", of="data", gib=7, region="us-east-1")]

    monkeypatch.setattr(snapshots, "take", take)
    engine.put(ENV, resource(VOLUME, "data", protect=True), resource(VOLUME, "scratch"))
    done = run(yes=True)
    assert done is not None
    assert taken == ["data"]
    assert (done.status, [one.id for one in done.snapshots]) == (0, ["snap-1"])
    assert not engine.has(ENV)


def test_a_copy_that_fails_destroys_nothing(
    engine: ScriptedEngine, run: Down, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take(*_: object, **__: object) -> list[Snapshot]:
        raise BerthError("the snapshot failed")

    monkeypatch.setattr(snapshots, "take", take)
    engine.put(ENV, resource(VOLUME, "data", protect=True))
    with pytest.raises(BerthError, match="snapshot failed"):
        run(yes=True)
    assert engine.called("destroy") == []
    assert engine.state(ENV)["deployment"]["resources"][0]["protect"] is True


@pytest.mark.parametrize(
    ("yes", "as_json", "terminal", "refused"),
    [
        (False, False, False, "no terminal to ask on"),
        (False, True, True, "cannot ask"),
        (True, True, False, ""),
        (True, False, False, ""),
        (False, False, True, ""),
    ],
)
def test_nobody_to_ask_is_one_clear_error(
    monkeypatch: pytest.MonkeyPatch, *, yes: bool, as_json: bool, terminal: bool, refused: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.setattr(sys.stdin, "isatty", lambda: terminal)
    if not refused:
        down.needs_terminal(ENV, "berth", yes=yes, as_json=as_json)
        return
    with pytest.raises(BerthError, match=refused) as error:
        down.needs_terminal(ENV, "berth", yes=yes, as_json=as_json)
    assert "berth down aws-vm --yes" in error.value.hint


def test_json_alone_is_on_standard_output(
    engine: ScriptedEngine, cloud: Cloud, capfd: pytest.CaptureFixture[str]
) -> None:
    engine.put(ENV, resource(VPC, "net"))
    cloud.findings = [finding("vol-1", LEAKED, VOLUME, 0.16), finding("fs-1", LEAKED, VOLUME, None)]
    status = command.run(engine.place, ENV, Ask(yes=True, quiet=True), as_json=True)
    told = json.loads(capfd.readouterr().out)
    assert (status, told["complete"], told["resources"]) == (3, False, 1)
    assert told["left_daily_usd"] == pytest.approx(0.16)
    assert told["left_of_unknown_price"] == ["fs-1"]
    assert [one["status"] for one in told["attempts"]] == [0]


def test_the_report_says_what_is_lost_and_what_is_left_to_pay(
    engine: ScriptedEngine, cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.put(ENV, resource(BUCKET, "data", inputs={"forceDestroy": True}), resource(VPC, "net"))
    cloud.findings = [finding("vol-1", LEAKED, VOLUME, 0.16)]
    status = command.run(engine.place, ENV, Ask(yes=True, quiet=True), as_json=False)
    said = " ".join(capsys.readouterr().out.split())
    assert status == 3
    assert "lost Bucket data: every object in the bucket" in said
    assert "1 thing is left" in said
    assert "$0.16 a day" in said
    assert "berth leaks aws-vm --delete" in said


def test_the_teardown_of_a_decided_caller_reports_too(engine: ScriptedEngine, cloud: Cloud) -> None:
    del cloud
    engine.put(ENV, resource(VPC, "net"))
    out = io.StringIO()
    done = command.teardown(engine.place, ENV, Ask(yes=True, quiet=True), Console(file=out, width=200))
    assert done.complete
    assert "Nothing is left" in out.getvalue()


def test_what_an_interrupted_up_made_is_not_too_young_to_be_cleared_while_we_destroy(
    engine: ScriptedEngine, cloud: Cloud, run: Down
) -> None:
    engine.put(ENV, resource(VPC, "net"))
    cloud.findings = [finding("eni-1", TOO_YOUNG), finding("net-id", TOO_YOUNG, VPC)]
    run(yes=True)
    assert cloud.deleted == [], "the engine had not met it"
    engine.put(ENV, resource(VPC, "net"))
    engine.destroys(ENV, {"keeps": ["net"], "says": "error: DependencyViolation: held"})
    run(yes=True)
    assert cloud.deleted == ["eni-1"], "what is in the state is the engine's to delete"


def test_what_looks_leaked_while_the_engine_runs_is_looked_at_twice(
    engine: ScriptedEngine, cloud: Cloud, run: Down, monkeypatch: pytest.MonkeyPatch
) -> None:
    def destroys(*_: object, between: destroy.Between, **__: object) -> list[destroy.Attempt]:
        cloud.findings = [finding("i-1", LEAKED), finding("eni-1", LEAKED)]
        between(running=True)
        assert cloud.deleted == [], "the engine may be about to end it"
        cloud.findings = [finding("eni-1", LEAKED), finding("eni-2", LEAKED)]
        between(running=True)
        assert cloud.deleted == ["eni-1"]
        between(running=False)
        assert cloud.deleted == ["eni-1", "eni-2"]
        return [destroy.Attempt(status=0, left=0, seconds=0)]

    monkeypatch.setattr(destroy, "destroy", destroys)
    engine.put(ENV, resource(VPC, "net"))
    run(yes=True)


def test_ctrl_c_at_the_question_is_an_interruption(monkeypatch: pytest.MonkeyPatch) -> None:
    def aborts(*_: object, **__: object) -> bool:
        raise typer.Abort

    monkeypatch.setattr(typer, "confirm", aborts)
    with pytest.raises(KeyboardInterrupt):
        command._agreed(ENV)
