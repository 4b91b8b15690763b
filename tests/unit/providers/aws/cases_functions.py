"""Samples of what runs by itself: functions, and the schedules that call them."""

import base64
import io
import json
import zipfile

from aws_plugin import Case


def _archive(text: str) -> str:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as file:
        file.writestr(zipfile.ZipInfo("index.py"), text)
    return base64.b64encode(written.getvalue()).decode()


TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    ],
}
NEEDS = {
    "role": ("aws:iam/role:Role", {"assumeRolePolicy": json.dumps(TRUST)}),
    "bucket": ("aws:s3/bucket:Bucket", {"bucket": "berth-code", "forceDestroy": True}),
    "code": (
        "aws:s3/bucketObjectv2:BucketObjectv2",
        {"bucket": "${bucket}", "key": "one.zip", "contentBase64": _archive("1")},
    ),
    "other": (
        "aws:s3/bucketObjectv2:BucketObjectv2",
        {"bucket": "${bucket}", "key": "two.zip", "contentBase64": _archive("2")},
    ),
}

CASES = [
    Case(
        "aws:lambda/function:Function",
        {
            "s3Bucket": "${bucket}",
            "s3Key": "one.zip",
            "sourceCodeHash": "1",
            "handler": "index.handler",
            "runtime": "python3.13",
            "role": "${role.arn}",
            "timeout": 60,
            "environment": {"variables": {"ENVIRONMENT": "aws-vm"}},
            "tags": {"a": "b"},
        },
        change={
            "s3Key": "two.zip",
            "sourceCodeHash": "2",
            "timeout": 30,
            "environment": None,
            "tags": {"a": "c", "d": "e"},
        },
        replace={"name": "other", "architectures": ["arm64"]},
        needs=NEEDS,
        unread=("s3Bucket", "s3Key", "sourceCodeHash"),
    ),
    Case(
        "aws:scheduler/schedule:Schedule",
        {
            "description": "Calls it",
            "scheduleExpression": "rate(15 minutes)",
            "flexibleTimeWindow": {"mode": "OFF"},
            "target": {
                "arn": "arn:aws:lambda:us-east-1:123456789012:function:it",
                "roleArn": "${role.arn}",
                "retryPolicy": {"maximumEventAgeInSeconds": 60, "maximumRetryAttempts": 1},
            },
        },
        change={"scheduleExpression": "rate(1 hour)", "state": "DISABLED", "description": None},
        replace={"name": "other", "groupName": "others"},
        needs={"role": NEEDS["role"]},
    ),
]
