"""The machine writes down how busy its GPUs are, and forgets nothing over a restart."""

import json

import pytest
from bringup_parts import FakeAws, ScriptedMachine

from infra.machine.program import __main__ as program
from infra.machine.program import units, usage
from infra.machine.program.report import Report

KEY = "machines/i-0/utilization.json"


class _Ended(Exception):
    """The machine's end."""


def _watch(machine: ScriptedMachine, aws: FakeAws, monkeypatch: pytest.MonkeyPatch, samples: int) -> None:
    """Until that many samples were taken."""
    left = iter(range(samples - 1))

    def pause(seconds: float) -> None:
        assert seconds == usage.SECONDS
        if next(left, None) is None:
            raise _Ended

    monkeypatch.setattr(usage.time, "sleep", pause)
    with pytest.raises(_Ended):
        usage.watch(machine, Report(machine, aws, "i-0"))  # type: ignore[arg-type]


def _slots(aws: FakeAws) -> list[dict[str, object]]:
    return list(json.loads(aws.objects[KEY]))


def test_a_slot_has_the_mean_and_the_most_of_the_busiest_gpu(
    machine: ScriptedMachine, aws: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = iter([(0, "10\n0"), (0, "0\n90"), *[(0, "0\n0")] * 30])
    machine.answers["nvidia-smi"] = lambda: next(samples)
    _watch(machine, aws, monkeypatch, 21)
    assert [(slot["mean"], slot["max"]) for slot in _slots(aws)] == [(5.0, 90)]
    assert machine.log_file.exists() is False, "a sample every 15 seconds would fill the log"


@pytest.mark.parametrize(
    "answer", [(9, "NVIDIA-SMI has failed because it couldn't communicate"), (124, "no end after 60 s")]
)
def test_a_driver_that_does_not_answer_is_neither_idle_nor_busy(
    machine: ScriptedMachine, aws: FakeAws, monkeypatch: pytest.MonkeyPatch, answer: tuple[int, str]
) -> None:
    machine.answers["nvidia-smi"] = answer
    _watch(machine, aws, monkeypatch, 41)
    assert _slots(aws) == []


def test_slots_are_kept_over_a_restart_and_for_a_day(machine: ScriptedMachine, aws: FakeAws) -> None:
    for sample in range(usage.KEPT + 2):
        usage.record(machine, Report(machine, aws, "i-0"), [sample])  # type: ignore[arg-type]
    assert len(_slots(aws)) == usage.KEPT
    assert _slots(aws)[0]["mean"] == 2
    assert _slots(aws)[-1]["mean"] == usage.KEPT + 1


def test_a_bucket_that_is_away_loses_nothing(machine: ScriptedMachine, aws: FakeAws) -> None:
    aws.broken = True
    usage.record(machine, Report(machine, aws, "i-0"), [7])  # type: ignore[arg-type]
    aws.broken = False
    usage.record(machine, Report(machine, aws, "i-0"), [8])  # type: ignore[arg-type]
    assert [slot["max"] for slot in _slots(aws)] == [7, 8]


def test_the_unit_s_command_starts_it(machine: ScriptedMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.write(program.PLAN, json.dumps({"region": "us-east-1", "bucket": "b"}))
    monkeypatch.setattr(program, "Machine", lambda: machine)
    monkeypatch.setattr(program, "identify", lambda _: "i-0")
    watched: list[str] = []
    monkeypatch.setattr(usage, "watch", lambda _, report: watched.append(report.instance))
    assert program.main("usage") == 0
    assert watched == ["i-0"]


def test_a_machine_that_fails_its_tests_is_still_watched(machine: ScriptedMachine) -> None:
    units.stop(machine, {"units": ["berth-train.service", "berth-usage.service"]})
    assert machine.ran == ["systemctl stop berth-train.service"]
