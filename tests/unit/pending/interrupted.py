"""An engine without a cloud, and the states that a killed one leaves."""

import json
from dataclasses import dataclass, field
from typing import Any

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
