"""Samples of what keeps things: buckets, objects, image repositories; and of budgets and endpoints."""

import json

from aws_plugin import Case

BUCKET = ("aws:s3/bucket:Bucket", {"bucket": "berth-needed", "forceDestroy": True})
LOGS = ("aws:s3/bucket:Bucket", {"bucket": "berth-logs", "forceDestroy": True})
VERSIONED = (
    "aws:s3/bucketVersioning:BucketVersioning",
    {"bucket": "${bucket}", "versioningConfiguration": {"status": "Enabled"}},
)
TLS = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": ["arn:aws:s3:::berth-needed", "arn:aws:s3:::berth-needed/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ],
}
EXPIRE = {
    "rules": [
        {
            "rulePriority": 1,
            "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 20},
            "action": {"type": "expire"},
        }
    ]
}
REPOSITORY = ("aws:ecr/repository:Repository", {"name": "berth/train"})
VPC = ("aws:ec2/vpc:Vpc", {"cidrBlock": "10.30.0.0/16"})
SUBNET = ("aws:ec2/subnet:Subnet", {"vpcId": "${vpc}", "cidrBlock": "10.30.1.0/24"})

CASES = [
    Case(
        "aws:s3/bucket:Bucket",
        {"forceDestroy": True, "tags": {"a": "b"}},
        change={"tags": {"a": "c", "d": "e"}},
        replace={"bucket": "berth-other"},
        unread=("forceDestroy",),
    ),
    Case(
        VERSIONED[0],
        VERSIONED[1],
        change={"versioningConfiguration": {"status": "Suspended"}},
        replace={"bucket": "other"},
        needs={"bucket": BUCKET},
    ),
    Case(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        {
            "bucket": "${bucket}",
            "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}],
        },
        change={
            "rules": [
                {
                    "applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms"},
                    "bucketKeyEnabled": True,
                }
            ]
        },
        replace={"bucket": "other"},
        needs={"bucket": BUCKET},
    ),
    Case(
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        {"bucket": "${bucket}", "blockPublicAcls": True, "blockPublicPolicy": True},
        change={"ignorePublicAcls": True, "restrictPublicBuckets": True},
        needs={"bucket": BUCKET},
    ),
    Case(
        "aws:s3/bucketPolicy:BucketPolicy",
        {"bucket": "${bucket}", "policy": json.dumps(TLS, indent=1)},
        change={"policy": json.dumps({**TLS, "Id": "changed"})},
        needs={"bucket": BUCKET},
    ),
    Case(
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        {"bucket": "${bucket}", "rule": {"objectOwnership": "BucketOwnerEnforced"}},
        change={"rule": {"objectOwnership": "BucketOwnerPreferred"}},
        needs={"bucket": BUCKET},
    ),
    Case(
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        {
            "bucket": "${bucket}",
            "rules": [
                {
                    "id": "leftovers",
                    "status": "Enabled",
                    "filter": {"prefix": ""},
                    "expiration": {"expiredObjectDeleteMarker": True},
                    "noncurrentVersionExpiration": {"noncurrentDays": 7},
                    "abortIncompleteMultipartUpload": {"daysAfterInitiation": 1},
                },
                {
                    "id": "old",
                    "status": "Enabled",
                    "filter": {"and": {"prefix": "old/", "tags": {"a": "b"}}},
                    "transitions": [{"days": 30, "storageClass": "GLACIER"}],
                },
            ],
        },
        change={
            "rules": [
                {
                    "id": "logs",
                    "status": "Disabled",
                    "filter": {"tag": {"key": "a", "value": "b"}},
                    "expiration": {"days": 9},
                }
            ]
        },
        needs={"bucket": BUCKET, "versioned": VERSIONED},
    ),
    Case(
        "aws:s3/bucketLogging:BucketLogging",
        {"bucket": "${bucket}", "targetBucket": "${logs}", "targetPrefix": "access/"},
        change={"targetPrefix": "other/"},
        needs={
            "bucket": BUCKET,
            "logs": LOGS,
            "owned": (
                "aws:s3/bucketPolicy:BucketPolicy",
                {
                    "bucket": "${logs}",
                    "policy": json.dumps(
                        {
                            "Version": "2012-10-17",
                            "Statement": [
                                {
                                    "Effect": "Allow",
                                    "Principal": {"Service": "logging.s3.amazonaws.com"},
                                    "Action": "s3:PutObject",
                                    "Resource": "arn:aws:s3:::berth-logs/*",
                                }
                            ],
                        }
                    ),
                },
            ),
        },
    ),
    Case(
        "aws:s3/bucketObject:BucketObject",
        {"bucket": "${bucket}", "key": "machines/expires-at", "content": "soon", "tags": {"a": "b"}},
        change={"content": "later", "contentType": "text/plain", "tags": {"a": "c"}},
        replace={"key": "other"},
        needs={"bucket": BUCKET},
        unread=("content", "forceDestroy"),
    ),
    Case(
        "aws:s3/bucketObjectv2:BucketObjectv2",
        {"bucket": "${bucket}", "key": "a b/c", "contentBase64": "c29vbg=="},
        change={"contentBase64": "bGF0ZXI="},
        replace={"key": "other"},
        needs={"bucket": BUCKET, "versioned": VERSIONED},
        unread=("contentBase64", "forceDestroy"),
    ),
    Case(
        "aws:ecr/repository:Repository",
        {
            "name": "berth/serve",
            "imageTagMutability": "IMMUTABLE",
            "imageScanningConfiguration": {"scanOnPush": True},
            "encryptionConfigurations": [{"encryptionType": "AES256"}],
            "forceDelete": True,
            "tags": {"a": "b"},
        },
        change={"imageTagMutability": "MUTABLE", "imageScanningConfiguration": None, "tags": {"a": "c"}},
        replace={"name": "berth/other", "encryptionConfigurations": [{"encryptionType": "KMS"}]},
        unread=("forceDelete",),
    ),
    Case(
        "aws:ecr/lifecyclePolicy:LifecyclePolicy",
        {"repository": "${repository}", "policy": json.dumps(EXPIRE)},
        change={"policy": json.dumps(EXPIRE).replace("20", "10")},
        needs={"repository": REPOSITORY},
    ),
    Case(
        "aws:ecr/repositoryPolicy:RepositoryPolicy",
        {
            "repository": "${repository}",
            "policy": json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Sid": "Pull",
                            "Effect": "Allow",
                            "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
                            "Action": ["ecr:BatchGetImage"],
                        }
                    ],
                }
            ),
        },
        needs={"repository": REPOSITORY},
    ),
    Case(
        "aws:budgets/budget:Budget",
        {
            "budgetType": "COST",
            "timeUnit": "MONTHLY",
            "limitAmount": "100",
            "limitUnit": "USD",
            "costFilters": [{"name": "TagKeyValue", "values": ["user:berth:environment$aws-vm"]}],
            "notifications": [
                {
                    "comparisonOperator": "GREATER_THAN",
                    "threshold": 80,
                    "thresholdType": "PERCENTAGE",
                    "notificationType": kind,
                    "subscriberEmailAddresses": ["me@example.org"],
                }
                for kind in ("ACTUAL", "FORECASTED")
            ],
            "tags": {"a": "b"},
        },
        change={"limitAmount": "150", "notifications": [], "tags": {"a": "c"}},
        replace={"name": "other", "budgetType": "USAGE"},
    ),
    Case(
        "aws:ec2transitgateway/instanceConnectEndpoint:InstanceConnectEndpoint",
        {"subnetId": "${subnet}", "tags": {"a": "b"}},
        change={"tags": {"a": "c"}},
        replace={"preserveClientIp": False},
        needs={"vpc": VPC, "subnet": SUBNET},
    ),
]
