"""Samples of identities, and of what they are told and keep: IAM, SNS, alarms, logs, parameters, keys."""

import json

from aws_plugin import Case

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "*"}],
}
OTHER = {**POLICY, "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
OPEN = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sns:*", "Resource": "*"}]}
ROLE = ("aws:iam/role:Role", {"assumeRolePolicy": json.dumps(TRUST), "tags": {"a": "b"}})
GROUP = ("aws:iam/group:Group", {"name": "people"})
MANAGED = ("aws:iam/policy:Policy", {"policy": json.dumps(POLICY)})
USER = ("aws:iam/user:User", {"name": "alice"})
TOPIC = ("aws:sns/topic:Topic", {"name": "alerts"})
KEY = ("aws:kms/key:Key", {"description": "logs"})

CASES = [
    Case(
        "aws:iam/role:Role",
        {"assumeRolePolicy": TRUST, "description": "machine", "tags": {"a": "b"}},
        change={"description": "other", "maxSessionDuration": 7200, "tags": {"c": "d"}},
        replace={"name": "fixed", "path": "/berth/"},
        unread=("forceDetachPolicies",),
    ),
    Case(
        "aws:iam/policy:Policy",
        {"policy": json.dumps(POLICY), "description": "d", "tags": {"a": "b"}},
        change={"policy": json.dumps(OTHER)},
        replace={"description": "e", "path": "/berth/"},
    ),
    Case(
        "aws:iam/rolePolicy:RolePolicy",
        {"role": "${role}", "policy": json.dumps(POLICY, indent=4)},
        change={"policy": json.dumps(OTHER)},
        replace={"name": "other"},
        needs={"role": ROLE},
    ),
    Case(
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        {"role": "${role}", "policyArn": "${policy}"},
        replace={"policyArn": "arn:aws:iam::123456789012:policy/x"},
        needs={"role": ROLE, "policy": MANAGED},
    ),
    Case(
        "aws:iam/instanceProfile:InstanceProfile",
        {"role": "${role}", "tags": {"a": "b"}},
        change={"role": "${second}", "tags": {"a": "c"}},
        replace={"path": "/berth/"},
        needs={"role": ROLE, "second": ROLE},
    ),
    Case("aws:iam/group:Group", {"path": "/berth/"}, change={"path": "/"}, replace={"name": "other"}),
    Case(
        "aws:iam/groupPolicy:GroupPolicy",
        {"group": "${group}", "policy": POLICY},
        change={"policy": OTHER},
        replace={"name": "other"},
        needs={"group": GROUP},
    ),
    Case(
        "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
        {"group": "${group}", "policyArn": "${policy}"},
        replace={"policyArn": "arn:aws:iam::123456789012:policy/x"},
        needs={"group": GROUP, "policy": MANAGED},
    ),
    Case(
        "aws:iam/groupMembership:GroupMembership",
        {"group": "${group}", "users": ["${alice}"]},
        change={"users": ["${alice}", "${bob}"]},
        replace={"name": "other"},
        needs={"group": GROUP, "alice": USER, "bob": ("aws:iam/user:User", {"name": "bob"})},
        imported=False,
    ),
    Case(
        "aws:iam/user:User",
        {"path": "/berth/", "tags": {"a": "b"}, "forceDestroy": True},
        change={"path": "/", "tags": None},
        replace={"name": "carol"},
        unread=("forceDestroy",),
    ),
    Case(
        "aws:sns/topic:Topic",
        {"displayName": "alerts", "tags": {"a": "b"}},
        change={"displayName": "other", "tags": {"a": "c"}},
        replace={"name": "other", "fifoTopic": True},
    ),
    Case(
        "aws:sns/topicPolicy:TopicPolicy",
        {"arn": "${topic}", "policy": json.dumps(OPEN)},
        change={"policy": json.dumps({**OPEN, "Id": "new"})},
        needs={"topic": TOPIC},
    ),
    Case(
        "aws:sns/topicSubscription:TopicSubscription",
        {"topic": "${topic}", "protocol": "email", "endpoint": "me@example.org"},
        change={"filterPolicy": json.dumps({"kind": ["a"]})},
        replace={"endpoint": "you@example.org"},
        needs={"topic": TOPIC},
    ),
    Case(
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        {
            "comparisonOperator": "GreaterThanThreshold",
            "evaluationPeriods": 1,
            "metricName": "EstimatedCharges",
            "namespace": "AWS/Billing",
            "period": 21600,
            "statistic": "Maximum",
            "threshold": 50,
            "dimensions": {"Currency": "USD"},
            "alarmActions": ["${topic}"],
            "tags": {"a": "b"},
        },
        change={"threshold": 75, "alarmDescription": "more", "tags": {"a": "c"}},
        replace={"name": "other"},
        needs={"topic": TOPIC},
    ),
    Case(
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        {
            "name": "twice",
            "comparisonOperator": "GreaterThanThreshold",
            "evaluationPeriods": 2,
            "threshold": 1,
            "metricQueries": [
                {
                    "id": "m1",
                    "metric": {
                        "metricName": "CPUUtilization",
                        "namespace": "AWS/EC2",
                        "period": 300,
                        "stat": "Average",
                        "dimensions": {"InstanceId": "i-1"},
                    },
                },
                {"id": "e1", "expression": "m1 * 2", "returnData": True, "label": "twice"},
            ],
        },
        name="MetricAlarm-of-an-expression",
    ),
    Case(
        "aws:cloudwatch/logGroup:LogGroup",
        {"name": "/berth/flow", "retentionInDays": 30, "tags": {"a": "b"}},
        change={"retentionInDays": 7, "tags": {"a": "c", "d": "e"}},
        replace={"name": "/berth/other"},
    ),
    Case(
        "aws:ssm/parameter:Parameter",
        {"name": "/berth/image", "type": "String", "insecureValue": "ami-1", "tags": {"a": "b"}},
        change={"insecureValue": "ami-2", "description": "pinned", "tags": {"a": "c"}},
        replace={"name": "/berth/other"},
        imported=False,
    ),
    Case(
        "aws:ssm/parameter:Parameter",
        {"name": "/berth/secret", "type": "SecureString", "value": "s3cret"},
        change={"value": "other"},
        name="Parameter-that-is-secret",
    ),
    Case(
        "aws:kms/key:Key",
        {"description": "logs", "deletionWindowInDays": 7, "tags": {"a": "b"}},
        change={"enableKeyRotation": True, "description": "more", "tags": {"a": "c"}},
        replace={"keyUsage": "SIGN_VERIFY"},
        unread=("deletionWindowInDays",),
    ),
    Case(
        "aws:kms/alias:Alias",
        {"name": "alias/berth", "targetKeyId": "${key}"},
        change={"targetKeyId": "${second}"},
        replace={"name": "alias/other"},
        needs={"key": KEY, "second": KEY},
    ),
]
