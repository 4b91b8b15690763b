"""A record of every connection that a VPC allowed or refused, kept in CloudWatch Logs or in a bucket."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

# Seconds, so that a refused connection can be seen while somebody still wonders; the default is 600.
_INTERVAL = 60


@dataclass(frozen=True, kw_only=True)
class FlowLogsArgs:
    """bucket_arn: absent, the records go to CloudWatch Logs and are kept for retention_days."""

    environment: str
    region: str
    account_id: pulumi.Input[str]
    vpc_id: pulumi.Input[str]
    retention_days: int
    bucket_arn: pulumi.Input[str] | None = None


class FlowLogs(pulumi.ComponentResource):
    """The flow log of one VPC, and what it writes to."""

    def __init__(self, name: str, args: FlowLogsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("berth:network:FlowLogs", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        tags = {"Name": f"{args.environment}-flow-logs"}
        if args.bucket_arn is not None:
            aws.ec2.FlowLog(
                f"{name}-vpc",
                vpc_id=args.vpc_id,
                traffic_type="ALL",
                log_destination_type="s3",
                log_destination=args.bucket_arn,
                max_aggregation_interval=_INTERVAL,
                tags=tags,
                opts=child,
            )
        else:
            group = aws.cloudwatch.LogGroup(
                f"{name}-group", retention_in_days=args.retention_days, tags=tags, opts=child
            )
            aws.ec2.FlowLog(
                f"{name}-vpc",
                vpc_id=args.vpc_id,
                traffic_type="ALL",
                log_destination_type="cloud-watch-logs",
                log_destination=group.arn,
                iam_role_arn=_writer(name, args, group, child).arn,
                max_aggregation_interval=_INTERVAL,
                tags=tags,
                opts=child,
            )
        self.register_outputs({})


def _writer(
    name: str, args: FlowLogsArgs, group: aws.cloudwatch.LogGroup, child: pulumi.ResourceOptions
) -> aws.iam.Role:
    """The role that writes into the one group, for flow logs of this account and region alone.

    It may not make groups, so that one deleted with the environment stays deleted.
    https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html
    """
    role = aws.iam.Role(
        f"{name}-writer",
        description="Writes the VPC's flow logs",
        assume_role_policy=pulumi.Output.json_dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": "sts:AssumeRole",
                        "Principal": {"Service": "vpc-flow-logs.amazonaws.com"},
                        "Condition": {
                            "StringEquals": {"aws:SourceAccount": args.account_id},
                            "ArnLike": {
                                "aws:SourceArn": pulumi.Output.concat(
                                    f"arn:*:ec2:{args.region}:", args.account_id, ":vpc-flow-log/*"
                                )
                            },
                        },
                    }
                ],
            }
        ),
        tags={"Name": f"{args.environment}-flow-logs"},
        opts=child,
    )
    aws.iam.RolePolicy(
        f"{name}-write",
        role=role.name,
        policy=pulumi.Output.json_dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": [
                            "logs:CreateLogStream",
                            "logs:DescribeLogGroups",
                            "logs:DescribeLogStreams",
                            "logs:PutLogEvents",
                        ],
                        "Resource": pulumi.Output.concat(group.arn, ":*"),
                    }
                ],
            }
        ),
        opts=child,
    )
    return role
