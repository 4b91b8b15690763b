"""Where a run's files are kept: an S3 bucket, or a directory. Credentials come from the AWS chain only.

A key appears whole or not at all in both. Metadata is a flat map of strings kept beside the object.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from workloads.common.options import Options, choice, option


class NotFound(Exception):
    """No object has that key."""


class StorageError(Exception):
    """The storage refused or could not be reached; the message names the place and the reason."""


class Store(Protocol):
    """Objects by key, with metadata."""

    def describe(self, key: str) -> str:
        """The object's URL, for people."""

    def put(self, key: str, data: bytes, metadata: Mapping[str, str] | None = None) -> None:
        """Write an object, replacing it."""

    def get(self, key: str) -> tuple[bytes, dict[str, str]]:
        """An object's bytes and metadata; raises NotFound."""

    def keys(self, prefix: str) -> list[str]:
        """Every key that begins with prefix, sorted."""

    def delete(self, key: str) -> None:
        """Remove an object; no error where there is none."""


@dataclass(frozen=True, kw_only=True)
class S3Options(Options):
    """How to reach the bucket."""

    s3_bucket: str = option(str, "bucket of the data set, the checkpoints and the model", "")
    aws_endpoint_url_s3: str = option(str, "URL of the S3 service; empty means AWS itself", "")
    aws_region: str = option(str, "region that requests are signed for", "us-east-1")
    s3_addressing_style: str = option(
        choice("path", "virtual", "auto"), "how the bucket is addressed", "path"
    )
    s3_signature_version: str = option(choice("s3v4", "s3"), "signature version", "s3v4")


class S3Store:
    """An S3 bucket. attempts: how often a request is tried before it counts as failed."""

    def __init__(self, options: S3Options, attempts: int = 8) -> None:
        self.bucket = options.s3_bucket
        try:
            self._client = _client(options, attempts)
        except ValueError as reason:  # an endpoint that is no URL
            raise StorageError(f"s3://{self.bucket}: {reason}") from None

    def describe(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"

    def put(self, key: str, data: bytes, metadata: Mapping[str, str] | None = None) -> None:
        with self._errors(key):
            self._client.put_object(Bucket=self.bucket, Key=key, Body=data, Metadata=dict(metadata or {}))

    def get(self, key: str) -> tuple[bytes, dict[str, str]]:
        with self._errors(key):
            response = self._client.get_object(Bucket=self.bucket, Key=key)
            return response["Body"].read(), dict(response.get("Metadata", {}))

    def keys(self, prefix: str) -> list[str]:
        with self._errors(prefix):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
            return sorted(item["Key"] for page in pages for item in page.get("Contents", ()))

    def delete(self, key: str) -> None:
        with self._errors(key):
            self._client.delete_object(Bucket=self.bucket, Key=key)

    @contextmanager
    def _errors(self, key: str) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

        try:
            yield
        except ClientError as reason:
            code = reason.response.get("Error", {}).get("Code", "")
            if code in {"NoSuchKey", "404", "NotFound"}:
                raise NotFound(f"{self.describe(key)} does not exist") from None
            raise StorageError(f"{self.describe(key)}: {reason}") from None
        except (BotoCoreError, HTTPClientError) as reason:
            raise StorageError(f"{self.describe(key)}: {reason}") from None


class DirectoryStore:
    """A directory: a mounted volume, or one's own disk."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def describe(self, key: str) -> str:
        return str(self.root / key)

    def put(self, key: str, data: bytes, metadata: Mapping[str, str] | None = None) -> None:
        with self._errors(key):
            path = self.root / key
            path.parent.mkdir(parents=True, exist_ok=True)
            if metadata:
                write_atomically(self._metadata(path), json.dumps(dict(metadata)).encode())
            write_atomically(path, data)

    def get(self, key: str) -> tuple[bytes, dict[str, str]]:
        with self._errors(key):
            path = self.root / key
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                raise NotFound(f"{path} does not exist") from None
            try:
                metadata = json.loads(self._metadata(path).read_bytes())
            except (FileNotFoundError, ValueError):
                metadata = {}
            return data, metadata

    def keys(self, prefix: str) -> list[str]:
        found = (path for path in self.root.rglob("*") if path.is_file() and not path.name.startswith("."))
        names = (path.relative_to(self.root).as_posix() for path in found)
        return sorted(name for name in names if name.startswith(prefix))

    def delete(self, key: str) -> None:
        path = self.root / key
        path.unlink(missing_ok=True)
        self._metadata(path).unlink(missing_ok=True)

    @staticmethod
    def _metadata(path: Path) -> Path:
        return path.with_name(f".{path.name}.metadata")

    @contextmanager
    def _errors(self, key: str) -> Iterator[None]:
        try:
            yield
        except OSError as reason:
            raise StorageError(f"{self.describe(key)}: {reason}") from None


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that a crash leaves the old one or the new one, both whole."""
    descriptor, partial = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(partial).chmod(0o644)  # the reader of a shared volume may be another user
        Path(partial).replace(path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def sha256(data: bytes) -> str:
    """The SHA-256 of some bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def _client(options: S3Options, attempts: int) -> Any:
    import boto3
    from botocore.config import Config

    addressing: Any = {"addressing_style": options.s3_addressing_style}
    return boto3.client(
        "s3",
        endpoint_url=options.aws_endpoint_url_s3 or None,
        region_name=options.aws_region,
        config=Config(
            s3=addressing,
            signature_version=options.s3_signature_version,
            # Services that only speak S3's older dialect refuse the checksum trailers that newer clients add.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            retries={"mode": "standard", "total_max_attempts": attempts},
            connect_timeout=5,
            read_timeout=30,
        ),
    )
