"""The stages together: their order, the one reboot, failures that are told, and a second run."""

import json
from typing import Any

import pytest
from bringup_parts import PLANS, FakeAws, ScriptedMachine

from infra.machine.bringup import contents
from infra.machine.program import __main__ as program
from infra.machine.program import clock, conformance, containers, disks, lifetime, software, units
from infra.machine.program.machine import Failed
from infra.machine.program.report import Report

KEY = "a-key"


def bring_up(machine: ScriptedMachine, aws: FakeAws, name: str, key: str = KEY) -> program.BringUp:
    plan = json.loads(contents(PLANS[name])["etc/berth/plan.json"])
    return program.BringUp(machine, aws, Report(machine, aws, "i-0"), plan, key)  # type: ignore[arg-type]


@pytest.fixture
def world(machine: ScriptedMachine, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every stage's work replaced by its name in a list; the machine has a host key and a boot id."""
    called: list[str] = []

    def stub(module: Any, name: str, word: str, result: Any = None) -> None:
        monkeypatch.setattr(module, name, lambda *_, **__: called.append(word) or result)

    stub(clock, "follow", "clock")
    stub(lifetime, "enforce", "lifetime")
    stub(disks, "prepare", "data")
    stub(containers, "move_root", "move")
    stub(software, "install", "packages")
    stub(containers, "add_runtime", "runtime")
    stub(software, "driver_works", "driver", True)
    stub(containers, "start", "docker")
    stub(containers, "log_in", "login")
    stub(containers, "pull", "images")
    stub(conformance, "run", "conformance", {"passed": True, "checks": [], "inventory": {}})
    stub(units, "start", "workloads")
    stub(units, "stop", "stopped")
    machine.write("/etc/ssh/ssh_host_ed25519_key.pub", "ssh-ed25519 AAAA root@machine\n")
    machine.write("/proc/sys/kernel/random/boot_id", "boot-1\n")
    return called


def status(aws: FakeAws) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(aws.objects["machines/i-0/status.json"])
    return content


EVERYTHING = [
    *("lifetime", "clock", "data", "move", "packages", "runtime", "driver", "docker", "login", "images"),
    *("workloads", "conformance"),
]


def test_the_order_of_a_machine(machine: ScriptedMachine, aws: FakeAws, world: list[str]) -> None:
    assert bring_up(machine, aws, "debian-13-plain").run()
    assert world == EVERYTHING
    assert aws.objects["machines/i-0/ssh_host_ed25519_key.pub"] == b"ssh-ed25519 AAAA root@machine\n"
    assert next(iter(aws.objects)) == "machines/i-0/ssh_host_ed25519_key.pub", "people wait for it"
    found = status(aws)
    assert (found["stage"], found["failed"]) == ("ready", None)
    assert [entry["name"] for entry in found["done"]] == [
        name for name, _ in bring_up(machine, aws, "debian-13-plain").stages()
    ]


def test_the_bastion_does_little(machine: ScriptedMachine, aws: FakeAws, world: list[str]) -> None:
    assert bring_up(machine, aws, "debian-13-bastion").run()
    assert world == ["lifetime", "clock", "conformance"]


def test_a_second_run_does_only_what_belongs_to_every_start(
    machine: ScriptedMachine, aws: FakeAws, world: list[str]
) -> None:
    assert bring_up(machine, aws, "debian-13-plain").run()
    world.clear()
    before = machine.files()
    assert bring_up(machine, aws, "debian-13-plain").run()
    assert world == ["lifetime", "workloads"]
    assert machine.files() == before


def test_another_instance_from_the_same_disk_begins_anew(
    machine: ScriptedMachine, aws: FakeAws, world: list[str]
) -> None:
    assert bring_up(machine, aws, "debian-13-plain").run()
    world.clear()
    assert bring_up(machine, aws, "debian-13-plain", key="another-instance").run()
    assert world == EVERYTHING


def test_one_reboot_and_never_two(
    machine: ScriptedMachine, aws: FakeAws, world: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    works = [False, False, True]
    monkeypatch.setattr(software, "driver_works", lambda _: works.pop(0))
    assert not bring_up(machine, aws, "debian-13-plain").run()
    assert status(aws)["stage"] == "reboot"
    assert "docker" not in world

    # The process starts again before the machine has gone down: still the same reboot.
    assert not bring_up(machine, aws, "debian-13-plain").run()

    machine.write("/proc/sys/kernel/random/boot_id", "boot-2\n")
    world.clear()
    assert bring_up(machine, aws, "debian-13-plain").run()
    assert world == ["lifetime", "docker", "login", "images", "workloads", "conformance"]

    again = bring_up(machine, aws, "debian-13-plain", key="new-plan")
    works[:] = [False, False]
    assert not again.run()
    machine.write("/proc/sys/kernel/random/boot_id", "boot-3\n")
    with pytest.raises(Failed, match="not even after the reboot"):
        again.run()
    assert "not even after the reboot" in status(aws)["failed"]


def test_a_failure_is_told_and_the_next_run_continues_there(
    machine: ScriptedMachine, aws: FakeAws, world: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise Failed("the mirror is away")

    with monkeypatch.context() as once:
        once.setattr(software, "install", refuse)
        with pytest.raises(Failed, match="mirror"):
            bring_up(machine, aws, "debian-13-plain").run()
    found = status(aws)
    assert (found["stage"], found["failed"]) == ("packages", "the mirror is away")
    world.clear()
    assert bring_up(machine, aws, "debian-13-plain").run()
    assert world == ["lifetime", *EVERYTHING[EVERYTHING.index("packages") :]]
    assert status(aws)["failed"] is None


def test_a_conformance_run_that_fails_is_uploaded_and_stops_the_workloads(
    machine: ScriptedMachine, aws: FakeAws, world: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = [{"name": "torch", "passed": False, "detail": "finds no GPU"}]
    result = {"passed": False, "checks": checks, "inventory": {}}
    monkeypatch.setattr(conformance, "run", lambda *_: result)
    with pytest.raises(Failed, match="torch: finds no GPU"):
        bring_up(machine, aws, "debian-13-plain").run()
    assert json.loads(aws.objects["machines/i-0/conformance.json"]) == result
    assert world[-2:] == ["workloads", "stopped"]


def test_a_status_that_cannot_be_written_stops_nothing(
    machine: ScriptedMachine, aws: FakeAws, world: list[str]
) -> None:
    report = Report(machine, aws, "i-0")  # type: ignore[arg-type]
    aws.broken = True
    report.status("packages", [])
    assert "not uploaded" in machine.log_file.read_text()


def test_units_start_in_the_background_with_a_token_of_their_own(machine: ScriptedMachine) -> None:
    plan = {"units": ["berth-train.service", "berth-jupyter.service"]}
    units.start(machine, plan, "i-0")
    token = machine.path(units.TOKEN)
    assert token.stat().st_mode & 0o777 == 0o600
    assert machine.read("/etc/berth/jupyter.env") == f"JUPYTER_TOKEN={token.read_text()}"
    assert machine.read("/etc/berth/instance.env") == "INSTANCE=i-0\n"
    assert machine.ran[-1] == "systemctl start --no-block berth-train.service berth-jupyter.service"
    before = machine.files()
    units.start(machine, plan, "i-0")
    assert machine.files() == before


@pytest.mark.parametrize(
    ("there", "where"),
    [
        (["/usr/sbin/chronyd", "/etc/chrony/sources.d/x"], "/etc/chrony/sources.d/berth.sources"),
        (["/usr/sbin/chronyd"], "/etc/chrony.d/berth.sources"),
        ([], "/etc/systemd/timesyncd.conf.d/berth.conf"),
    ],
)
def test_the_clock_follows_amazons(machine: ScriptedMachine, there: list[str], where: str) -> None:
    for name in there:
        machine.write(name, "")
    clock.follow(machine)
    assert "169.254.169.123" in machine.read(where)
    ran = list(machine.ran)
    clock.follow(machine)
    assert machine.ran == ran
