from pathlib import Path

import pytest
from translation import Resource, from_export, from_golden, kind, plan, singular, snake

# The SDK warns of what it keeps for old programs while it is imported.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("aws:ec2/vpc:Vpc", "aws_vpc"),
        ("aws:ec2/launchTemplate:LaunchTemplate", "aws_launch_template"),
        ("aws:iam/rolePolicy:RolePolicy", "aws_iam_role_policy"),
        ("aws:s3/bucketObjectv2:BucketObjectv2", "aws_s3_object"),
        ("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "aws_vpc_security_group_ingress_rule"),
        ("aws:ec2/managedPrefixList:ManagedPrefixList", "aws_ec2_managed_prefix_list"),
        ("aws:budgets/budget:Budget", "aws_budgets_budget"),
    ],
)
def test_types_have_their_terraform_names(token: str, expected: str) -> None:
    assert kind(token) == expected


def test_names_are_turned_as_terraform_writes_them() -> None:
    assert snake("blockPublicAcls") == "block_public_acls"
    assert snake("cidrIpv4") == "cidr_ipv4"
    assert [singular(name) for name in ("rules", "entries", "ingress")] == ["rule", "entry", "ingress"]


def test_objects_become_blocks_and_references_stand_for_unknown_values() -> None:
    bucket = Resource("aws:s3/bucket:Bucket", "data", "data-1", {"forceDestroy": True, "tags": {"a": "1"}})
    encrypted = Resource(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "encrypted",
        "data-1",
        {"bucket": "data-1", "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]},
    )
    made = plan([bucket, encrypted])
    first, second = made["planned_values"]["root_module"]["resources"]
    assert first["values"]["tags"] == {"a": "1"}, "a map stays one"
    assert first["values"]["bucket"] is None, "what is not set is null"
    assert second["values"]["rule"] == [
        {"apply_server_side_encryption_by_default": [{"sse_algorithm": "AES256"}]}
    ]
    assert "bucket" not in second["values"], "it is known after the creation only"
    configured = made["configuration"]["root_module"]["resources"][1]
    assert configured["expressions"]["bucket"]["references"] == [
        "aws_s3_bucket.data.id",
        "aws_s3_bucket.data",
    ]


def test_an_exported_stack_is_read() -> None:
    export = {
        "deployment": {
            "resources": [
                {"type": "pulumi:pulumi:Stack", "urn": "urn:pulumi:e::p::pulumi:pulumi:Stack::e"},
                {
                    "type": "aws:ec2/vpc:Vpc",
                    "urn": "urn:pulumi:e::p::aws:ec2/vpc:Vpc::net",
                    "custom": True,
                    "id": "v",
                },
            ]
        }
    }
    assert from_export(export) == [Resource("aws:ec2/vpc:Vpc", "net", "v", {})]


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("aws-*.yaml")), ids=lambda file: file.stem)
def test_every_committed_resource_is_translated(file: Path) -> None:
    resources = from_golden(file)
    made = plan(resources)["planned_values"]["root_module"]["resources"]
    addresses = {row["address"] for row in made}
    assert len(addresses) == len(resources) > 50
