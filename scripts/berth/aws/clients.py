"""boto3 clients for a place, and its errors in words that a user can act on.

boto3 is imported here alone and only when it is used: that takes longer than most commands do.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rehearsal.errors import BerthError
from scripts.berth.place import Place

if TYPE_CHECKING:
    from mypy_boto3_autoscaling import AutoScalingClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_s3 import S3Client

NO_CREDENTIALS = {"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound"}
EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRetrievalError"} | {
    "SSOTokenLoadError",
    "UnauthorizedSSOTokenError",
}
REFUSED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
LOG_IN = "Log in, for example with `aws sso login`, or set AWS_PROFILE; `aws sts get-caller-identity` tells."
_SESSION = ("session",)
_MAKING = threading.Lock()  # sessions are not made for several threads at once; clients are


def ec2(place: Place, region: str) -> "EC2Client":
    """A client of EC2."""
    made: EC2Client = client(place, "ec2", region)
    return made


def autoscaling(place: Place, region: str) -> "AutoScalingClient":
    """A client of EC2 Auto Scaling."""
    made: AutoScalingClient = client(place, "autoscaling", region)
    return made


def s3(place: Place, region: str, *, endpoint: str | None = None) -> "S3Client":
    """A client of S3, or of a server that speaks its protocol at `endpoint`."""
    made: S3Client = client(place, "s3", region, endpoint=endpoint)
    return made


def client(place: Place, service: str, region: str, *, endpoint: str | None = None) -> Any:
    """A client of any service, with the place's credentials; made once, for that takes a while."""
    environ = place.environ
    service_variable = f"AWS_ENDPOINT_URL_{service.upper().replace('-', '_')}"
    endpoint = endpoint or environ.get(service_variable) or environ.get("AWS_ENDPOINT_URL")
    key = (service, region, endpoint or "")
    with _MAKING:
        if key not in place.clients:
            place.clients[key] = _made(place, service, region, endpoint)
        return place.clients[key]


def _made(place: Place, service: str, region: str, endpoint: str | None) -> Any:
    from botocore.config import Config

    config = Config(
        connect_timeout=5,
        read_timeout=30,
        retries={"mode": "standard", "total_max_attempts": 4},
        s3={"addressing_style": "path" if endpoint else "auto"},
    )
    with asking(f"the credentials for {service}"):
        # One session for all: it keeps what it has read of a service, which takes longer than anything else.
        if _SESSION not in place.clients:
            place.clients[_SESSION] = _session(place)
        session = place.clients[_SESSION]
        return session.client(service, region_name=region, endpoint_url=endpoint, config=config)


def _session(place: Place) -> Any:
    import boto3
    import botocore.session

    environ = place.environ
    if not place.rehearsed:
        return boto3.Session()
    # botocore reads this process's environment, which is not the rehearsal's: nothing of it may join in.
    own = botocore.session.Session(
        session_vars={
            "profile": (None, None, None, None),
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
        }
    )
    return boto3.Session(
        botocore_session=own,
        aws_access_key_id=environ.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=environ.get("AWS_SECRET_ACCESS_KEY"),
        aws_session_token=environ.get("AWS_SESSION_TOKEN"),
    )


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Turn botocore's errors into what the user can mend. what: completes "could not ask for …"."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        said = str(error.response.get("Error", {}).get("Message", "")) or code
        if code in EXPIRED:
            raise BerthError(f"your AWS credentials have expired (asked for {what})", LOG_IN) from None
        if code in REFUSED:
            hint = "Your user or role needs the permission; `aws sts get-caller-identity` says who you are."
            raise BerthError(f"AWS does not let you ask for {what}: {said}", hint) from None
        raise BerthError(f"AWS refused to answer for {what}: {code}: {said}") from None
    except BotoCoreError as error:
        kind = type(error).__name__
        if kind in EXPIRED:
            raise BerthError(f"your AWS login has expired (asked for {what})", LOG_IN) from None
        if kind in NO_CREDENTIALS:
            raise BerthError(f"there are no AWS credentials: {error}", LOG_IN) from None
        raise BerthError(f"AWS does not answer for {what}: {error}") from None


def code_of(error: Exception) -> str:
    """AWS's code of a ClientError, such as NoSuchKey; else empty."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""
