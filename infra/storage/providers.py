"""What happens on the S3 server when a bucket, an object or a result is created, read, changed or deleted.

Runs in Pulumi's dynamic provider, which loads these classes by name: they hold no data of their own, and
boto3 is imported only when a call needs it.
"""

import hashlib
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pulumi.dynamic import (
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)

from infra.storage.connection import client

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_GONE = {"404", "NoSuchBucket", "NoSuchKey", "NotFound"}
_PAGE = 1000


class StorageError(Exception):
    """The server refused something; the text names the bucket or key, and why."""


def _refused(what: str, error: Exception) -> StorageError:
    return StorageError(f"{what}: {error}")


def _code(error: Exception) -> str:
    response: dict[str, Any] = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code", ""))


def _changed(olds: dict[str, Any], news: dict[str, Any], names: tuple[str, ...]) -> list[str]:
    return [name for name in names if olds.get(name) != news.get(name)]


class BucketProvider(ResourceProvider):
    """A bucket that is emptied, versions included, before it is deleted."""

    serialize_as_secret_always = False

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        replaces = _changed(olds, news, ("bucket",))
        changed = _changed(olds, news, ("connection",))
        return DiffResult(changes=bool(replaces or changed), replaces=replaces, stables=["bucket"])

    def create(self, props: dict[str, Any]) -> CreateResult:
        from botocore.exceptions import BotoCoreError, ClientError

        bucket, region = props["bucket"], props["connection"]["region"]
        # us-east-1 is the one region that must not be named. https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
        where: Any = (
            {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        )
        s3 = client(props["connection"])
        try:
            if not _is_empty_and_mine(s3, bucket):
                s3.create_bucket(Bucket=bucket, **where)
        except (BotoCoreError, ClientError) as error:
            raise _refused(f"bucket {bucket} cannot be created", error) from None
        return CreateResult(bucket, _declared(props))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        from botocore.exceptions import ClientError

        try:
            client(props["connection"]).head_bucket(Bucket=id_)
        except ClientError as error:
            if _code(error) in _GONE:
                return ReadResult("", {})
            raise _refused(f"bucket {id_} cannot be read", error) from None
        return ReadResult(id_, props)

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(_declared(news))

    def delete(self, id_: str, props: dict[str, Any]) -> None:
        from botocore.exceptions import ClientError

        s3 = client(props["connection"])
        try:
            _empty(s3, id_)
            s3.delete_bucket(Bucket=id_)
        except ClientError as error:
            if _code(error) not in _GONE:
                raise _refused(f"bucket {id_} cannot be deleted", error) from None


class ObjectProvider(ResourceProvider):
    """An object whose bytes are made by a function when they are needed, and compared by their digest."""

    serialize_as_secret_always = False

    def __init__(self, body: Callable[[], bytes]) -> None:
        super().__init__()
        self.body = body

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        replaces = _changed(olds, news, ("bucket", "key"))
        changed = _changed(olds, news, ("source_digest", "connection"))
        return DiffResult(changes=bool(replaces or changed), replaces=replaces, stables=["bucket", "key"])

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(f"{props['bucket']}/{props['key']}", self._put(props))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        from botocore.exceptions import ClientError

        try:
            head = client(props["connection"]).head_object(Bucket=props["bucket"], Key=props["key"])
        except ClientError as error:
            if _code(error) in _GONE:
                return ReadResult("", {})
            raise _refused(f"object {id_} cannot be read", error) from None
        # An object that somebody has overwritten carries no digest: the next update writes it again.
        source_digest = head.get("Metadata", {}).get("source-digest", "")
        live = {**props, "source_digest": source_digest}
        return ReadResult(id_, live, _declared(live))

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(self._put(news))

    def delete(self, id_: str, props: dict[str, Any]) -> None:
        from botocore.exceptions import ClientError

        try:
            client(props["connection"]).delete_object(Bucket=props["bucket"], Key=props["key"])
        except ClientError as error:
            if _code(error) not in _GONE:
                raise _refused(f"object {id_} cannot be deleted", error) from None

    def _put(self, props: dict[str, Any]) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        body = self.body()
        try:
            client(props["connection"]).put_object(
                Bucket=props["bucket"],
                Key=props["key"],
                Body=body,
                Metadata={"source-digest": props["source_digest"]},
            )
        except (BotoCoreError, ClientError) as error:
            raise _refused(f"object {props['bucket']}/{props['key']} cannot be written", error) from None
        return {**_declared(props), "sha256": hashlib.sha256(body).hexdigest(), "size": len(body)}


class JsonReader(ResourceProvider):
    """The content of a JSON object that something else writes; read, never written, never deleted."""

    serialize_as_secret_always = False

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        replaces = _changed(olds, news, ("bucket", "key", "written_by"))
        changed = _changed(olds, news, ("connection",))
        return DiffResult(changes=bool(replaces or changed), replaces=replaces)

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(f"{props['bucket']}/{props['key']}", self._get(props))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        from botocore.exceptions import ClientError

        try:
            client(props["connection"]).head_object(Bucket=props["bucket"], Key=props["key"])
        except ClientError as error:
            if _code(error) in _GONE:
                return ReadResult("", {})
            raise _refused(f"object {id_} cannot be read", error) from None
        return ReadResult(id_, self._get(props))

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(self._get(news))

    def _get(self, props: dict[str, Any]) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        where = f"object {props['bucket']}/{props['key']}"
        try:
            answer = client(props["connection"]).get_object(Bucket=props["bucket"], Key=props["key"])
            content = json.loads(answer["Body"].read())
        except (BotoCoreError, ClientError) as error:
            raise _refused(f"{where} cannot be read", error) from None
        except ValueError as error:
            raise _refused(f"{where} is not JSON", error) from None
        if not isinstance(content, dict):
            raise StorageError(f"{where} is not a JSON object")
        return {**_declared(props), "content": content}


def _declared(props: dict[str, Any]) -> dict[str, Any]:
    """The inputs alone: outputs of an earlier operation would look like a change of them."""
    return {name: value for name, value in props.items() if name not in {"content", "sha256", "size"}}


def _is_empty_and_mine(s3: "S3Client", bucket: str) -> bool:
    """Whether an interrupted run has left the bucket behind. Raises StorageError where it holds anything."""
    from botocore.exceptions import ClientError

    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if _code(error) in _GONE:
            return False
        raise
    if s3.list_objects_v2(Bucket=bucket, MaxKeys=1).get("KeyCount", 0):
        raise StorageError(
            f"bucket {bucket} exists already and is not empty. berth empties its bucket on destroy, so it "
            "takes over none that holds anything: choose another name (berth:storage.bucket), or empty it"
        )
    return True


def _empty(s3: "S3Client", bucket: str) -> None:
    """Delete all objects, versions, delete markers and unfinished uploads, a thousand at a time."""
    from botocore.exceptions import ClientError

    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        _delete(s3, bucket, [{"Key": one["Key"]} for one in page.get("Contents", [])])
    try:
        for versions in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            found = [*versions.get("Versions", []), *versions.get("DeleteMarkers", [])]
            _delete(s3, bucket, [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found])
        for uploads in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
            for upload in uploads.get("Uploads", []):
                s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    except ClientError as error:
        # A server without versions, or without listing of uploads, has nothing of either to delete.
        if _code(error) not in {"NotImplemented", "MethodNotAllowed"}:
            raise


def _delete(s3: "S3Client", bucket: str, keys: list[Any]) -> None:
    for start in range(0, len(keys), _PAGE):
        answer = s3.delete_objects(
            Bucket=bucket, Delete={"Objects": keys[start : start + _PAGE], "Quiet": True}
        )
        refused = [error for error in answer.get("Errors", []) if error.get("Code") != "NoSuchKey"]
        if refused:
            raise StorageError(f"bucket {bucket}: {refused[0].get('Key')}: {refused[0].get('Message')}")
