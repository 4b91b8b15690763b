"""An IAM group for those who work with an environment: log in, watch, fetch results, snapshot, stop.

It does not let them create or change the environment: that takes the rights of whoever runs `pulumi up`.
Everything that IAM can limit to the environment is limited to it, by its tag or by its name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.machine.role import policy


@dataclass(frozen=True, kw_only=True)
class PeopleArgs:
    """users: IAM users that exist. access: ssm, bastion or instance-connect."""

    environment: str
    region: str
    account_id: str
    access: str
    bucket_arn: pulumi.Input[str]
    users: Sequence[str]


class People(pulumi.ComponentResource):
    """The people of an environment, and what they may do."""

    group: pulumi.Output[str]

    def __init__(self, name: str, args: PeopleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("berth:identity:People", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        group = aws.iam.Group(f"{name}-group", name=f"berth-{args.environment}", opts=child)
        aws.iam.GroupPolicy(
            f"{name}-rights",
            group=group.name,
            policy=pulumi.Output.json_dumps(policy(statements(args))),
            opts=child,
        )
        if args.users:
            aws.iam.GroupMembership(
                f"{name}-members",
                name=f"berth-{args.environment}",
                group=group.name,
                users=sorted(args.users),
                opts=child,
            )
        self.group = group.name
        self.register_outputs({"group": self.group})


def statements(args: PeopleArgs) -> list[dict[str, Any]]:
    """What the group allows."""
    here = f"{args.region}:{args.account_id}"
    ours = {"StringEquals": {"aws:ResourceTag/berth:environment": args.environment}}
    groups = f"autoScalingGroupName/{args.environment}-*"
    instances = f"arn:aws:ec2:{here}:instance/*"
    allowed: list[dict[str, Any]] = [
        # Describing cannot be limited to resources.
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
        {
            "Sid": "Look",
            "Action": [
                "autoscaling:DescribeAutoScalingGroups",
                "autoscaling:DescribeScalingActivities",
                "ec2:DescribeImages",
                "ec2:DescribeInstances",
                "ec2:DescribeSpotPriceHistory",
            ],
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:RequestedRegion": args.region}},
        },
        {
            "Sid": "Results",
            "Action": "s3:GetObject",
            "Resource": [
                pulumi.Output.concat(args.bucket_arn, f"/{part}/*") for part in ("machines", "runs")
            ],
        },
        {"Sid": "FindResults", "Action": "s3:ListBucket", "Resource": args.bucket_arn},
        {
            "Sid": "StopAndStart",
            "Action": "autoscaling:SetDesiredCapacity",
            "Resource": f"arn:aws:autoscaling:{here}:autoScalingGroup:*:{groups}",
        },
        {
            "Sid": "Spent",
            "Action": "budgets:ViewBudget",
            "Resource": f"arn:aws:budgets::{args.account_id}:budget/berth-{args.environment}",
        },
        {"Sid": "Console", "Action": "ec2:GetConsoleOutput", "Resource": instances, "Condition": ours},
        {"Sid": "Snapshot", "Action": "ec2:CreateImage", "Resource": instances, "Condition": ours},
        {
            "Sid": "SnapshotResult",
            "Action": "ec2:CreateImage",
            "Resource": [f"arn:aws:ec2:{args.region}::image/*", f"arn:aws:ec2:{args.region}::snapshot/*"],
        },
        {
            "Sid": "TagSnapshot",
            "Action": "ec2:CreateTags",
            "Resource": [f"arn:aws:ec2:{args.region}::image/*", f"arn:aws:ec2:{args.region}::snapshot/*"],
            "Condition": {"StringEquals": {"ec2:CreateAction": "CreateImage"}},
        },
    ]
    return allowed + _way_in(args, instances, ours)


def _way_in(args: PeopleArgs, instances: str, ours: dict[str, Any]) -> list[dict[str, Any]]:
    if args.access == "ssm":
        return [
            {"Sid": "Session", "Action": "ssm:StartSession", "Resource": instances, "Condition": ours},
            {
                "Sid": "SessionKinds",
                "Action": "ssm:StartSession",
                "Resource": [
                    f"arn:aws:ssm:{args.region}::document/AWS-StartSSHSession",
                    f"arn:aws:ssm:{args.region}::document/AWS-StartPortForwardingSession",
                ],
            },
            # One's own sessions only. https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-restrict-access-examples.html
            {
                "Sid": "OwnSessions",
                "Action": ["ssm:ResumeSession", "ssm:TerminateSession"],
                "Resource": f"arn:aws:ssm:{args.region}:{args.account_id}:session/${{aws:username}}-*",
            },
        ]
    if args.access == "instance-connect":
        endpoints = f"arn:aws:ec2:{args.region}:{args.account_id}:instance-connect-endpoint/*"
        return [
            {
                "Sid": "Tunnel",
                "Action": "ec2-instance-connect:OpenTunnel",
                "Resource": endpoints,
                "Condition": {
                    **ours,
                    "NumericEquals": {"ec2-instance-connect:remotePort": "22"},
                },
            }
        ]
    return []
