"""The workflows as they are committed, and what each of their jobs may do."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHECKOUT = Path(__file__).resolve().parents[3]
WORKFLOWS = sorted((CHECKOUT / ".github" / "workflows").glob("*.yml"))


@dataclass(frozen=True)
class Job:
    """A job and the workflow that it is in."""

    file: str
    name: str
    workflow: dict[str, Any]
    job: dict[str, Any]

    @property
    def steps(self) -> list[dict[str, Any]]:
        return list(self.job["steps"])

    @property
    def permissions(self) -> dict[str, str]:
        return dict(self.job.get("permissions", {}))

    @property
    def checkouts(self) -> list[dict[str, Any]]:
        return [step for step in self.steps if step.get("uses", "").startswith("actions/checkout@")]


def parsed(path: Path) -> dict[str, Any]:
    """A workflow; YAML 1.1 takes the key `on` for true."""
    loaded = yaml.safe_load(path.read_text())
    loaded["on"] = loaded.pop(True)
    return dict(loaded)


def jobs() -> list[Job]:
    """Every job of every workflow."""
    return [
        Job(path.stem, name, workflow, job)
        for path in WORKFLOWS
        for workflow in [parsed(path)]
        for name, job in workflow["jobs"].items()
    ]
