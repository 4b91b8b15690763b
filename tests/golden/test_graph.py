"""The resources that each committed values file makes, compared with a committed list of them.

`pytest tests/golden --update-golden` writes the lists; the difference then belongs in the review. A type or
name that vanishes from a list is a resource destroyed: give it an alias.
"""

import difflib
from pathlib import Path
from typing import Any

import pytest
import recorder
import yaml

GOLDEN = Path(__file__).parent
VALUES = recorder.CHECKOUT / "stacks"
# Variants are committed values with a few keys changed, for what no committed environment uses.
VARIANTS: dict[str, dict[str, Any]] = {
    "local-shared-volume-gpus": {"model_store": "shared-volume", "gpus": 2},
    "aws-vm-ssm-nat-none": {
        "access": {"kind": "ssm"},
        "network": {"zones": ["us-east-1a", "us-east-1b"], "nat": "none", "flow_logs": "cloudwatch"},
        "machine": {"accelerator": "L4", "image": {"distribution": "ubuntu-24.04", "profile": "nvidia"}},
    },
    "aws-vm-instance-connect-nat-per-zone": {
        "access": {"kind": "instance-connect"},
        "network": {"zones": ["us-east-1b", "us-east-1c", "us-east-1d"], "nat": "per-zone"},
        "machine": {"image": {"id": "ami-0a1b2c3d4e5f60718"}, "on_demand_fallback": True},
        "people": {"enabled": True, "users": ["alice", "bob"]},
        "reaper": {"enabled": True, "every_minutes": 15},
    },
}
ENVIRONMENTS = {path.suffixes[0][1:]: {} for path in VALUES.glob("Pulumi.*.yaml")}


class _Dumper(yaml.SafeDumper):
    """Lists indented under their key, so that a difference is read easily; no aliases."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def graph(recording: recorder.Recording) -> str:
    """One document: every resource by type and name, its parent and its inputs, secrets hidden."""
    resources = {
        f"{one.type} {one.name}": {"parent": one.parent, "inputs": hidden(one.inputs)}
        for one in recording.resources
    }
    content = {"resources": resources, "outputs": sorted(recording.outputs)}
    return yaml.dump(content, Dumper=_Dumper, sort_keys=True, width=100)


def hidden(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"secret"}:
            keys = value["secret"]
            return {"secret": sorted(keys) if isinstance(keys, dict) else "..."}
        # What is in user-data has golden files of its own (tests/golden/bringup); an archive's key tells it.
        long = {"userData", "contentBase64"}
        return {key: "..." if key in long else hidden(one) for key, one in value.items()}
    return [hidden(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", sorted({**ENVIRONMENTS, **VARIANTS}))
def test_the_graph_is_the_committed_one(
    name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment = next(one for one in sorted(ENVIRONMENTS, reverse=True) if name.startswith(one))
    values = {**recorder.values_of(environment), **VARIANTS.get(name, {})}
    actual = graph(recorder.record(environment, values, monkeypatch, tmp_path))
    path = GOLDEN / f"{name}.yaml"
    if request.config.getoption("--update-golden"):
        path.write_text(actual)
    expected = path.read_text() if path.exists() else ""
    difference = difflib.unified_diff(
        expected.splitlines(), actual.splitlines(), "committed", "now", lineterm=""
    )
    assert actual == expected, "\n".join([*difference, "", "pytest tests/golden --update-golden writes it"])


def test_no_golden_file_is_left_of_an_environment_that_is_gone() -> None:
    assert {path.stem for path in GOLDEN.glob("*.yaml")} == {*ENVIRONMENTS, *VARIANTS}
