"""Objects whose content is a resource: text, base64, or a file of the program's.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
"""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from rehearsal.errors import BerthError
from rehearsal.providers.aws.api import Api
from rehearsal.providers.aws.table import Change, Tagging, Type
from rehearsal.providers.aws.tagging import tag_list, tag_map
from rehearsal.providers.aws.types.s3 import empty
from rehearsal.providers.plugin.model import Failure, Values
from rehearsal.providers.plugin.values import UNKNOWN

_SOURCES: Final = ("content", "contentBase64", "source")
_HEADERS: Final = {
    "acl": "ACL",
    "bucketKeyEnabled": "BucketKeyEnabled",
    "cacheControl": "CacheControl",
    "checksumAlgorithm": "ChecksumAlgorithm",
    "contentDisposition": "ContentDisposition",
    "contentEncoding": "ContentEncoding",
    "contentLanguage": "ContentLanguage",
    "contentType": "ContentType",
    "kmsKeyId": "SSEKMSKeyId",
    "metadata": "Metadata",
    "objectLockLegalHoldStatus": "ObjectLockLegalHoldStatus",
    "objectLockMode": "ObjectLockMode",
    "objectLockRetainUntilDate": "ObjectLockRetainUntilDate",
    "serverSideEncryption": "ServerSideEncryption",
    "storageClass": "StorageClass",
    "websiteRedirect": "WebsiteRedirectLocation",
}


def _body(new: Values) -> bytes:
    if "content" in new:
        return str(new["content"]).encode()
    if "contentBase64" in new:
        return base64.b64decode(new["contentBase64"])
    return _asset(new["source"]) if new.get("source") else b""


def _asset(asset: Any) -> bytes:
    """A file or text as the engine hands it over: {"path": …} or {"text": …} beside its hash."""
    if isinstance(asset, dict) and isinstance(asset.get("text"), str) and asset["text"]:
        return str(asset["text"]).encode()
    if isinstance(asset, dict) and asset.get("path"):
        try:
            return Path(asset["path"]).read_bytes()
        except OSError as error:
            raise BerthError(f"source: {error}") from error
    raise BerthError(
        "source: only files and text are covered by the stand-in for pulumi-aws",
        "Use pulumi.FileAsset or pulumi.StringAsset.",
    )


def _where(identity: str) -> tuple[str, str]:
    bucket, _, key = identity.partition("/")
    return bucket, key


def _put(api: Api, identity: str, old: Values, new: Values) -> None:
    del old
    bucket, key = _where(identity)
    headers: dict[str, Any] = {
        theirs: new[ours] for ours, theirs in _HEADERS.items() if new.get(ours) not in (None, "", False, {})
    }
    api.call(
        "put_object",
        Bucket=bucket,
        Key=key,
        Body=_body(new),
        Tagging=urlencode(new["tags"]) if new.get("tags") else None,
        **headers,
    )


def _create(api: Api, new: Values) -> str:
    identity = f"{new['bucket']}/{new['key']}"
    _put(api, identity, {}, new)
    return identity


def _read(api: Api, identity: str, known: Values) -> Values | None:
    """Content is not asked back: another ETag tells that it changed."""
    bucket, key = _where(identity)
    found = api.call("head_object", Bucket=bucket, Key=key)
    etag = found["ETag"].strip('"')
    live = {
        "arn": f"arn:{api.account.partition}:s3:::{identity}",
        "bucket": bucket,
        "key": key,
        "bucketKeyEnabled": bool(found.get("BucketKeyEnabled")),
        "contentType": found.get("ContentType", ""),
        "etag": etag,
        "metadata": found.get("Metadata", {}),
        "serverSideEncryption": found.get("ServerSideEncryption", ""),
        "storageClass": found.get("StorageClass", "STANDARD"),
        "versionId": found.get("VersionId", ""),
        "tags": _tags(api, bucket, key),
    }
    for prop in ("cacheControl", "contentDisposition", "contentEncoding", "contentLanguage"):
        live[prop] = found.get(_HEADERS[prop], "")
    if known.get("etag") not in (None, etag):
        live |= {prop: "(changed outside)" for prop in ("content", "contentBase64") if known.get(prop)}
    return live


def _tags(api: Api, bucket: str, key: str) -> dict[str, str]:
    return tag_map(api.call("get_object_tagging", Bucket=bucket, Key=key)["TagSet"])


def _write_tags(api: Api, identity: str, known: Values, tags: dict[str, str]) -> None:
    """S3 knows all of an object's tags or none."""
    del known
    bucket, key = _where(identity)
    every = tag_list({**_tags(api, bucket, key), **tags})
    api.call("put_object_tagging", Bucket=bucket, Key=key, Tagging={"TagSet": every})


def _remove_tags(api: Api, identity: str, known: Values, keys: list[str]) -> None:
    del known
    bucket, key = _where(identity)
    left = {name: value for name, value in _tags(api, bucket, key).items() if name not in keys}
    api.call("put_object_tagging", Bucket=bucket, Key=key, Tagging={"TagSet": tag_list(left)})


def _delete(api: Api, identity: str, known: Values) -> None:
    """Where the bucket is versioned, with every version: a marker alone would leave what was paid for."""
    bucket, key = _where(identity)
    if known.get("versionId"):
        empty(api, bucket, prefix=key, only=key)
    else:
        api.call("delete_object", Bucket=bucket, Key=key)


def _check(values: Values) -> Iterator[Failure]:
    given = [prop for prop in _SOURCES if values.get(prop) is not None]
    if len(given) > 1:
        yield Failure(given[1], f"conflicts with {given[0]}")
    if values.get("key") is None:
        yield Failure("key", "is needed in a rehearsal: an object has no automatic name here")
    elif values["key"] is not UNKNOWN and str(values["key"]).startswith("/"):
        yield Failure("key", "must not begin with a slash")


def _type(name: str, *, checksums: bool) -> Type:
    updates: list[str] = [*_SOURCES, *_HEADERS, "etag", "sourceHash"]
    if not checksums:
        updates.remove("checksumAlgorithm")
    update: dict[str, Change] = dict.fromkeys(updates, _put)
    return Type(
        f"aws:s3/{name[0].lower()}{name[1:]}:{name}",
        "s3",
        create=_create,
        read=_read,
        delete=_delete,
        update=update,
        replace_on=frozenset({"bucket", "key"}),
        local=frozenset({"forceDestroy", "overrideProvider"} if checksums else {"forceDestroy"}),
        tags=Tagging(write=_write_tags, remove=_remove_tags),
        computed=frozenset(
            {"bucketKeyEnabled", "contentType", "etag", "kmsKeyId", "serverSideEncryption", "storageClass"}
        ),
        changes_on_update=frozenset({"etag", "versionId"}),
        defaults={"forceDestroy": False},
        check=_check,
        gone=frozenset({"404", "NoSuchBucket", "NoSuchKey"}),
    )


TYPES = [_type("BucketObject", checksums=False), _type("BucketObjectv2", checksums=True)]
