"""How an S3 server is reached, and the key pair for it, which the standard AWS variables hold."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from infra.problems import ConfigError, Problem

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client


@dataclass(frozen=True, kw_only=True)
class S3Connection:
    """Any S3-compatible server: AWS, Ceph RGW, MinIO, versitygw.

    endpoint_url: empty for AWS itself, where the SDK knows it from the region.
    """

    endpoint_url: str
    region: str
    signature_version: str = "s3v4"
    addressing_style: str = "path"

    def as_property(self) -> dict[str, str]:
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class S3Credentials:
    """A key pair for the bucket; secret."""

    access_key_id: str
    secret_access_key: str
    session_token: str = ""


def credentials(environment: str, variables: Mapping[str, str]) -> S3Credentials:
    """The key pair in the standard AWS variables. Raises ConfigError naming those that are missing."""
    missing = [
        name for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY") if not variables.get(name, "").strip()
    ]
    if missing:
        raise ConfigError(
            environment,
            [
                Problem(
                    path=f"environment variable {name}",
                    reason="is not set; the bucket and the pods that read it need the key pair",
                    example=f"export {name}=...",
                )
                for name in missing
            ],
        )
    return S3Credentials(
        access_key_id=variables["AWS_ACCESS_KEY_ID"],
        secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        session_token=variables.get("AWS_SESSION_TOKEN", ""),
    )


def client(connection: Mapping[str, Any]) -> "S3Client":
    """A boto3 client for an `S3Connection.as_property()`, with the credentials of the process."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=connection["endpoint_url"] or None,
        region_name=connection["region"],
        config=Config(
            signature_version=connection["signature_version"],
            s3={"addressing_style": connection["addressing_style"]},
            # Older servers refuse the checksum trailers that boto3 adds by default.
            # https://github.com/boto/boto3/issues/4392
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            retries={"max_attempts": 5, "mode": "standard"},
            connect_timeout=5,
            read_timeout=60,
        ),
    )
