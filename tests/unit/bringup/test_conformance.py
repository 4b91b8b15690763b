"""The conformance run: what passes, what fails with which words, and the inventory."""

import json
import time
from email.utils import formatdate
from typing import Any

import pytest
from bringup_parts import FakeAws, ScriptedMachine

from infra.machine.program import conformance
from infra.machine.program.machine import Failed

PLAN: dict[str, Any] = {
    "role": "machine",
    "accelerator": "T4",
    "gpus": 1,
    "data_gib": 100,
    "images": {"train": "registry/train:1"},
    "program": "0123456789abcdef",
}
SMOKE = {"gpus": ["Tesla T4"], "passed": True, "detail": "torch 2.6 computes on Tesla T4", "torch": "2.6"}
SMI = "| NVIDIA-SMI 580.173.02    Driver Version: 580.173.02    CUDA Version: 13.0     |"


@pytest.fixture
def good(machine: ScriptedMachine, aws: FakeAws) -> ScriptedMachine:
    machine.path("/data").mkdir()
    machine.write("/etc/os-release", 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n')
    aws.date = formatdate(usegmt=True)
    machine.answers = {
        "nvidia-smi": (0, SMI),
        "nvidia-smi --query-gpu": (0, "Tesla T4, 580.173.02, 15360 MiB"),
        "docker run": (0, "WARNING: something\n" + json.dumps(SMOKE)),
        "docker version": (0, "26.1.5+dfsg1"),
        "containerd --version": (0, "containerd github.com/containerd/containerd v1.7.24 1.7.24~ds1"),
        "nvidia-ctk --version": (0, "NVIDIA Container Toolkit CLI version 1.20.0\ncommit: 1"),
    }
    return machine


def run(machine: ScriptedMachine, aws: FakeAws, **changes: Any) -> dict[str, Any]:
    return conformance.run(machine, aws, {**PLAN, **changes}, "i-0")  # type: ignore[arg-type]


def failed(result: dict[str, Any]) -> dict[str, str]:
    assert result["passed"] == all(check["passed"] for check in result["checks"])
    return {check["name"]: check["detail"] for check in result["checks"] if not check["passed"]}


def test_a_good_machine_passes_with_its_inventory(good: ScriptedMachine, aws: FakeAws) -> None:
    result = run(good, aws)
    assert failed(result) == {}
    names = [check["name"] for check in result["checks"]]
    assert names == ["bucket", "clock", "disk", "nvidia-smi", "container", "torch"]
    inventory = result["inventory"]
    assert inventory.pop("kernel")
    assert inventory == {
        "driver": "580.173.02",
        "cuda": "13.0",
        "toolkit": "1.20.0",
        "docker": "26.1.5+dfsg1",
        "containerd": "1.7.24",
        "torch": "2.6",
        "distribution": "Debian GNU/Linux 13 (trixie)",
        "bringup": "0123456789abcdef",
    }
    assert sum("docker run" in command for command in good.ran) == 1, "one container for both checks"


def test_each_fault_is_named(good: ScriptedMachine, aws: FakeAws) -> None:
    good.answers["nvidia-smi --query-gpu"] = (9, "couldn't communicate with the NVIDIA driver")
    good.answers["mountpoint"] = (1, "/data is not a mountpoint")
    good.answers["docker run"] = (125, "unknown or invalid runtime name: nvidia")
    aws.broken = True
    aws.date = formatdate(time.time() - 90, usegmt=True)
    found = failed(run(good, aws))
    assert "503" in found["bucket"]
    assert "the clock is off by" in found["clock"]
    assert "not a mountpoint" in found["disk"]
    assert "couldn't communicate" in found["nvidia-smi"]
    assert "invalid runtime" in found["container"]
    assert "torch" in found


def test_another_gpu_than_ordered_or_too_few_fail(good: ScriptedMachine, aws: FakeAws) -> None:
    assert "1 A100 ordered" in failed(run(good, aws, accelerator="A100"))["nvidia-smi"]
    found = failed(run(good, aws, gpus=4))
    assert found.keys() == {"nvidia-smi", "container"}
    assert "sees 1 GPUs of 4" in found["container"]


def test_a_container_without_gpu_and_a_torch_that_cannot_fail_apart(
    good: ScriptedMachine, aws: FakeAws
) -> None:
    blind = {**SMOKE, "gpus": [], "nvidia_smi": "not found"}
    good.answers["docker run"] = (0, json.dumps(blind))
    assert failed(run(good, aws)).keys() == {"container"}
    good.answers["docker run"] = (1, json.dumps({**SMOKE, "passed": False, "detail": "finds no GPU"}))
    assert failed(run(good, aws)) == {"torch": "finds no GPU"}


def test_a_bastion_is_asked_only_what_it_can_answer(machine: ScriptedMachine, aws: FakeAws) -> None:
    aws.date = formatdate(usegmt=True)
    result = run(machine, aws, role="bastion", data_gib=0)
    assert result["passed"]
    assert [check["name"] for check in result["checks"]] == ["bucket", "clock", "disk"]
    assert "driver" not in result["inventory"]


def test_a_clock_needs_a_time_to_be_compared_with() -> None:
    with pytest.raises(Failed, match="no service"):
        conformance.clock("", 0.0)
