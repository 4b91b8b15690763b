"""A refusal by AWS, what kind it is, and what to do about it."""

from typing import Any, Final

from rehearsal.errors import BerthError

_THROTTLED: Final = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)  # botocore's standard retry mode: https://docs.aws.amazon.com/boto3/latest/guide/retries.html
_TRANSIENT: Final = frozenset(
    {"InternalError", "InternalFailure", "InternalServerError", "RequestTimeout", "RequestTimeoutException"}
    | {"ServiceUnavailable", "ServiceUnavailableException", "Unavailable", "503", "500", "502", "504"}
)
_CAPACITY: Final = frozenset({"InsufficientInstanceCapacity", "InsufficientHostCapacity", "Unsupported"})
_EXPIRED: Final = frozenset(
    {"AuthFailure", "ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "RequestExpired"}
    | {"UnrecognizedClientException", "SignatureDoesNotMatch", "InvalidAccessKeyId", "InvalidToken"}
    | {"400"}
)
_DENIED: Final = frozenset(
    {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "Forbidden", "403"}
)
_BUSY: Final = frozenset(
    {"DependencyViolation", "DeleteConflict", "DeleteConflictException", "IncorrectState", "ResourceInUse"}
    | {"ResourceInUseException", "VolumeInUse", "IncorrectInstanceState", "OperationAborted"}
    | {"ScalingActivityInProgress", "ResourceContention", "InvalidSnapshot.InUse", "CannotDelete"}
)  # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
_LIMITS: Final = frozenset({"VcpuLimitExceeded", "InstanceLimitExceeded", "MaxSpotInstanceCountExceeded"})
_HINTS: Final = (
    (
        _CAPACITY,
        (
            "AWS has no such machine free there now. Allow more instance types or zones, switch between "
            "spot and on-demand, or try again later."
        ),
    ),
    (
        _LIMITS,
        (
            "The account's quota of vCPUs is used up. Ask for more (Service Quotas, EC2; L-DB2E81BA for G "
            "and VT on-demand, L-3819A6DF for their spot requests), or take a smaller instance type."
        ),
    ),
    (
        _EXPIRED,
        (
            "The credentials are wrong or have expired. Renew them (for example `aws sso login`) and "
            "run again; what was made so far is in the state."
        ),
    ),
    (_DENIED, "The credentials may not do this: their owner's policies have to allow the operation."),
)


class AwsError(BerthError):
    """A request that AWS did not grant, or whose answer got lost."""

    def __init__(
        self,
        service: str,
        operation: str,
        code: str,
        text: str,
        *,
        status: int = 0,
        lost: bool = False,
    ) -> None:
        super().__init__(f"{service}:{operation} failed: {code}: {text}", _hint(code))
        self.service = service
        self.operation = operation
        self.code = code
        self.text = text
        self.status = status
        self.lost = lost
        """No answer came: nobody knows whether it was done."""

    @property
    def throttled(self) -> bool:
        """Refused because of too many requests; nothing was done."""
        return self.code in _THROTTLED or self.status == 429

    @property
    def transient(self) -> bool:
        """The same request may succeed a moment later; it may have been done, too."""
        known = self.code in _CAPACITY | _LIMITS | _BUSY
        return self.lost or self.code in _TRANSIENT or (self.status >= 500 and not known)

    @property
    def gone(self) -> bool:
        """What the request is about does not exist (yet, or any more)."""
        if self.code in {"ValidationError", "ValidationException"}:  # EC2 Auto Scaling says it this way
            return "not found" in self.text.lower()
        return self.code == "404" or "NotFound" in self.code or self.code.startswith("NoSuch")

    @property
    def unsuitable(self) -> bool:
        """Something that the request names does not exist, or is not what it should be."""
        return self.gone or self.code.startswith(("Invalid", "Malformed", "Validation"))

    @property
    def exists(self) -> bool:
        """There is one of this name already."""
        return any(
            word in self.code for word in ("AlreadyExist", "Duplicate", "AlreadyOwned", "AlreadyAssoc")
        )

    @property
    def busy(self) -> bool:
        """Something else uses it still, or it is changing just now."""
        return self.code in _BUSY or self.code.endswith(".InUse")

    @property
    def capacity(self) -> bool:
        """No machine of the type is free."""
        return self.code in _CAPACITY


def _hint(code: str) -> str:
    return next((hint for codes, hint in _HINTS if code in codes), "")


def from_botocore(service: str, operation: str, error: Exception) -> Exception:
    """What botocore raised, as an AwsError; anything else unchanged."""
    from botocore import exceptions as raised
    from botocore.parsers import ResponseParserError

    if isinstance(error, raised.ClientError):
        answer: Any = error.response
        status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)
        details = answer.get("Error", {})
        code, text = str(details.get("Code", status)), str(details.get("Message", ""))
        if code == "400":
            # https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
            text += " (an answer to HEAD gives no reason: most often, the credentials have expired)"
        return AwsError(service, operation, code, text, status=status)
    if isinstance(error, raised.EndpointConnectionError | raised.ConnectTimeoutError):
        return AwsError(service, operation, "Unreachable", str(error), status=503)
    if isinstance(error, raised.HTTPClientError | raised.ResponseStreamingError | ResponseParserError):
        return AwsError(service, operation, "NoAnswer", str(error), lost=True)
    if isinstance(error, raised.NoCredentialsError | raised.PartialCredentialsError):
        return BerthError(
            f"{service}:{operation}: {error}", "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        )
    if isinstance(error, raised.ParamValidationError):
        return BerthError(f"{service}:{operation} was given what the API does not take: {error}")
    return error
