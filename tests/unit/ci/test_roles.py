"""The pipeline's roles: enough for the environment, and nothing of anybody else's."""

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import boto3
import moto
import pytest
import yaml
from workflow_files import CHECKOUT

from scripts.ci import roles

ACCOUNT, REGION = "123456789012", "us-east-1"
FILLED = {
    "STATE_BUCKET": "our-state",
    "STATE_KEY": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1",
    "ENVIRONMENT": "aws-vm",
    "ACCOUNT": ACCOUNT,
    "REGION": REGION,
}
GITHUB = roles.documents("github", "repo:o@1/r@2", FILLED)
GITLAB = roles.documents("gitlab", "project_path:g/p", FILLED)
READING = re.compile(r"(Describe|Get|List|View|BatchGet)")

# What AWS itself needs for a type, by what it calls the type; the schemas say so under "handlers".
# https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
PACKAGE = Path(find_spec("cfnlint").origin or "")  # type: ignore[union-attr]  # moto brings it
SCHEMAS = PACKAGE.parent / "data" / "schemas"
VENDOR = {
    "autoscaling/group:Group": "AutoScaling::AutoScalingGroup",
    "autoscaling/policy:Policy": "AutoScaling::ScalingPolicy",
    "autoscaling/schedule:Schedule": "AutoScaling::ScheduledAction",
    "budgets/budget:Budget": "Budgets::Budget",
    "cloudwatch/logGroup:LogGroup": "Logs::LogGroup",
    "cloudwatch/metricAlarm:MetricAlarm": "CloudWatch::Alarm",
    "ec2/eip:Eip": "EC2::EIP",
    "ec2/eipAssociation:EipAssociation": "EC2::EIPAssociation",
    "ec2/flowLog:FlowLog": "EC2::FlowLog",
    "ec2/instance:Instance": "EC2::Instance",
    "ec2/internetGateway:InternetGateway": "EC2::InternetGateway",
    "ec2/launchTemplate:LaunchTemplate": "EC2::LaunchTemplate",
    "ec2/managedPrefixList:ManagedPrefixList": "EC2::PrefixList",
    "ec2/natGateway:NatGateway": "EC2::NatGateway",
    "ec2/route:Route": "EC2::Route",
    "ec2/routeTable:RouteTable": "EC2::RouteTable",
    "ec2/routeTableAssociation:RouteTableAssociation": "EC2::SubnetRouteTableAssociation",
    "ec2/securityGroup:SecurityGroup": "EC2::SecurityGroup",
    "ec2/subnet:Subnet": "EC2::Subnet",
    "ec2/vpc:Vpc": "EC2::VPC",
    "ec2/vpcEndpoint:VpcEndpoint": "EC2::VPCEndpoint",
    "ec2transitgateway/instanceConnectEndpoint:InstanceConnectEndpoint": "EC2::InstanceConnectEndpoint",
    "ecr/repository:Repository": "ECR::Repository",
    "iam/group:Group": "IAM::Group",
    "iam/instanceProfile:InstanceProfile": "IAM::InstanceProfile",
    "iam/role:Role": "IAM::Role",
    "iam/rolePolicy:RolePolicy": "IAM::RolePolicy",
    "lambda/function:Function": "Lambda::Function",
    "s3/bucket:Bucket": "S3::Bucket",
    "s3/bucketPolicy:BucketPolicy": "S3::BucketPolicy",
    "scheduler/schedule:Schedule": "Scheduler::Schedule",
    "sns/topic:Topic": "SNS::Topic",
    "sns/topicPolicy:TopicPolicy": "SNS::TopicPolicy",
    "sns/topicSubscription:TopicSubscription": "SNS::Subscription",
    "ssm/parameter:Parameter": "SSM::Parameter",
    "vpc/securityGroupEgressRule:SecurityGroupEgressRule": "EC2::SecurityGroupEgress",
    "vpc/securityGroupIngressRule:SecurityGroupIngressRule": "EC2::SecurityGroupIngress",
}
# Settings of a bucket or a group that are types of their own here, and part of the bucket or group there.
PARTS = {
    "ec2/defaultSecurityGroup:DefaultSecurityGroup",
    "ecr/lifecyclePolicy:LifecyclePolicy",
    "iam/groupMembership:GroupMembership",
    "iam/groupPolicy:GroupPolicy",
    "s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
    "s3/bucketObjectv2:BucketObjectv2",
    "s3/bucketOwnershipControls:BucketOwnershipControls",
    "s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "s3/bucketVersioning:BucketVersioning",
}
# What the schemas list for properties that no environment of ours sets.
UNUSED = re.compile(
    r"(managed-fleets|vpc-lattice|vpce|s3tables|firehose|billing|kms|elasticloadbalancing):|"
    r"s3:(Get|Put)(Accelerate|Analytics|Inventory|IntelligentTiering|Metrics|Replication|ObjectLock|ObjectAcl)|"
    r"s3:(PutBucket(Abac|Acl|CORS|Logging|Notification|ObjectLock|Replication|Website)\w*|REST.PUT.OBJECT)|"
    r"s3:(Create|Get)BucketMetadata\w+|"
    r"logs:\w*(DataProtection|IndexPolic|ResourcePolic|BearerToken|LogDelivery)\w*|sns:\w+DataProtectionPolicy|"
    r"ssm:\w*Associations?$|iam:AttachGroupPolicy|ec2:AcceptAddressTransfer|ec2:\w*VpcEncryptionControls?|"
    r"ec2:(Attach|Detach)Volume|ec2:(Associate|Disassociate|Replace)IamInstanceProfile\w*|"
    r"ec2:Modify(InstanceCredit|InstancePlacement|PrivateDns)\w*|ec2:MonitorInstances|"
    r"elasticfilesystem:|s3files:|lambda:\w*(Concurrency|RecursionConfig|ScalingConfig|CapacityProvider)|"
    r"lambda:(GetCodeSigningConfig|GetLayerVersion|PutRuntimeManagementConfig|AssociateRuntimeAlias)|"
    r"s3:GetObjectVersion|autoscaling:PutNotificationConfiguration|ecr:SetRepositoryPolicy"
)


@pytest.fixture(scope="module")
def resources() -> list[tuple[str, str, dict[str, Any]]]:
    """Type, name and inputs of what the committed variants of `aws-vm` consist of."""
    found = []
    for file in sorted((CHECKOUT / "tests" / "golden").glob("aws-vm*.yaml")):
        for key, value in yaml.safe_load(file.read_text())["resources"].items():
            token, name = key.split(" ")
            if token.startswith("aws:"):
                found.append((token.removeprefix("aws:"), name, value.get("inputs") or {}))
    return found


@cache
def _statements(name: str) -> list[dict[str, Any]]:
    return list(json.loads(GITHUB[f"{name}.json"])["Statement"])


def _allowed(names: tuple[str, ...], action: str, arn: str | None = None) -> bool:
    return any(
        any(fnmatchcase(action.lower(), one.lower()) for one in _listed(statement["Action"]))
        and (arn is None or any(fnmatchcase(arn, one) for one in _listed(statement["Resource"])))
        for name in names
        for statement in _statements(name)
    )


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


@cache
def _index() -> dict[str, str]:
    return dict(json.loads((SCHEMAS / "providers" / f"{REGION}.json").read_text()))


def _needed(token: str, handler: str) -> Iterator[str]:
    schema = json.loads((SCHEMAS / "resources" / f"{_index()[f'AWS::{VENDOR[token]}']}.json").read_text())
    for action in schema["handlers"].get(handler, {}).get("permissions", []):
        # `Describe*` stands for what each type's own entries name.
        if not UNUSED.match(action) and not action.endswith("*"):
            yield action


def test_every_type_of_the_environment_is_looked_up(resources: list[tuple[str, str, dict[str, Any]]]) -> None:
    assert {token for token, _, _ in resources} <= set(VENDOR) | PARTS


@pytest.mark.parametrize(
    ("role", "handlers"),
    [
        ("preview", ("read",)),
        ("reap", ("read", "delete")),
        ("up", ("create", "read", "delete")),
    ],
)
def test_a_role_may_do_what_aws_says_its_work_needs(role: str, handlers: tuple[str, ...]) -> None:
    lacking = {
        action
        for token in VENDOR
        for handler in handlers
        for action in _needed(token, handler)
        if not _allowed(roles.POLICIES[role], action)
    }
    # CloudFormation marks what it is about to delete.
    assert lacking - ({"iam:TagRole", "iam:UntagRole"} if role == "reap" else set()) == set()


@cache
def _services() -> dict[str, dict[str, Any]]:
    """The services' actions, and types of resources with ARNs and condition keys, as AWS lists them."""
    return dict(json.loads((SCHEMAS.parent / "AdditionalSpecs" / "Policies.json").read_text()))


def _granted() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Every action that a statement allows, with the types of resources that it can be limited to."""
    for name in roles.POLICIES:
        for statement in _statements(name):
            for action in _listed(statement["Action"]):
                prefix, _, wanted = action.partition(":")
                service = _services()[prefix]
                found = [one for one in service["Actions"] if fnmatchcase(one, wanted.lower())]
                assert found, f"{action} is no action"
                for one in found:
                    limits = {kind.lower() for kind in service["Actions"][one].get("Resources", [])}
                    yield action, statement, {kind: service["Resources"].get(kind) or {} for kind in limits}


def test_every_limit_of_a_statement_can_be_met() -> None:
    """An action that takes no such ARN or no such tag would be refused always, and nobody would see why."""
    for action, statement, kinds in _granted():
        named = _listed(statement["Resource"])
        if named != ["*"]:
            patterns = [
                re.sub(r"\$\{\w+\}|\.\*", "*", arn) for kind in kinds.values() for arn in kind["ARNFormats"]
            ]
            concrete = [arn.replace("*", "x") for arn in named]
            assert any(fnmatchcase(arn, pattern) for arn in concrete for pattern in patterns), action
        if "aws:ResourceTag" in str(statement.get("Condition")):
            assert kinds, action
            for kind in kinds.values():
                assert "aws:ResourceTag/${TagKey}" in kind["ConditionKeys"], action


def test_a_preview_changes_nothing() -> None:
    actions = {
        action.partition(":")[2]
        for statement in _statements("preview")
        for action in _listed(statement["Action"])
    }
    assert {action for action in actions if not READING.match(action)} == {"Decrypt"}


def test_reaping_creates_nothing_but_snapshots_and_state() -> None:
    creating = {
        action
        for statement in _statements("reap")
        for action in _listed(statement["Action"])
        if re.search(r":(Create|Run|Put|Attach|Allocate)", action)
    }
    assert creating == {
        "ec2:CreateImage",
        "ec2:CreateSnapshot",
        "ec2:CreateTags",
        "s3:PutObject",
        # That is how S3 is told to forget a bucket's settings.
        "s3:PutBucketOwnershipControls",
        "s3:PutBucketPublicAccessBlock",
        "s3:PutBucketVersioning",
        "s3:PutEncryptionConfiguration",
        "s3:PutLifecycleConfiguration",
    }


def test_what_is_removed_carries_the_environments_tag() -> None:
    """In EC2, where names say nothing. An address's association has no tag."""
    for statement in _statements("reap"):
        actions = _listed(statement["Action"])
        if any(re.match(r"ec2:(Delete|Terminate|Release|Detach|Stop|Revoke)", action) for action in actions):
            assert statement["Condition"] == {"StringEquals": {"aws:ResourceTag/berth:environment": "aws-vm"}}


def test_nothing_that_costs_for_years_can_be_bought() -> None:
    for action in ("PurchaseCapacityBlock", "PurchaseReservedInstancesOffering", "CreateCapacityReservation"):
        assert not _allowed(roles.POLICIES["up"], f"ec2:{action}")


def _arns(token: str, name: str, inputs: dict[str, Any]) -> tuple[str, str] | None:
    """A resource's ARN, and the action that creates it; None where its policy is not by name."""
    called = inputs.get("name") or inputs.get("bucket") or f"{name}-1a2b3c4"
    here = f"{REGION}:{ACCOUNT}"
    return {
        "autoscaling/group:Group": (
            f"arn:aws:autoscaling:{here}:autoScalingGroup:1:autoScalingGroupName/{called}",
            "autoscaling:CreateAutoScalingGroup",
        ),
        "budgets/budget:Budget": (f"arn:aws:budgets::{ACCOUNT}:budget/{called}", "budgets:ModifyBudget"),
        "cloudwatch/logGroup:LogGroup": (f"arn:aws:logs:{here}:log-group:{called}", "logs:CreateLogGroup"),
        "cloudwatch/metricAlarm:MetricAlarm": (
            f"arn:aws:cloudwatch:{here}:alarm:{called}",
            "cloudwatch:PutMetricAlarm",
        ),
        "ecr/repository:Repository": (f"arn:aws:ecr:{here}:repository/{called}", "ecr:CreateRepository"),
        "iam/group:Group": (f"arn:aws:iam::{ACCOUNT}:group/{called}", "iam:CreateGroup"),
        "iam/instanceProfile:InstanceProfile": (
            f"arn:aws:iam::{ACCOUNT}:instance-profile/{called}",
            "iam:CreateInstanceProfile",
        ),
        "iam/role:Role": (f"arn:aws:iam::{ACCOUNT}:role/{called}", "iam:CreateRole"),
        "lambda/function:Function": (f"arn:aws:lambda:{here}:function:{called}", "lambda:CreateFunction"),
        "s3/bucket:Bucket": (f"arn:aws:s3:::{called}", "s3:CreateBucket"),
        "scheduler/schedule:Schedule": (
            f"arn:aws:scheduler:{here}:schedule/default/{called}",
            "scheduler:CreateSchedule",
        ),
        "sns/topic:Topic": (f"arn:aws:sns:{here}:{called}", "sns:CreateTopic"),
        "ssm/parameter:Parameter": (f"arn:aws:ssm:{here}:parameter{called}", "ssm:PutParameter"),
    }.get(token)


def test_names_are_those_that_the_policies_know(resources: list[tuple[str, str, dict[str, Any]]]) -> None:
    checked = 0
    for token, name, inputs in resources:
        found = _arns(token, name, inputs)
        if found is None:
            continue
        checked += 1
        assert _allowed(("up",), found[1], found[0]), found
    assert checked > 20


@pytest.mark.parametrize(
    ("action", "arn"),
    [
        ("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/berth-aws-vm-up"),
        ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/admin"),
        ("s3:DeleteObject", "arn:aws:s3:::somebody-elses/data"),
        ("s3:GetObject", "arn:aws:s3:::berth-other-123456789012-us-east-1/machines/x"),
        ("ecr:DeleteRepository", f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/berth-other/train"),
        ("autoscaling:DeleteAutoScalingGroup",
         f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:autoScalingGroup:1:autoScalingGroupName/other"),
    ],
)  # fmt: skip
def test_what_is_others_is_out_of_reach(action: str, arn: str) -> None:
    assert not _allowed(roles.POLICIES["up"], action, arn)


def test_the_alarm_on_the_accounts_charges_is_where_aws_has_that_metric() -> None:
    """In us-east-1, wherever the environment is."""
    elsewhere = roles.documents("github", "repo:o@1/r@2", FILLED | {"REGION": "eu-north-1"})
    for name in ("preview", "reap", "up"):
        for service, kind in (("sns", ""), ("cloudwatch", "alarm:")):
            wanted = f"arn:aws:{service}:*:{ACCOUNT}:{kind}berth-aws-vm-*"
            assert wanted in elsewhere[f"{name}.json"]
    look = next(one for one in json.loads(elsewhere["preview.json"])["Statement"] if "Condition" in one)
    assert look["Condition"]["StringEquals"]["aws:RequestedRegion"] == ["eu-north-1", "us-east-1"]


def test_the_weights_are_not_a_previews_to_read() -> None:
    bucket = f"arn:aws:s3:::berth-aws-vm-{ACCOUNT}-{REGION}"
    assert _allowed(("preview",), "s3:GetObject", f"{bucket}/machines/expires-at")
    assert not _allowed(("preview",), "s3:GetObject", f"{bucket}/runs/digits/model.safetensors")


@pytest.mark.parametrize(
    ("role", "subjects"),
    [
        ("preview", ["repo:o@1/r@2:pull_request", "repo:o@1/r@2:ref:refs/heads/main"]),
        ("reap", ["repo:o@1/r@2:environment:reap"]),
        ("up", ["repo:o@1/r@2:environment:aws-vm"]),
    ],
)
def test_a_role_trusts_these_runs_of_github_alone(role: str, subjects: list[str]) -> None:
    (statement,) = json.loads(GITHUB[f"trust-{role}.json"])["Statement"]
    assert statement["Condition"] == {
        "StringEquals": {"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"},
        "StringLike": {"token.actions.githubusercontent.com:sub": subjects},
    }
    assert not any("*" in subject for subject in subjects)


def test_on_gitlab_other_branches_than_main_only_read() -> None:
    for role, end in (("preview", "ref:*"), ("reap", "ref:main"), ("up", "ref:main")):
        (statement,) = json.loads(GITLAB[f"trust-{role}.json"])["Statement"]
        assert statement["Condition"]["StringLike"] == {
            "gitlab.com:sub": [f"project_path:g/p:ref_type:branch:{end}"]
        }


@moto.mock_aws
def test_an_account_takes_the_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    iam = boto3.client("iam", region_name=REGION)
    for forge in (GITHUB, GITLAB):
        for name, text in forge.items():
            assert not re.search(r"ENVIRONMENT|ACCOUNT|REGION|STATE_|SUBJECT", text), (
                "every word is filled in"
            )
            if name.startswith("trust-"):
                iam.create_role(RoleName=f"{name}{len(text)}", AssumeRolePolicyDocument=text)
            elif forge is GITHUB:
                iam.create_policy(PolicyName=name, PolicyDocument=text)
            # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
            assert len(re.sub(r"\s", "", text)) <= 6144


def test_the_commands_name_each_file_that_is_written(tmp_path: Path) -> None:
    text = "\n".join(roles.commands("aws-vm", ACCOUNT, tmp_path))
    assert set(re.findall(r"file://(\S+)", text)) == {f"{tmp_path}/{name}" for name in GITHUB}
    assert text.count("create-role") == 3
    assert text.count("attach-role-policy") == sum(map(len, roles.POLICIES.values()))
