import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from deployed_account import Account
from rich.console import Console

from scripts.berth import checks
from scripts.berth.aws.forward import Forward
from scripts.berth.checks import service
from scripts.berth.targets import Ask, aws_vm

Script = Callable[..., None]
INVENTORY = {"driver": "580.95.05", "cuda": "13.0", "kernel": "6.12"}


@pytest.fixture
def ready(account: Account, script: Script, monkeypatch: pytest.MonkeyPatch) -> str:
    """An environment whose machines are up and whose training has ended; the machine's id."""
    account.status(account.start("bastion"), "ready", "identity")
    machine = account.start()
    account.status(machine, "ready", "identity", "conformance")
    said = [
        {"name": "nvidia-smi", "passed": True, "detail": "Tesla T4"},
        {"name": "clock", "passed": True, "detail": "0.1 s"},
    ]
    account.put(
        f"machines/{machine}/conformance.json", {"passed": True, "checks": said, "inventory": INVENTORY}
    )
    results = {
        "accuracy": 0.98,
        "steps": 900,
        "duration_seconds": 12.5,
        "attempts": 2,
        "lost_steps": 17,
    }
    account.put("runs/digits/1/results.json", results)
    buffer = io.BytesIO()
    np.savez(buffer, images=np.zeros((20, 8, 8), np.uint8), labels=np.arange(20) % 10)
    account.put("runs/digits/1/held-out.npz", buffer.getvalue())
    script()

    @contextmanager
    def forwarded(place: Any, env: str, remote: int) -> Iterator[Forward]:
        del place
        yield Forward(url=f"http://{env}:{remote}", ended=lambda: 0)

    monkeypatch.setattr(aws_vm, "forwarded", forwarded)
    monkeypatch.setattr(service, "_answers", lambda at, path, **_: f"{at.url}{path}")
    monkeypatch.setattr(service, "_predictions", lambda *_: "right")
    return machine


def verify(account: Account, threshold: float = 0.97) -> checks.Verification:
    ask = Ask(threshold=threshold, samples=10, minutes=1)
    return aws_vm.verify(account.place, "aws-vm", ask, Console(file=io.StringIO()))


def test_everything_that_holds_is_listed_with_versions_and_lost_work(account: Account, ready: str) -> None:
    found = verify(account)
    assert found.passed, found.failed
    by_name = {check.name: check.detail for check in found.checks}
    assert by_name["machine: nvidia-smi"] == "Tesla T4"
    assert by_name["service is ready"] == "http://aws-vm:8080/v2/health/ready", "asked through the way in"
    assert by_name["held-out samples are in the bucket"] == "10 images"
    assert found.facts["Versions"] == "driver 580.95.05, cuda 13.0, kernel 6.12"
    assert "2 attempts, 17 steps lost" in found.facts["Training"]
    assert json.loads(json.dumps(found.as_json()))["passed"]


def test_a_machine_that_fails_its_own_test_fails_the_verification(account: Account, ready: str) -> None:
    said = [{"name": "clock", "passed": False, "detail": "90 s off"}]
    account.put(f"machines/{ready}/conformance.json", {"passed": False, "checks": said})
    assert verify(account).failed == ["machine: clock"]


def test_a_machine_without_a_test_fails_the_verification(account: Account, ready: str) -> None:
    account.put(f"machines/{ready}/conformance.json", {"passed": True, "checks": []})
    assert verify(account).failed == ["the machine has tested itself"]


def test_a_training_below_the_threshold_fails_the_verification(account: Account, ready: str) -> None:
    assert verify(account, threshold=0.99).failed == ["training accuracy is at least 99%"]


def test_without_booted_machines_only_the_account_is_asked(account: Account, script: Script) -> None:
    script()
    account.start("bastion", known=False)
    place = replace(account.place, machines=False)
    ask, nobody = Ask(), Console(file=io.StringIO())
    found = aws_vm.verify(place, "aws-vm", ask, nobody)
    assert found.failed == [
        "the machine runs in the account",
        "the machines are told the end of their lifetime",
    ]
    account.start(known=False)
    expires = json.loads((account.directory / "outputs.json").read_text())["expires_at"]
    account.put("machines/expires-at", f"{expires}\n")
    found = aws_vm.verify(place, "aws-vm", ask, nobody)
    assert found.passed, found.failed
    assert "--no-machines" in found.facts["Not checked"]


def test_status_tells_how_far_each_machine_is(account: Account, ready: str) -> None:
    other = account.start()
    account.status(other, "driver", failed="no headers")
    found = aws_vm.status(account.place, "aws-vm")
    assert found[f"machine {ready}"].endswith(": ready")
    assert found[f"machine {other}"].endswith(": failed: no headers")
    assert found["training"].startswith("98.00%")
    assert "left" in found["lifetime"]


def test_the_next_steps_fit_the_environment(account: Account) -> None:
    steps = dict(aws_vm.next_steps(account.place, "aws-vm"))
    assert "berth ssh aws-vm" in steps["Get in"]
    assert "Notebook" in steps
    account.outputs(jupyter_port=None)
    steps = dict(aws_vm.next_steps(account.place, "aws-vm"))
    assert "Notebook" not in steps
    assert "Interrupt" not in steps, "nobody interrupts a machine that costs money"
