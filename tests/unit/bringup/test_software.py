"""Packages: what is missing, in one transaction; headers that match; the driver's state."""

import os
from typing import Any

import pytest
from bringup_parts import PLANS, ScriptedMachine

from infra.machine.bringup import contents
from infra.machine.program import software
from infra.machine.program.machine import Failed


def plan(name: str) -> dict[str, Any]:
    import json

    content: dict[str, Any] = json.loads(contents(PLANS[name])["etc/berth/plan.json"])["software"]
    return content


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(software, "fetch", lambda url: url.encode())


def test_what_is_missing_is_told_by_name_and_version() -> None:
    listing = (
        "docker.io 26.1.5 installed\nnvidia-ctk 1.17.8-1 installed\ngone 1 config-files\nno packages found"
    )
    wanted = [
        "docker.io",
        "nvidia-ctk=1.20.0-1*",
        "nvidia-ctk=1.17.8-1*",
        "docker.io=26.1.5",
        "gone",
        "other",
    ]
    assert software.missing("apt", wanted, listing) == ["nvidia-ctk=1.20.0-1*", "gone", "other"]
    assert software.missing("dnf", ["docker", "dkms"], "dkms") == ["dkms"]


def test_everything_is_installed_in_one_transaction_with_the_headers_of_the_running_kernel(
    machine: ScriptedMachine,
) -> None:
    machine.answers["dpkg-query"] = (1, "docker.io 26.1.5 installed\ndocker-cli 26.1.5 installed")
    software.install(machine, plan("debian-13-plain"))
    installs = [command for command in machine.ran if " install " in command]
    assert len(installs) == 1
    assert f"linux-headers-{os.uname().release}" in installs[0]
    assert "nvidia-kernel-open-dkms" in installs[0]
    assert "docker" not in installs[0]
    assert sum(command.endswith(" update") for command in machine.ran) == 1
    assert "Pin: version 580.*" in machine.read("/etc/apt/preferences.d/berth-nvidia")
    assert machine.read("/etc/apt/keyrings/nvidia-container-toolkit.asc").endswith("/gpgkey")


def test_where_only_nvidias_packages_are_missing_its_own_lists_may_do(machine: ScriptedMachine) -> None:
    machine.answers["dpkg-query"] = (1, "docker.io 26.1.5 installed\ndocker-cli 26.1.5 installed")
    machine.path(f"/lib/modules/{os.uname().release}/build").mkdir(parents=True)
    software.install(machine, plan("debian-13-plain"))
    updates = [command for command in machine.ran if command.endswith(" update")]
    assert len(updates) == 1
    assert "Dir::Etc::SourceParts=" in updates[0]
    assert "List-Cleanup=0" in updates[0]
    assert "libnvidia-container" in machine.read("/var/lib/berth/sources/nvidia-container-toolkit.list")

    machine.ran.clear()
    answers = [(100, "E: Unable to correct problems, you have held broken packages."), (0, "")]
    install = " ".join((*software.APT, "--no-install-recommends", "install"))
    machine.answers[install] = lambda: answers.pop(0)
    software.install(machine, plan("debian-13-plain"))
    kinds = [command.rpartition(" ")[2] for command in machine.ran if " update" in command]
    assert len(kinds) == 2, "their dependencies need everybody's lists"
    assert answers == []


def test_a_second_run_asks_and_changes_nothing(machine: ScriptedMachine) -> None:
    wanted = plan("debian-13-plain")
    listing = "\n".join(
        f"{entry.partition('=')[0]} {entry.partition('=')[2].rstrip('*') or '1'} installed"
        for entry in wanted["packages"]
    )
    machine.answers["dpkg-query"] = (0, listing)
    machine.path(f"/lib/modules/{os.uname().release}/build").mkdir(parents=True)
    before = machine.files()
    software.install(machine, wanted)
    assert [command.split()[0] for command in machine.ran] == ["dpkg-query"]
    assert machine.files() == before


def test_where_the_archive_has_no_headers_for_the_kernel_the_newest_kernel_comes_with_its_own(
    machine: ScriptedMachine,
) -> None:
    kernel = os.uname().release
    apt = " ".join((*software.APT, "--no-install-recommends", "install", f"linux-headers-{kernel}"))
    machine.answers[apt] = (100, f"E: Unable to locate package linux-headers-{kernel}")
    software.install(machine, plan("debian-13-plain"))
    assert "linux-image-cloud-amd64 linux-headers-cloud-amd64" in machine.ran[-1]
    assert f"linux-headers-{kernel}" not in machine.ran[-1]


def test_any_other_failure_is_told(machine: ScriptedMachine) -> None:
    machine.answers["apt-get"] = (100, "E: Unable to fetch some archives")
    with pytest.raises(Failed, match="Unable to fetch some archives"):
        software.install(machine, plan("debian-13-plain"))


def test_amazon_linux_takes_the_branch_as_a_module(machine: ScriptedMachine) -> None:
    machine.answers["rpm -q"] = (1, "")
    software.install(machine, plan("al2023-plain"))
    assert "dnf -y module enable nvidia-driver:580-open" in machine.ran
    assert machine.ran[-1].startswith("dnf -y install kernel-devel-uname-r = ")
    assert machine.read("/etc/yum.repos.d/cuda-amzn2023.repo").startswith(
        "https://developer.download.nvidia.com"
    )


def test_an_image_that_has_it_all_gets_nothing(machine: ScriptedMachine) -> None:
    software.install(machine, plan("ubuntu-24.04-nvidia"))
    assert machine.files() == {}
    assert not any(" install " in command for command in machine.ran)


def test_a_driver_that_needs_no_reboot_is_loaded(machine: ScriptedMachine) -> None:
    machine.answers["nvidia-smi"] = (9, "couldn't communicate")
    machine.answers["modprobe"] = lambda: machine.answers.update({"nvidia-smi": (0, "")}) or (0, "")
    assert software.driver_works(machine)
    machine.answers |= {"nvidia-smi": (9, ""), "modprobe": (1, "")}
    assert not software.driver_works(machine)
