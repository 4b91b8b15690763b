"""Which access keys the account knows: whose key signed and whether it lives; signatures are not verified."""

from datetime import UTC, datetime
from typing import Any

from rehearsal.clouds.aws import settings
from rehearsal.clouds.aws.calls import AwsError, Call
from rehearsal.clouds.aws.emulator import backends

INTERNAL = "berth.internal"  # set in the environ of requests that this process makes itself


def refusal(call: Call) -> AwsError | None:
    """Why a call's key is not good enough; None where it is. Unsigned calls are moto's to judge."""
    known = settings.current().access_keys
    if not known or not call.access_key or call.environ.get(INTERNAL) or call.access_key in known:
        return None
    with backends() as backend:
        session = backend("sts", call.region).get_assumed_role_from_access_key(call.access_key)
        users = {key.access_key_id for key in backend("iam").access_keys.values()}
    if session is not None:
        return expired(call) if session.expiration.replace(tzinfo=UTC) < datetime.now(UTC) else None
    return None if call.access_key in users else unknown(call)


def unknown(call: Call) -> AwsError:
    """The error of each protocol for a key that does not exist.

    https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html,
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html,
    https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    """
    message = "The security token included in the request is invalid."
    if call.service == "s3":
        return AwsError(
            "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", 403
        )
    if call.service == "ec2":
        return AwsError("AuthFailure", "AWS was not able to validate the provided access credentials", 401)
    if call.protocol in ("query", "rest-xml"):
        return AwsError("InvalidClientTokenId", message, 403)
    return AwsError("UnrecognizedClientException", message, 400)


def expired(call: Call) -> AwsError:
    """The error of each protocol for a session that has ended."""
    message = "The security token included in the request is expired"
    if call.service == "s3":
        return AwsError("ExpiredToken", "The provided token has expired.", 400)
    if call.service == "ec2":
        return AwsError("RequestExpired", "Request has expired.", 400)
    if call.protocol in ("query", "rest-xml"):
        return AwsError("ExpiredToken", message, 403)
    return AwsError("ExpiredTokenException", message, 400)


def role_session(client: Any, role_arn: str, name: str, seconds: int) -> dict[str, str]:
    """Credentials of a role, in the form that the instance metadata service hands out.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html
    """
    issued = client.assume_role(RoleArn=role_arn, RoleSessionName=name, DurationSeconds=seconds)[
        "Credentials"
    ]
    return {
        "Code": "Success",
        "Type": "AWS-HMAC",
        "LastUpdated": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "AccessKeyId": issued["AccessKeyId"],
        "SecretAccessKey": issued["SecretAccessKey"],
        "Token": issued["SessionToken"],
        "Expiration": issued["Expiration"].strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
