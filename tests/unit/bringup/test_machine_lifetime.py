"""The end of the lifetime comes, is put off by the bucket, and is never missed."""

import pytest
from bringup_parts import FakeAws, ScriptedMachine

from infra.machine.program import lifetime

PAST, SOON, LATER = "2020-01-01T00:00:00Z", "2090-01-01T08:00:00Z", "2099-01-01T08:00:00Z"


@pytest.fixture(autouse=True)
def _awake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifetime.time, "sleep", lambda _: None)


def off(machine: ScriptedMachine) -> bool:
    return "systemctl poweroff" in machine.ran


def enforce(machine: ScriptedMachine, aws: FakeAws, planned: str, *, fired: bool) -> None:
    lifetime.enforce(machine, aws, planned, fired=fired)  # type: ignore[arg-type]


def test_the_timer_is_set_and_a_second_time_left_alone(machine: ScriptedMachine, aws: FakeAws) -> None:
    enforce(machine, aws, SOON, fired=False)
    assert "OnCalendar=2090-01-01 08:00:00 UTC" in machine.read("/etc/systemd/system/berth-lifetime.timer")
    ran = list(machine.ran)
    enforce(machine, aws, SOON, fired=False)
    assert machine.ran == ran
    assert not off(machine)


def test_the_bucket_puts_it_off(machine: ScriptedMachine, aws: FakeAws) -> None:
    aws.objects[lifetime.KEY] = f"{LATER}\n".encode()
    enforce(machine, aws, SOON, fired=True)
    assert not off(machine)
    assert "2099" in machine.read("/etc/systemd/system/berth-lifetime.timer")


@pytest.mark.parametrize("content", [b"", b"tomorrow", PAST.encode()])
def test_a_timer_that_fired_means_it(machine: ScriptedMachine, aws: FakeAws, content: bytes) -> None:
    if content:
        aws.objects[lifetime.KEY] = content
    enforce(machine, aws, PAST, fired=True)
    assert off(machine)


def test_a_bucket_that_cannot_be_read_puts_nothing_off(machine: ScriptedMachine, aws: FakeAws) -> None:
    aws.broken = True
    enforce(machine, aws, "", fired=True)
    assert off(machine)


def test_a_machine_that_starts_after_its_end_goes_at_once(machine: ScriptedMachine, aws: FakeAws) -> None:
    enforce(machine, aws, PAST, fired=False)
    assert off(machine)


def test_without_any_end_nothing_is_set(machine: ScriptedMachine, aws: FakeAws) -> None:
    enforce(machine, aws, "", fired=False)
    assert machine.ran == []
