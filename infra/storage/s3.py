"""S3-compatible storage as Pulumi resources: a bucket, an object, and the reading of a JSON object.

They work against any S3 server. What they do there is in `infra.storage.providers`.
"""

from collections.abc import Callable
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from infra.storage.connection import S3Connection
from infra.storage.providers import BucketProvider, JsonReader, ObjectProvider


class Bucket(Resource, module="berth", name="Bucket"):
    """A bucket that goes with everything in it."""

    bucket: pulumi.Output[str]

    def __init__(
        self, name: str, *, bucket: str, connection: S3Connection, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(
            BucketProvider(), name, {"bucket": bucket, "connection": connection.as_property()}, opts
        )


class Object(Resource, module="berth", name="Object"):
    """An object whose bytes are made only when it is written.

    body: a module-level function; it runs in the provider, not in the program.
    source_digest: changes when its result would.
    """

    bucket: pulumi.Output[str]
    key: pulumi.Output[str]
    sha256: pulumi.Output[str]
    size: pulumi.Output[int]

    def __init__(
        self,
        name: str,
        *,
        bucket: pulumi.Input[str],
        key: str,
        body: Callable[[], bytes],
        source_digest: str,
        connection: S3Connection,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props: dict[str, Any] = {
            "bucket": bucket,
            "key": key,
            "source_digest": source_digest,
            "connection": connection.as_property(),
            "sha256": None,
            "size": None,
        }
        super().__init__(ObjectProvider(body), name, props, opts)


class JsonObject(Resource, module="berth", name="JsonObject"):
    """The content of a JSON object that something else in the stack writes.

    written_by: changes when there is a new content to read, such as the id of the Job that writes it.
    """

    key: pulumi.Output[str]
    content: pulumi.Output[dict[str, Any]]

    def __init__(
        self,
        name: str,
        *,
        bucket: pulumi.Input[str],
        key: str,
        written_by: pulumi.Input[str],
        connection: S3Connection,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props: dict[str, Any] = {
            "bucket": bucket,
            "key": key,
            "written_by": written_by,
            "connection": connection.as_property(),
            "content": None,
        }
        super().__init__(JsonReader(), name, props, opts)
