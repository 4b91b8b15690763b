import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from scripts.berth.place import Place

REGION = "us-east-1"
PROVIDER = "urn:pulumi:dev::berth::pulumi:providers:aws::aws"


@dataclass(frozen=True, kw_only=True)
class Engine(Place):
    """An engine that has a state and does nothing but keep it."""

    asked: list[tuple[str, ...]] = field(default_factory=list)
    given: list[dict[str, Any]] = field(default_factory=list)
    """States: what it exports is the last."""

    def capture(self, *arguments: str, check: bool = True, stdin: str = "") -> str:
        del check
        self.asked.append(arguments)
        if arguments[:2] == ("stack", "import"):
            self.given.append(json.loads(stdin))
        if arguments[:2] == ("stack", "ls"):
            return '[{"name": "organization/berth/dev"}]'
        return json.dumps(self.given[-1]) if arguments[:2] == ("stack", "export") else ""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """In an AWS account of its own, with a backend that is not a directory."""
    with mock_aws():
        yield Engine(
            engine="pulumi",
            environ={
                "PATH": f"{tmp_path}:{os.environ['PATH']}",
                "PULUMI_BACKEND_URL": "s3://state",
                "AWS_ACCESS_KEY_ID": "testing",
                "AWS_SECRET_ACCESS_KEY": "testing",
                "AWS_REGION": REGION,
            },
            project=tmp_path,
            rehearsed=True,
            values=tmp_path,
        )


def resource(kind: str, name: str, inputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    provider = {"provider": f"{PROVIDER}::1"} if kind.startswith("aws:") else {}
    urn = f"urn:pulumi:dev::berth::{kind}::{name}"
    return {"urn": urn, "custom": True, "type": kind, "inputs": inputs, **provider, **more}


def deployment(*resources: dict[str, Any], **pending: list[dict[str, Any]]) -> dict[str, Any]:
    """pending: operation to resources."""
    provider = {
        "urn": PROVIDER,
        "id": "1",
        "custom": True,
        "type": "pulumi:providers:aws",
        "inputs": {"region": REGION},
    }
    operations = [{"type": how, "resource": one} for how, found in pending.items() for one in found]
    return {
        "version": 3,
        "deployment": {
            "manifest": {"time": "2026-01-01T00:00:00Z"},
            "resources": [provider, *resources],
            "pending_operations": operations,
        },
    }
