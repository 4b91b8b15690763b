"""What the GPU machine may do on AWS: its own reports and runs in the bucket, and pulling its images.

It may not write the stack's own objects under `machines/`: a machine that could would live as long as it
likes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, kw_only=True)
class MachineRoleArgs:
    """repository_arns: what it pulls."""

    environment: str
    bucket_arn: pulumi.Input[str]
    repository_arns: Sequence[pulumi.Input[str]]


class MachineRole(pulumi.ComponentResource):
    """The role of the GPU machine, and its instance profile."""

    role: pulumi.Output[str]
    profile_arn: pulumi.Output[str]

    def __init__(self, name: str, args: MachineRoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("berth:machine:MachineRole", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        tags = {"Name": f"{args.environment}-machine"}
        role = aws.iam.Role(
            f"{name}-role",
            description=f"The GPU machine of {args.environment}",
            assume_role_policy=pulumi.Output.json_dumps(
                policy([{"Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}])
            ),
            tags=tags,
            opts=child,
        )
        rights = aws.iam.RolePolicy(
            f"{name}-rights",
            role=role.name,
            policy=pulumi.Output.json_dumps(policy(statements(args.bucket_arn, args.repository_arns))),
            opts=child,
        )
        profile = aws.iam.InstanceProfile(f"{name}-profile", role=role.name, tags=tags, opts=child)
        self.role = role.name
        # Only once it may do its work: the first thing that a machine does is to ask S3.
        self.profile_arn = pulumi.Output.all(profile.arn, rights.id).apply(lambda known: str(known[0]))
        self.register_outputs({"role": self.role, "profile_arn": self.profile_arn})


def statements(
    bucket_arn: pulumi.Input[str], repository_arns: Sequence[pulumi.Input[str]]
) -> list[dict[str, Any]]:
    """The least that bring-up, training and serving need."""

    def objects(*patterns: str) -> list[pulumi.Output[str]]:
        return [pulumi.Output.concat(bucket_arn, "/", pattern) for pattern in patterns]

    return [
        {
            "Sid": "Read",
            "Action": "s3:GetObject",
            "Resource": objects("datasets/*", "machines/*", "runs/*"),
        },
        {"Sid": "Report", "Action": "s3:PutObject", "Resource": objects("machines/i-*", "runs/*")},
        {"Sid": "OldCheckpoints", "Action": "s3:DeleteObject", "Resource": objects("runs/*")},
        {
            "Sid": "FindCheckpoints",
            "Action": "s3:ListBucket",
            "Resource": bucket_arn,
            "Condition": {"StringLike": {"s3:prefix": ["datasets/*", "machines/*", "runs/*"]}},
        },
        # The one action of ECR that cannot be limited to a repository.
        # https://docs.aws.amazon.com/AmazonECR/latest/userguide/security_iam_id-based-policy-examples.html
        {"Sid": "LogIn", "Action": "ecr:GetAuthorizationToken", "Resource": "*"},
        {
            "Sid": "Pull",
            "Action": [
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
                "ecr:GetDownloadUrlForLayer",
            ],
            "Resource": list(repository_arns),
        },
    ]


def policy(allowed: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """An IAM policy document that allows these statements."""
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **one} for one in allowed]}
