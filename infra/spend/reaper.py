"""The reaper: a small scheduled function in the account that ends an environment's expired machines.

The machines power themselves off, and their group ends with the lifetime, without it; it is there for what
neither reaches, such as the bastion or a machine that hangs. It never deletes what keeps data, and nothing
else: `berth reap` and `berth down` do that.
"""

import base64
import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.machine.role import policy
from infra.tags import MANAGER

RUNTIME = "python3.13"
SOURCE = Path(__file__).with_name("reaper_function.py")
LOG_DAYS = 30
_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class ReaperArgs:
    """bucket: where the function's code is put; machines may not write there. every_minutes: 5 to 1440."""

    environment: str
    region: str
    account_id: str
    bucket: pulumi.Input[str]
    every_minutes: int


class Reaper(pulumi.ComponentResource):
    """A function that ends what has expired, its schedule, and the rights of both."""

    function: pulumi.Output[str]

    def __init__(self, name: str, args: ReaperArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("berth:spend:Reaper", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        called = f"berth-{args.environment}-reaper"
        log = aws.cloudwatch.LogGroup(
            f"{name}-log", name=f"/aws/lambda/{called}", retention_in_days=LOG_DAYS, opts=self._child
        )
        role = self._role(
            "function", {"Principal": {"Service": "lambda.amazonaws.com"}}, statements(args, log.arn)
        )
        code = archive()
        digest = hashlib.sha256(code)
        stored = aws.s3.BucketObjectv2(
            f"{name}-code",
            bucket=args.bucket,
            key=f"functions/reaper-{digest.hexdigest()[:16]}.zip",
            content_base64=base64.b64encode(code).decode(),
            content_type="application/zip",
            opts=self._child,
        )
        function = aws.lambda_.Function(
            f"{name}-function",
            name=called,
            description=f"Ends the expired machines of {args.environment}",
            runtime=RUNTIME,
            handler=f"{SOURCE.stem}.handler",
            s3_bucket=stored.bucket,
            s3_key=stored.key,
            source_code_hash=base64.b64encode(digest.digest()).decode(),
            role=role,
            timeout=_SECONDS,
            environment=aws.lambda_.FunctionEnvironmentArgs(variables={"ENVIRONMENT": args.environment}),
            opts=self._child,
        )
        caller = self._role(
            "schedule",
            {
                "Principal": {"Service": "scheduler.amazonaws.com"},
                # https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
                "Condition": {"StringEquals": {"aws:SourceAccount": args.account_id}},
            },
            [{"Sid": "Call", "Action": "lambda:InvokeFunction", "Resource": function.arn}],
        )
        aws.scheduler.Schedule(
            f"{name}-schedule",
            name=called,
            description=f"Calls {called}",
            schedule_expression=rate(args.every_minutes),
            flexible_time_window=aws.scheduler.ScheduleFlexibleTimeWindowArgs(mode="OFF"),
            target=aws.scheduler.ScheduleTargetArgs(
                arn=function.arn,
                role_arn=caller,
                # The next call is the better repetition.
                retry_policy=aws.scheduler.ScheduleTargetRetryPolicyArgs(
                    maximum_event_age_in_seconds=60, maximum_retry_attempts=1
                ),
            ),
            opts=self._child,
        )
        self.function = function.name
        self.register_outputs({"function": self.function})

    def _role(self, what: str, trust: dict[str, Any], allowed: list[dict[str, Any]]) -> pulumi.Output[str]:
        """The ARN of a role that a service takes, once it has its rights."""
        role = aws.iam.Role(
            f"{self._name}-{what}",
            description=f"The reaper of {self._args.environment}: its {what}",
            assume_role_policy=pulumi.Output.json_dumps(policy([{"Action": "sts:AssumeRole", **trust}])),
            tags={"Name": f"{self._args.environment}-reaper"},
            opts=self._child,
        )
        rights = aws.iam.RolePolicy(
            f"{self._name}-{what}",
            role=role.name,
            policy=pulumi.Output.json_dumps(policy(allowed)),
            opts=self._child,
        )
        return pulumi.Output.all(role.arn, rights.id).apply(lambda known: str(known[0]))


def rate(minutes: int) -> str:
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html."""
    return f"rate({minutes} minute{'' if minutes == 1 else 's'})"


def archive() -> bytes:
    """The function's code as Lambda takes it: the same bytes every time, uncompressed and without a date."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as file:
        entry = zipfile.ZipInfo(SOURCE.name)
        entry.external_attr = 0o644 << 16
        file.writestr(entry, SOURCE.read_text())
    return written.getvalue()


def statements(args: ReaperArgs, log_arn: pulumi.Input[str]) -> list[dict[str, Any]]:
    """The least that the function needs: look everywhere in the region, end what is the environment's."""
    here = f"{args.region}:{args.account_id}"
    ours = {
        "StringEquals": {
            "aws:ResourceTag/berth:environment": args.environment,
            "aws:ResourceTag/berth:managed-by": MANAGER,
        }
    }
    return [
        # Describing cannot be limited to resources.
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2autoscaling.html
        {
            "Sid": "Look",
            "Action": ["autoscaling:DescribeAutoScalingGroups", "ec2:DescribeInstances"],
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:RequestedRegion": args.region}},
        },
        {
            "Sid": "EmptyGroups",
            "Action": "autoscaling:UpdateAutoScalingGroup",
            "Resource": f"arn:aws:autoscaling:{here}:autoScalingGroup:*:autoScalingGroupName/*",
            "Condition": ours,
        },
        {
            "Sid": "EndInstances",
            "Action": "ec2:TerminateInstances",
            "Resource": f"arn:aws:ec2:{here}:instance/*",
            "Condition": ours,
        },
        {
            "Sid": "Log",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": pulumi.Output.concat(log_arn, ":*"),
        },
    ]
