"""An environment's bucket: reads objects. A missing one is None, everything else that goes wrong an error."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scripts.berth.aws.clients import asking, code_of, s3
from scripts.berth.place import Place

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MISSING = {"NoSuchKey", "NoSuchBucket", "404"}


@dataclass(frozen=True)
class Bucket:
    """A bucket by name, and the client that reads it."""

    name: str
    client: "S3Client"

    def get(self, key: str) -> bytes | None:
        """An object's content; None where there is none.

        Raises:
            BerthError: the storage does not answer, or refuses.
        """
        from botocore.exceptions import ClientError

        with asking(f"s3://{self.name}/{key}"):
            try:
                return self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
            except ClientError as error:
                if code_of(error) in MISSING:
                    return None
                raise

    def get_json(self, key: str) -> dict[str, Any] | None:
        """A JSON object; None where there is none, or where it is not one (it may be half of one)."""
        values = self._parsed(key)
        return values if isinstance(values, dict) else None

    def get_list(self, key: str) -> list[Any]:
        """A JSON list; empty where there is none."""
        values = self._parsed(key)
        return values if isinstance(values, list) else []

    def _parsed(self, key: str) -> Any:
        content = self.get(key)
        try:
            return json.loads(content) if content is not None else None
        except ValueError:
            return None


def bucket(place: Place, name: str, region: str, *, endpoint: str | None = None) -> Bucket:
    """The bucket of that name. endpoint: where it is not AWS's."""
    return Bucket(name, s3(place, region, endpoint=endpoint))
