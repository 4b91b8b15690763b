"""The syntax of what an AWS environment's values hold: regions, zones, addresses, keys, images, instants."""

import base64
import re
from datetime import UTC, datetime
from ipaddress import IPv4Network
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from infra.values import matching

_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")
_ZONE = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9][a-z]")
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")
_AMI = re.compile(r"ami-([0-9a-f]{8}|[0-9a-f]{17})")
_OWNER = re.compile(r"[0-9]{12}|amazon|self|aws-marketplace")
_PARAMETER = re.compile(r"/[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")
_IMAGE_NAME = re.compile(r"[A-Za-z0-9()\[\]/.'@_* -]{3,128}")
_INSTANCE_TYPE = re.compile(r"[a-z][a-z0-9-]*\.[a-z0-9-]+")
_SIZE = re.compile(r"nano|micro|small|medium|large|([1-9][0-9]*)?xlarge|metal(-[0-9]+xl)?")
# A g after the generation is AWS's own ARM processor: t4g, m7gd, c6gn, im4gn.
# https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html
_ARM = re.compile(r"[a-z]+[0-9]+g[a-z]*|a1")
_USER = re.compile(r"[A-Za-z0-9+=,.@_-]{1,64}")
_SOURCE = re.compile(
    r"(docker-daemon:|containers-storage:|docker://[a-zA-Z0-9.-]+(:[0-9]{1,5})?/)"
    r"[a-z0-9]+([._-][a-z0-9]+)*(/[a-z0-9]+([._-][a-z0-9]+)*)*"
)
_IMAGE = re.compile(r"[a-z0-9.-]+(:[0-9]{1,5})?(/[a-z0-9._-]+)+@sha256:[0-9a-f]{64}")
_VERSION = re.compile(r"[0-9]+\.[0-9]+(\.[0-9]+)?")
_KEY_KINDS = {
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
}
# What no server of AWS ever sees as a caller's address.
_NOT_SEEN = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "224.0.0.0/3",
    )
)
_WIDEST_OWN = 16
_LAST_PORT = 65_535
_SHORTEST_RSA_BYTES = 256  # 2048 bits


def own_address(value: str) -> str:
    """An address or range as AWS may see it, in CIDR notation. Raises ValueError with what is wrong."""
    try:
        network = IPv4Network(value)
    except ValueError as error:
        raise ValueError(f"is not an IPv4 address or range in CIDR notation ({error})") from None
    if network.prefixlen == 0:
        raise ValueError("is everybody; name the addresses that you come from")
    if network.prefixlen < _WIDEST_OWN:
        raise ValueError(f"is wider than /{_WIDEST_OWN}; name the addresses that you come from")
    if any(network.overlaps(unseen) for unseen in _NOT_SEEN):
        raise ValueError(
            "is an address inside a network; AWS sees the public one (`berth access refresh` finds it)"
        )
    return str(network)


def _public_key(value: str) -> str:
    if "PRIVATE KEY" in value:
        # Not shown: what follows is a secret.
        raise ValueError("is a private key, which belongs nowhere but on your machine; give the .pub file")
    if len(value.strip().splitlines()) > 1:
        raise ValueError("is several lines; each key is an entry of its own")
    parts = value.split()
    if len(parts) < 2 or parts[0] not in _KEY_KINDS:
        raise ValueError(f"must be the line of a .pub file, of a kind among {', '.join(sorted(_KEY_KINDS))}")
    try:
        blob = base64.b64decode(parts[1], validate=True)
    except ValueError:
        raise ValueError("is not a whole public key (its second word is no base64)") from None
    kind = parts[0].encode()
    if not blob.startswith(len(kind).to_bytes(4, "big") + kind) or len(blob) <= len(kind) + 36:
        raise ValueError(f"is not a whole {parts[0]} key")
    if parts[0] == "ssh-rsa" and len(blob) < _SHORTEST_RSA_BYTES:
        raise ValueError("is an RSA key of less than 2048 bits")
    return " ".join(parts)


def _instant(value: object) -> object:
    """YAML may have read it as a time already."""
    return value.isoformat() if isinstance(value, datetime) else value


def _utc(value: str) -> str:
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("must be a time in ISO 8601") from None
    if instant.tzinfo is None:
        raise ValueError("must say its time zone: end it with Z")
    try:
        return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except OverflowError:
        raise ValueError("must be a time in ISO 8601, of a year that UTC has") from None


def instant(text: str) -> datetime:
    """The time that an `Instant` names."""
    return datetime.fromisoformat(text)


def _unique(values: tuple[Any, ...]) -> tuple[Any, ...]:
    twice = sorted({str(one) for one in values if values.count(one) > 1})
    if twice:
        raise ValueError(f"names {', '.join(twice)} twice")
    return values


def _bastion_type(value: str) -> str:
    family, _, size = value.partition(".")
    if not _SIZE.fullmatch(size):
        raise ValueError(f"is of no size that machines of EC2 have ({size})")
    if _ARM.fullmatch(family):
        raise ValueError("is an ARM machine, and the bastion's image is for Intel and AMD")
    return value


def _source(value: str) -> str:
    found = re.match(r"docker://[^/]+:([0-9]+)/", value)
    if found and not 1 <= int(found[1]) <= _LAST_PORT:
        raise ValueError(f"has a port outside 1-{_LAST_PORT}")
    return value


Region = Annotated[str, matching(_REGION, "must be the name of an AWS region")]
Zone = Annotated[str, matching(_ZONE, "must be the name of an availability zone: a region and a letter")]
Email = Annotated[str, matching(_EMAIL, "must be an e-mail address", 254)]
AmiId = Annotated[str, matching(_AMI, "must be ami- and 17 (or 8) hexadecimal digits")]
ImageOwner = Annotated[str, matching(_OWNER, "must be an account's 12 digits, amazon or self")]
ImageName = Annotated[
    str, matching(_IMAGE_NAME, "must be an AMI's name, 3 to 128 characters, * for any", 128)
]
ParameterName = Annotated[str, matching(_PARAMETER, "must be the path of an SSM parameter", 1011)]
InstanceTypeName = Annotated[str, matching(_INSTANCE_TYPE, "must be family.size")]
BastionType = Annotated[InstanceTypeName, AfterValidator(_bastion_type)]
UserName = Annotated[str, matching(_USER, "must be the name of an IAM user", 64)]
ImageSource = Annotated[
    str,
    matching(
        _SOURCE,
        "must be docker-daemon:, containers-storage: or docker://HOST/, and a lower-case path without tag",
    ),
    AfterValidator(_source),
]
PinnedImage = Annotated[
    str, matching(_IMAGE, "must be an image pinned by its digest: host/path@sha256:…", 500)
]
Version = Annotated[str, matching(_VERSION, "must be a version: numbers with points, in quotes")]
OwnAddress = Annotated[str, AfterValidator(own_address)]
PublicKey = Annotated[str, AfterValidator(_public_key)]
Instant = Annotated[str, BeforeValidator(_instant), AfterValidator(_utc)]
Unique = AfterValidator(_unique)
