"""The committed environments keep every rule; their resources are read from the golden lists of them."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import yaml
from planted import findings

from infra.policy.model import Resource

GOLDEN = Path(__file__).parents[1] / "golden"


def resources(name: str) -> list[Resource]:
    graph = yaml.safe_load((GOLDEN / f"{name}.yaml").read_text())["resources"]
    declared = {tuple(key.split(" ", 1)): one["inputs"] for key, one in graph.items()}
    aws: dict[str, Any] = next(
        (inputs for (type_, _), inputs in declared.items() if type_ == "pulumi:providers:aws"), {}
    )
    return [
        # The recorder's identifiers: what refers to a resource holds one.
        Resource(type=type_, name=name, urn=f"urn:{name}", id=f"{name}-id", props=inputs, provider=aws)
        for (type_, name), inputs in declared.items()
    ]


@pytest.mark.parametrize("name", sorted(path.stem for path in GOLDEN.glob("*.yaml")))
def test_a_committed_environment_keeps_every_rule(name: str) -> None:
    found = resources(name)
    assert found
    assert findings(*found) == {}


@pytest.mark.parametrize(
    ("left_out", "rule"),
    [
        ("aws:budgets/budget:Budget", "budget-present"),
        ("aws:autoscaling/schedule:Schedule", "lifetime-present"),
        ("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "closed-buckets"),
        ("aws:s3/bucketPolicy:BucketPolicy", "closed-buckets"),
    ],
)
def test_what_keeps_a_rule_is_needed(left_out: str, rule: str) -> None:
    rest = [one for one in resources("aws-vm") if one.type != left_out]
    assert set(findings(*rest)) == {rule}


def test_the_default_tags_are_needed() -> None:
    untagged = [dataclasses.replace(one, provider={}) for one in resources("aws-vm")]
    assert len(findings(*untagged)["tags"]) > 20
