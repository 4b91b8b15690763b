"""Who hears of what an environment costs: a budget with thresholds, and an alarm on the account's charges.

Both tell; neither stops anything: AWS works costs out a few times a day. What stops a machine is its
lifetime.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.config.aws_vm import Alert

# Where AWS keeps the metric of an account's charges, and so where the alarm and its topic are.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/monitor_estimated_charges_with_cloudwatch.html
_BILLING_REGION = "us-east-1"
_SIX_HOURS = 21_600
_KINDS = {"actual": "ACTUAL", "forecast": "FORECASTED"}


@dataclass(frozen=True, kw_only=True)
class SpendGuardArgs:
    """monthly_usd: of this environment, told by its tag. billing_alarm: on the account's charges too."""

    environment: str
    account_id: pulumi.Input[str]
    monthly_usd: float
    emails: Sequence[str]
    thresholds: Sequence[Alert]
    billing_alarm: bool


class SpendGuard(pulumi.ComponentResource):
    """A monthly budget, and those who are told."""

    budget_name: pulumi.Output[str]

    def __init__(self, name: str, args: SpendGuardArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("berth:spend:SpendGuard", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        budget = aws.budgets.Budget(
            f"{name}-budget",
            name=f"berth-{args.environment}",
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=f"{args.monthly_usd:g}",
            limit_unit="USD",
            # Counts once the tag is activated for cost allocation, which takes up to 24 hours.
            # https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/activating-tags.html
            cost_filters=[
                aws.budgets.BudgetCostFilterArgs(
                    name="TagKeyValue", values=[f"user:berth:environment${args.environment}"]
                )
            ],
            notifications=[self._notification(alert) for alert in args.thresholds],
            tags={"Name": f"berth-{args.environment}"},
            opts=self._child,
        )
        if args.billing_alarm:
            self._alarm(self._topic())
        self.budget_name = budget.name
        self.register_outputs({"budget_name": self.budget_name})

    def _notification(self, alert: Alert) -> aws.budgets.BudgetNotificationArgs:
        return aws.budgets.BudgetNotificationArgs(
            comparison_operator="GREATER_THAN",
            threshold=alert.percent,
            threshold_type="PERCENTAGE",
            notification_type=_KINDS[alert.kind],
            subscriber_email_addresses=list(self._args.emails),
        )

    def _topic(self) -> aws.sns.Topic:
        topic = aws.sns.Topic(
            f"{self._name}-charges",
            name=f"berth-{self._args.environment}-charges",
            region=_BILLING_REGION,
            # CloudWatch may publish to a topic with AWS's own key only if the key's policy lets it, which it
            # does not; a topic without a key is encrypted at rest all the same.
            # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
            tags={"Name": f"berth-{self._args.environment}-charges"},
            opts=self._child,
        )
        aws.sns.TopicPolicy(
            f"{self._name}-charges",
            arn=topic.arn,
            region=_BILLING_REGION,
            policy=pulumi.Output.all(arn=topic.arn, account=self._args.account_id).apply(
                lambda known: json.dumps(topic_policy(known["arn"], known["account"]))
            ),
            opts=self._child,
        )
        for email in sorted(self._args.emails):
            aws.sns.TopicSubscription(
                f"{self._name}-charges-{email}",
                topic=topic.arn,
                region=_BILLING_REGION,
                protocol="email",
                endpoint=email,
                opts=self._child,
            )
        return topic

    def _alarm(self, topic: aws.sns.Topic) -> None:
        aws.cloudwatch.MetricAlarm(
            f"{self._name}-charges",
            name=f"berth-{self._args.environment}-charges",
            region=_BILLING_REGION,
            alarm_description=f"The account's charges of this month are above {self._args.monthly_usd:g} USD",
            namespace="AWS/Billing",
            metric_name="EstimatedCharges",
            dimensions={"Currency": "USD"},
            statistic="Maximum",
            period=_SIX_HOURS,
            evaluation_periods=1,
            comparison_operator="GreaterThanThreshold",
            threshold=self._args.monthly_usd,
            treat_missing_data="notBreaching",
            alarm_actions=[topic.arn],
            tags={"Name": f"berth-{self._args.environment}-charges"},
            opts=self._child,
        )


def topic_policy(arn: str, account_id: str) -> dict[str, Any]:
    """CloudWatch's alarms of this account may publish, and nothing without TLS."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Alarms",
                "Effect": "Allow",
                "Principal": {"Service": "cloudwatch.amazonaws.com"},
                "Action": "sns:Publish",
                "Resource": arn,
                "Condition": {"StringEquals": {"aws:SourceAccount": account_id}},
            },
            {
                "Sid": "TlsOnly",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "sns:Publish",
                "Resource": arn,
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
        ],
    }
