"""What a check reads from the bucket."""

from rehearsal.errors import BerthError
from scripts.berth.aws.bucket import Bucket
from scripts.berth.checks import Failed


def content(storage: Bucket, key: str) -> bytes:
    """An object's content.

    Raises:
        Failed: it is not there, or the storage does not give it.
    """
    try:
        found = storage.get(key)
    except BerthError as problem:
        raise Failed(problem.message) from None
    if found is None:
        raise Failed(f"s3://{storage.name}/{key} is not there")
    return found
