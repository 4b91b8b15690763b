"""The bucket of an environment on AWS: private, encrypted, versioned, reached by TLS alone.

What is in it survives a machine, not the environment.
"""

import json
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.network.plan import FLOW_LOG_PREFIX
from infra.storage.connection import S3Connection

_UNFINISHED_DAYS = 1
_Encryption = aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs


@dataclass(frozen=True, kw_only=True)
class AwsBucketArgs:
    """bucket: its name, one of all the world's. old_versions_days: until a replaced or deleted version goes.

    flow_logs: whether the account's VPC flow logs may be delivered to it, and kept for log_days.
    """

    bucket: pulumi.Input[str]
    region: str
    account_id: pulumi.Input[str]
    old_versions_days: int = 7
    flow_logs: bool = False
    log_days: int = 30


class AwsBucket(pulumi.ComponentResource):
    """An S3 bucket, and every setting that keeps it closed."""

    bucket: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(self, name: str, args: AwsBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("berth:storage:AwsBucket", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        bucket = aws.s3.Bucket(
            f"{name}-bucket",
            bucket=args.bucket,
            force_destroy=True,  # the environment's data goes with it; `berth down` says so first
            tags={"Name": args.bucket},
            opts=child,
        )
        closed = aws.s3.BucketPublicAccessBlock(
            f"{name}-closed",
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=child,
        )
        owned = aws.s3.BucketOwnershipControls(
            f"{name}-owned",
            bucket=bucket.id,
            rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=child,
        )
        encrypted = aws.s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encrypted",
            bucket=bucket.id,
            rules=[
                aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=_Encryption(sse_algorithm="AES256")
                )
            ],
            opts=child,
        )
        versioned = aws.s3.BucketVersioning(
            f"{name}-versioned",
            bucket=bucket.id,
            versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=child,
        )
        aws.s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=bucket.id,
            rules=_lifecycle(args),
            # S3 refuses a rule about old versions on a bucket that is not versioned yet.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[versioned]),
        )
        # S3 answers OperationAborted to two changes of who may reach a bucket at once.
        # https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
        policy = aws.s3.BucketPolicy(
            f"{name}-policy",
            bucket=bucket.id,
            policy=pulumi.Output.all(arn=bucket.arn, account=args.account_id).apply(
                lambda known: json.dumps(bucket_policy(known["arn"], known["account"], args))
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[closed, owned]),
        )
        # Whoever writes into the bucket does so once it is closed, encrypted and versioned.
        settings = pulumi.Output.all(policy.id, encrypted.id, versioned.id)
        self.bucket = pulumi.Output.all(bucket.bucket, settings).apply(lambda known: str(known[0]))
        self.arn = pulumi.Output.all(bucket.arn, settings).apply(lambda known: str(known[0]))
        self.register_outputs({"bucket": self.bucket, "arn": self.arn})


def connection(region: str) -> S3Connection:
    """AWS's own S3 in a region, for the resources of `infra.storage.s3`.

    The endpoint is the SDK's choice, so that the standard variable AWS_ENDPOINT_URL keeps its meaning.
    """
    return S3Connection(endpoint_url="", region=region)


def bucket_policy(arn: str, account_id: str, args: AwsBucketArgs) -> dict[str, Any]:
    """Nothing without TLS; and flow logs of this account and region, under their prefix alone.

    https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-permissions.html
    """
    tls_only = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    statements = [tls_only]
    if args.flow_logs:
        partition = arn.split(":")[1]
        ours = {
            "StringEquals": {"aws:SourceAccount": account_id},
            "ArnLike": {"aws:SourceArn": f"arn:{partition}:logs:{args.region}:{account_id}:*"},
        }
        service = {
            "Effect": "Allow",
            "Principal": {"Service": "delivery.logs.amazonaws.com"},
            "Condition": ours,
        }
        statements += [
            {
                "Sid": "FlowLogsWrite",
                **service,
                "Action": "s3:PutObject",
                "Resource": f"{arn}/{FLOW_LOG_PREFIX}/{account_id}/*",
            },
            {
                "Sid": "FlowLogsCheck",
                **service,
                "Action": ["s3:GetBucketAcl", "s3:ListBucket"],
                "Resource": arn,
            },
        ]
    return {"Version": "2012-10-17", "Statement": statements}


def _lifecycle(args: AwsBucketArgs) -> list[aws.s3.BucketLifecycleConfigurationRuleArgs]:
    """Old versions, marks of deleted objects, unfinished uploads and flow logs go, each after its time."""
    everything = aws.s3.BucketLifecycleConfigurationRuleArgs(
        id="leftovers",
        status="Enabled",
        filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
        expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(expired_object_delete_marker=True),
        noncurrent_version_expiration=aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
            noncurrent_days=args.old_versions_days
        ),
        abort_incomplete_multipart_upload=aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
            days_after_initiation=_UNFINISHED_DAYS
        ),
    )
    if not args.flow_logs:
        return [everything]
    logs = aws.s3.BucketLifecycleConfigurationRuleArgs(
        id="flow-logs",
        status="Enabled",
        filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=f"{FLOW_LOG_PREFIX}/"),
        expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=args.log_days),
    )
    return [everything, logs]
