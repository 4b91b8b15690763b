"""For the tests here: plans, a machine below a temporary root with scripted programs, a bucket in memory."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from infra.machine.bringup import BringUp, DriverPlan, Jupyter
from infra.machine.program.aws import AwsError
from infra.machine.program.machine import Failed, Machine

REGISTRY = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3t0Zz2V8V7m0Z1bq3m1q1m9c3p4s5t6u7v8w9x0y1z somebody@example.org"


def machine_plan(**changes: Any) -> BringUp:
    """The committed environment's GPU machine, more or less."""
    values: dict[str, Any] = {
        "environment": "aws-vm",
        "role": "machine",
        "distribution": "debian-13",
        "region": "us-east-1",
        "bucket": "berth-aws-vm-123456789012",
        "ssh_public_keys": (KEY,),
        "driver": DriverPlan(branch="580"),
        "toolkit_version": "1.20.0",
        "accelerator": "T4",
        "gpus": 1,
        "data_gib": 100,
        "spot": True,
        "registry": REGISTRY,
        "train_image": f"{REGISTRY}/berth-aws-vm/train:0123456789abcdef",
        "serve_image": f"{REGISTRY}/berth-aws-vm/serve:0123456789abcdef",
        "train_env": {"EPOCHS": "40", "DATASET_KEY": "datasets/digits/0123456789abcdef.npz"},
        "serve_env": {"MODEL_NAME": "digits"},
        "run_prefix": "runs/digits/01234567",
    }
    return BringUp(**{**values, **changes})


def bastion_plan(**changes: Any) -> BringUp:
    values: dict[str, Any] = {
        "environment": "aws-vm",
        "role": "bastion",
        "distribution": "debian-13",
        "region": "us-east-1",
        "bucket": "berth-aws-vm-123456789012",
        "ssh_public_keys": (KEY,),
    }
    return BringUp(**{**values, **changes})


PLANS: dict[str, BringUp] = {
    "debian-13-plain": machine_plan(),
    "debian-13-plain-v100": machine_plan(
        accelerator="V100", driver=DriverPlan(branch="580", open_kernel=False), spot=False, data_gib=0
    ),
    "debian-13-plain-ssm": machine_plan(
        ssm_agent=True, jupyter=Jupyter(image="example.org/jupyter@sha256:0")
    ),
    "debian-13-bastion": bastion_plan(),
    "ubuntu-24.04-plain": machine_plan(distribution="ubuntu-24.04"),
    "ubuntu-24.04-nvidia": machine_plan(
        distribution="ubuntu-24.04", profile="nvidia", driver=None, toolkit_version=None
    ),
    "al2023-plain": machine_plan(distribution="al2023"),
    "al2023-nvidia": machine_plan(distribution="al2023", profile="nvidia", driver=None, toolkit_version=None),
    "al2023-bastion": bastion_plan(distribution="al2023"),
}

Answer = tuple[int, str] | Callable[[], tuple[int, str]]


class ScriptedMachine(Machine):
    """Programs answer as scripted by their first words, 0 and nothing otherwise; all are remembered."""

    def __init__(self, root: Path) -> None:
        super().__init__(str(root))
        self.answers: dict[str, Answer] = {}
        self.ran: list[str] = []

    def attempt(self, *argv: str, seconds: int = 0) -> tuple[int, str]:
        command = " ".join(argv)
        self.ran.append(command)
        for beginning in sorted(self.answers, key=len, reverse=True):
            if command.startswith(beginning):
                answer = self.answers[beginning]
                return answer() if callable(answer) else answer
        return 0, ""

    def ask(self, *argv: str, seconds: int = 0) -> tuple[int, str]:
        return self.attempt(*argv)

    def run(self, *argv: str, seconds: int = 0) -> str:
        status, text = self.attempt(*argv)
        if status:
            raise Failed(f"`{' '.join(argv)}` ended with status {status}: {text}")
        return text

    def files(self) -> dict[str, str]:
        """Every file below the root but the log."""
        root = self.path("/")
        found = (path for path in root.rglob("*") if path.is_file() and path != self.log_file)
        return {str(path.relative_to(root)): path.read_text() for path in sorted(found)}


class FakeMetadata:
    def __init__(self, answers: dict[str, str]) -> None:
        self.answers = answers

    def get(self, path: str) -> str | None:
        return self.answers.get(path)


class FakeAws:
    """S3 in memory. broken: every call fails."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.metadata = FakeMetadata({})
        self.date = ""
        self.broken = False

    def put(self, key: str, body: bytes, tries: int = 0) -> None:
        self._check()
        self.objects[key] = body

    def get(self, key: str) -> bytes | None:
        self._check()
        return self.objects.get(key)

    def registry_token(self) -> str:
        return "QVdTOnNlY3JldA=="

    def _check(self) -> None:
        if self.broken:
            raise AwsError("503 Slow Down")
