"""When the machines of an environment end, where they can read it.

In the bucket, not in user-data: a longer life then reaches a machine that runs, and replaces none.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

KEY = "machines/expires-at"


@dataclass(frozen=True, kw_only=True)
class LifetimeArgs:
    """expires_at: UTC, `2026-12-01T18:00:00Z`."""

    bucket: pulumi.Input[str]
    expires_at: str


class Lifetime(pulumi.ComponentResource):
    """The end of the environment's machines."""

    key: pulumi.Output[str]

    def __init__(self, name: str, args: LifetimeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("berth:machine:Lifetime", name, None, opts)
        written = aws.s3.BucketObjectv2(
            f"{name}-end",
            bucket=args.bucket,
            key=KEY,
            content=args.expires_at,
            content_type="text/plain",
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.key = written.key
        self.register_outputs({"key": self.key})
