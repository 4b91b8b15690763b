"""The vocabulary of a values file: types that know their syntax, and carry an example of it.

Owns syntax only. What a key means, and which keys there are, is said in `infra.config`.
"""

import re
from ipaddress import IPv4Network
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_LABEL_VALUE = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_REGISTRY = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?")
_REPOSITORY = re.compile(r"[a-z0-9]+([._-][a-z0-9]+)*(/[a-z0-9]+([._-][a-z0-9]+)*)*")
_CPU = re.compile(r"[0-9]+(\.[0-9]{1,3})?|[0-9]+m")
_BYTES = re.compile(r"[0-9]+(Ki|Mi|Gi|Ti)")
_UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


class Values(BaseModel):
    """A group of keys in a values file; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an http:// or https:// URL")
    if parts.path.strip("/") or parts.query or parts.fragment or parts.username:
        raise ValueError("must be scheme, host and port only")
    try:
        _ = parts.port
    except ValueError:
        raise ValueError("has a port outside 0-65535") from None
    return value.rstrip("/")


def _network(value: str) -> str:
    try:
        return str(IPv4Network(value))
    except ValueError as error:
        raise ValueError(f"is not an IPv4 range in CIDR notation ({error})") from None


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
LabelValue = Annotated[
    str,
    matching(_LABEL_VALUE, "must be letters, digits, '-', '_' and '.', so that it can be a label", 63),
]
BucketName = Annotated[
    str, matching(_BUCKET, "must be 3 to 63 lower-case letters, digits, '-' and '.' (an S3 bucket name)", 63)
]
RegistryServer = Annotated[
    str,
    matching(_REGISTRY, "must be a host name or address with an optional port, without https:// or a path"),
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
]
Bytes = Annotated[str, matching(_BYTES, 'must be a whole number with a unit: "512Mi", "2Gi"')]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
