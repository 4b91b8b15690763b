import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from rehearsal import addresses
from rehearsal.clouds import s3
from rehearsal.paths import Paths
from rehearsal.steps import Steps

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

pytestmark = pytest.mark.rehearsal
PART = 5 << 20


def client(account: s3.Credentials) -> "S3Client":
    return boto3.client(
        "s3",
        endpoint_url=addresses.S3_ENDPOINT,
        region_name=s3.REGION,
        aws_access_key_id=account.access_key_id,
        aws_secret_access_key=account.secret_access_key,
        config=Config(s3={"addressing_style": "path"}, signature_version="s3v4", retries={"max_attempts": 1}),
    )


@pytest.fixture
def store(paths: Paths, cluster: object) -> "S3Client":
    return client(s3.credentials(paths))


@pytest.fixture
def bucket(store: "S3Client") -> Iterator[str]:
    name = f"test-{secrets.token_hex(4)}"
    store.create_bucket(Bucket=name)
    yield name
    listed = store.list_object_versions(Bucket=name)
    for entry in (*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())):
        store.delete_object(Bucket=name, Key=entry["Key"], VersionId=entry["VersionId"])
    store.delete_bucket(Bucket=name)


def body(store: "S3Client", bucket: str, key: str) -> bytes:
    return store.get_object(Bucket=bucket, Key=key)["Body"].read()


def test_objects_keep_content_metadata_and_type_over_a_restart(
    paths: Paths, store: "S3Client", bucket: str
) -> None:
    content = secrets.token_bytes(100_000)
    store.put_object(
        Bucket=bucket, Key="runs/1/model", Body=content, Metadata={"sha": "1"}, ContentType="model/x"
    )
    s3.stop(paths)
    assert not s3.is_running(paths)
    s3.ensure_running(paths, Steps(paths.logs))
    assert body(store, bucket, "runs/1/model") == content
    head = store.head_object(Bucket=bucket, Key="runs/1/model")
    assert head["Metadata"] == {"sha": "1"}
    assert head["ContentType"] == "model/x"


def test_lists_by_prefix_and_in_pages(store: "S3Client", bucket: str) -> None:
    for number in range(7):
        store.put_object(Bucket=bucket, Key=f"a/{number}", Body=b"")
    store.put_object(Bucket=bucket, Key="b/0", Body=b"")
    pages = store.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix="a/", PaginationConfig={"PageSize": 3}
    )
    assert [entry["Key"] for page in pages for entry in page.get("Contents", ())] == [
        f"a/{n}" for n in range(7)
    ]
    top = store.list_objects_v2(Bucket=bucket, Delimiter="/")
    assert [entry["Prefix"] for entry in top["CommonPrefixes"]] == ["a/", "b/"]


def test_an_upload_in_parts_is_one_object(store: "S3Client", bucket: str) -> None:
    upload = store.create_multipart_upload(Bucket=bucket, Key="big")["UploadId"]
    parts: list[CompletedPartTypeDef] = []
    for number, letter in enumerate((b"x", b"y"), start=1):
        done = store.upload_part(
            Bucket=bucket, Key="big", UploadId=upload, PartNumber=number, Body=letter * PART
        )
        parts.append({"PartNumber": number, "ETag": done["ETag"]})
    store.complete_multipart_upload(
        Bucket=bucket, Key="big", UploadId=upload, MultipartUpload={"Parts": parts}
    )
    whole = body(store, bucket, "big")
    assert len(whole) == 2 * PART
    assert whole[PART - 1 : PART + 1] == b"xy"
    ranged = store.get_object(Bucket=bucket, Key="big", Range=f"bytes={PART}-{PART}")
    assert ranged["Body"].read() == b"y"


def test_versions_are_kept_where_asked_for(store: "S3Client", bucket: str) -> None:
    store.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = store.put_object(Bucket=bucket, Key="a", Body=b"1")["VersionId"]
    store.put_object(Bucket=bucket, Key="a", Body=b"2")
    store.delete_object(Bucket=bucket, Key="a")
    assert store.get_object(Bucket=bucket, Key="a", VersionId=first)["Body"].read() == b"1"
    with pytest.raises(ClientError, match="NoSuchKey"):
        body(store, bucket, "a")


def test_a_write_that_must_be_the_first_is_refused_the_second_time(store: "S3Client", bucket: str) -> None:
    store.put_object(Bucket=bucket, Key="once", Body=b"1", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        store.put_object(Bucket=bucket, Key="once", Body=b"2", IfNoneMatch="*")


@pytest.mark.parametrize("field", ["access_key_id", "secret_access_key"])
def test_wrong_keys_are_refused(paths: Paths, bucket: str, field: str) -> None:
    right = s3.credentials(paths)
    values = {
        "access_key_id": right.access_key_id,
        "secret_access_key": right.secret_access_key,
        field: "wrong",
    }
    with pytest.raises(ClientError) as refusal:
        client(s3.Credentials(**values)).list_objects_v2(Bucket=bucket)
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] in {401, 403, 404}
