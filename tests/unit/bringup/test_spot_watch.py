"""The two-minute notice becomes a checkpoint, and the bucket says which."""

import json

import pytest
from bringup_parts import FakeAws, ScriptedMachine

from infra.machine.program import watch
from infra.machine.program.aws import AwsError
from infra.machine.program.report import Report

ACTION = "meta-data/spot/instance-action"
REBALANCE = "meta-data/events/recommendations/rebalance"


def test_a_notice_stops_training_and_tells_what_was_saved(
    machine: ScriptedMachine, aws: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    polls: list[int] = []

    def later(_seconds: float) -> None:
        polls.append(len(machine.ran))
        if len(polls) == 1:
            aws.metadata.answers[REBALANCE] = '{"noticeTime": "2026-11-22T22:00:00Z"}'
        if len(polls) == 3:
            aws.metadata.answers[ACTION] = '{"action": "terminate", "time": "2026-11-22T22:02:00Z"}'
        assert len(polls) < 9

    def stop() -> tuple[int, str]:
        pointer = {"step": 321, "written_at": "2026-11-22T22:00:05+00:00"}
        aws.objects["runs/digits/0/checkpoints/latest.json"] = json.dumps(pointer).encode()
        return 0, ""

    machine.answers["systemctl stop berth-train.service"] = stop
    monkeypatch.setattr(watch.time, "sleep", later)
    report = Report(machine, aws, "i-0")  # type: ignore[arg-type]
    watch.watch(machine, aws, report, "runs/digits/0")  # type: ignore[arg-type]

    assert machine.ran == [
        "docker kill --signal USR1 berth-train",
        "systemctl stop berth-train.service",
    ], "the recommendation asks for one checkpoint, the notice for the end"
    found = json.loads(aws.objects["machines/i-0/interruption.json"])
    assert found["checkpoint_step"] == 321
    assert found["action"] == "terminate"
    assert found["action_time"] == "2026-11-22T22:02:00Z"
    assert found["noticed_at"]


def test_a_metadata_service_that_fails_once_is_asked_again(
    machine: ScriptedMachine, aws: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    notice = '{"action": "stop", "time": "2026-11-22T22:02:00Z"}'
    answers = [AwsError("timed out"), "not JSON", notice]

    def get(path: str) -> str | None:
        if path != ACTION:
            return None
        answer = answers.pop(0)
        if isinstance(answer, AwsError):
            raise answer
        return answer

    monkeypatch.setattr(aws.metadata, "get", get)
    monkeypatch.setattr(watch.time, "sleep", lambda _: None)
    watch.watch(machine, aws, Report(machine, aws, "i-0"), "runs/digits/0")  # type: ignore[arg-type]
    assert json.loads(aws.objects["machines/i-0/interruption.json"])["checkpoint_step"] is None
