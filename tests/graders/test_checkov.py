"""checkov on what the committed environments declare, and on the same with mistakes planted in it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from running import Finding, checkov, exceptions, judged
from translation import Resource, from_golden, plan

# The SDK warns of what it keeps for old programs while it is imported.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
GOLDEN = Path(__file__).parents[1] / "golden"
ENVIRONMENTS = sorted(GOLDEN.glob("aws-*.yaml"))
EVERYBODY = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"%s","Resource":"*"}]}'
)
ADMINISTRATOR = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
# Which input of which type is changed to what, and the rule that must find it. None takes the resource away.
PLANTED: list[tuple[str, str, dict[str, Any] | None]] = [
    ("CKV_AWS_79", "ec2/launchTemplate:LaunchTemplate", {"metadataOptions": {"httpTokens": "optional"}}),
    ("CKV_AWS_24", "vpc/securityGroupIngressRule:SecurityGroupIngressRule", {"cidrIpv4": "0.0.0.0/0"}),
    ("CKV_AWS_88", "ec2/instance:Instance", {"associatePublicIpAddress": True}),
    ("CKV_AWS_51", "ecr/repository:Repository", {"imageTagMutability": "MUTABLE"}),
    ("CKV_AWS_169", "sns/topicPolicy:TopicPolicy", {"policy": EVERYBODY % "sns:Publish"}),
    ("CKV_AWS_355", "iam/rolePolicy:RolePolicy", {"policy": ADMINISTRATOR}),
    ("CKV_AWS_70", "s3/bucketPolicy:BucketPolicy", {"policy": EVERYBODY % "s3:GetObject"}),
    ("CKV_AWS_53", "s3/bucketPublicAccessBlock:BucketPublicAccessBlock", {"blockPublicAcls": False}),
    ("CKV_AWS_21", "s3/bucketVersioning:BucketVersioning", None),
    ("CKV2_AWS_11", "ec2/flowLog:FlowLog", None),
    ("CKV2_AWS_12", "ec2/defaultSecurityGroup:DefaultSecurityGroup", None),
]


def with_mistakes(resources: list[Resource]) -> list[Resource]:
    made = []
    for one in resources:
        changes = [change for _, token, change in PLANTED if one.type == f"aws:{token}"]
        if None in changes:
            continue
        inputs = dict(one.inputs)
        for change in changes:
            inputs.update(change or {})
        made.append(replace(one, inputs=inputs))
    return made


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Finding]]:
    plans = {file.stem: plan(from_golden(file)) for file in ENVIRONMENTS}
    plans["planted"] = plan(with_mistakes(from_golden(GOLDEN / "aws-vm.yaml")))
    return checkov(plans, tmp_path_factory.mktemp("checkov"))


def test_no_rule_fails_without_a_committed_reason(found: dict[str, list[Finding]]) -> None:
    findings = [one for name, rows in found.items() if name != "planted" for one in rows]
    remaining, idle = judged(findings, exceptions("checkov"))
    assert not remaining, "\n".join(f"{one.check} {one.resource}: {one.text}" for one in remaining)
    assert not idle, f"exceptions that cover nothing any more: {idle}"


@pytest.mark.parametrize("check", [check for check, _, _ in PLANTED])
def test_a_planted_mistake_is_found(found: dict[str, list[Finding]], check: str) -> None:
    before = {one.resource for one in found["aws-vm"] if one.check == check}
    now = {one.resource for one in found["planted"] if one.check == check}
    assert now - before, f"{check} finds nothing new among {sorted({one.check for one in found['planted']})}"
