"""The vocabulary of a values file: types that know their syntax, and carry an example of it.

Owns syntax only. What a key means, and which keys there are, is said in `infra.config`.
"""

import re
from ipaddress import IPv4Network
from typing import Annotated, Any, get_args
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)

_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_DNS_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET_BEGINNINGS = ("xn--", "sthree-", "amzn-s3-demo-")
_BUCKET_ENDINGS = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
_LABEL_VALUE = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_REGISTRY = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*(:[0-9]{1,5})?")
_REPOSITORY = re.compile(r"[a-z0-9]+([._-][a-z0-9]+)*(/[a-z0-9]+([._-][a-z0-9]+)*)*")
_CPU = re.compile(r"[0-9]{1,5}(\.[0-9]{1,3})?|[0-9]{1,8}m")
_BYTES = re.compile(r"[1-9][0-9]{0,5}(Ki|Mi|Gi|Ti)")
_UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


_LAST_PORT = 65_535


class Values(BaseModel):
    """A group of keys in a values file; unknown keys, and true or false for a number, are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: object, info: ValidationInfo) -> object:
        # Pydantic would take true for 1.
        if isinstance(value, bool) and _is_number(cls.model_fields[str(info.field_name)].annotation):
            raise ValueError("must be a number")
        return value


def _is_number(annotation: Any) -> bool:
    """Whether a type is that of a number: int, Annotated[float, …] | None, Literal[1, 3]."""
    return (
        annotation in (int, float)
        or type(annotation) is int
        or any(_is_number(one) for one in get_args(annotation))
    )


def matching(pattern: re.Pattern[str], rule: str, longest: int = 253) -> AfterValidator:
    """Accepts text that the whole of a pattern matches; `rule` says what else is wrong with it."""

    def check(value: str) -> str:
        if len(value) > longest:
            raise ValueError(f"is longer than {longest} characters")
        if not pattern.fullmatch(value):
            raise ValueError(rule)
        return value

    return AfterValidator(check)


def _number_as_text(value: object) -> object:
    """YAML reads `cpu: 2` as a number; Kubernetes wants the text."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value:g}" if is_number else value


def _endpoint(value: str) -> str:
    try:
        parts = urlsplit(value)
    except ValueError as error:
        raise ValueError(f"must be an http:// or https:// URL ({error})") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an http:// or https:// URL")
    if parts.path.strip("/") or parts.query or parts.fragment or parts.username:
        raise ValueError("must be scheme, host and port only")
    if value != value.strip() or not (_HOST.fullmatch(parts.hostname) or ":" in parts.hostname):
        raise ValueError("must be an http:// or https:// URL, whose host is a name or an address")
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError(f"has a port outside 1-{_LAST_PORT}")
    return value.rstrip("/")


def _server(value: str) -> str:
    port = value.rpartition(":")[2] if ":" in value else "1"
    if not 1 <= int(port) <= _LAST_PORT:
        raise ValueError(f"has a port outside 1-{_LAST_PORT}")
    return value


def _bucket(value: str) -> str:
    if ".." in value:
        raise ValueError("has two points side by side, which S3 refuses")
    if re.fullmatch(r"[0-9]+(\.[0-9]+){3}", value):
        raise ValueError("looks like an IP address, which S3 refuses")
    if value.startswith(_BUCKET_BEGINNINGS) or value.endswith(_BUCKET_ENDINGS):
        raise ValueError("begins or ends with what S3 keeps for itself")
    return value


def _more_than_nothing(value: str) -> str:
    if millicores(value) == 0:
        raise ValueError("must be more than 0")
    return value


def _network(value: str) -> str:
    try:
        return str(IPv4Network(value))
    except ValueError as error:
        raise ValueError(f"is not an IPv4 range in CIDR notation ({error})") from None


def _some(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if not values:
        raise ValueError("must name one at least")
    return values


def byte_count(quantity: str) -> int:
    """The number of bytes in a quantity such as "512Mi"."""
    return int(quantity[:-2]) * _UNITS[quantity[-2:]]


def millicores(quantity: str) -> int:
    """A CPU quantity such as "1.5" or "250m" in thousandths of a core."""
    return int(quantity[:-1]) if quantity.endswith("m") else round(float(quantity) * 1000)


DnsLabel = Annotated[
    str,
    matching(_DNS_LABEL, "must be lower-case letters, digits and '-', starting and ending with neither", 63),
]
DnsName = Annotated[
    str, matching(_DNS_NAME, "must be lower-case letters, digits, '-' and '.' (a DNS name)", 253)
]
LabelValue = Annotated[
    str,
    matching(_LABEL_VALUE, "must be letters, digits, '-', '_' and '.', so that it can be a label", 63),
]
BucketName = Annotated[
    str,
    matching(_BUCKET, "must be 3 to 63 lower-case letters, digits, '-' and '.' (an S3 bucket name)", 63),
    AfterValidator(_bucket),
]
RegistryServer = Annotated[
    str,
    matching(_REGISTRY, "must be a host name or address with an optional port, without https:// or a path"),
    AfterValidator(_server),
]
Repository = Annotated[
    str, matching(_REPOSITORY, "must be a repository path in lower case, without registry and tag", 200)
]
Endpoint = Annotated[str, AfterValidator(_endpoint)]
NetworkRange = Annotated[str, AfterValidator(_network)]
Cpu = Annotated[
    str,
    BeforeValidator(_number_as_text),
    matching(_CPU, 'must be cores ("1", "0.5") or thousandths of one ("500m")'),
    AfterValidator(_more_than_nothing),
]
Bytes = Annotated[str, matching(_BYTES, 'must be a whole number with a unit, 1 to 999999: "512Mi", "2Gi"')]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Milliseconds = Annotated[int, Field(ge=0, le=10_000)]
Some = AfterValidator(_some)
