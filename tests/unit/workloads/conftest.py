from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from workloads.common.bundle import Manifest
from workloads.common.storage import S3Options, S3Store

BUCKET = "runs"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Store]:
    """An empty bucket of an emulated S3."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket=BUCKET)
        yield S3Store(S3Options(s3_bucket=BUCKET, s3_addressing_style="virtual"))


@pytest.fixture
def manifest() -> Manifest:
    return Manifest(
        height=8,
        width=8,
        classes=10,
        pixel_max=16,
        channels=4,
        accuracy=0.99,
        parameters=1,
        torch="none",
        weights="model-0.safetensors",
        sha256="0",
    )
