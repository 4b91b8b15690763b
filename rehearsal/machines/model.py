"""What the emulated account says there should be: instances and what surrounds them, as plain values.

Filled by `account.py` from EC2's answers; the network, the metadata and the decisions are functions of it.
"""

from dataclasses import dataclass, field
from ipaddress import IPv4Network

SMALL_FAMILIES = ("t2", "t3", "t3a", "m5", "m6i", "m7i", "c5", "c6i", "c7i")
ANYWHERE = "0.0.0.0/0"


def tap_of(instance_id: str) -> str:
    """The name of an instance's network interface on this machine (15 characters at most)."""
    return f"m{instance_id.removeprefix('i-')[-12:]}"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One permission of a security group. protocol: tcp, udp, icmp or -1; ports: inclusive, None for all."""

    protocol: str
    ports: tuple[int, int] | None = None
    addresses: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    services: tuple[str, ...] = ()  # AWS's own prefix lists, such as that of s3


@dataclass(frozen=True, kw_only=True)
class SecurityGroup:
    """A security group with its rules."""

    id: str
    ingress: tuple[Rule, ...] = ()
    egress: tuple[Rule, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A VPC endpoint. service: s3, ecr.api …; groups and cidrs: only of one with interfaces."""

    id: str
    service: str
    groups: tuple[str, ...] = ()
    cidrs: tuple[str, ...] = ()
    gateway: bool = False


@dataclass(frozen=True, kw_only=True)
class Subnet:
    """A subnet and its ways out. nat: the elastic address of the NAT gateway that its default route names."""

    id: str
    vpc: str
    vpc_cidr: str
    cidr: str
    zone: str
    internet_gateway: bool = False
    nat: str | None = None
    endpoints: tuple[Endpoint, ...] = ()

    @property
    def gateway(self) -> str:
        """The router's address, the first of the subnet."""
        return str(IPv4Network(self.cidr)[1])

    @property
    def resolver(self) -> str:
        """The address of Amazon's DNS server, the third of the VPC's block."""
        return str(IPv4Network(self.vpc_cidr)[2])


@dataclass(frozen=True, kw_only=True)
class Volume:
    """A volume besides the root. device: as in the launch template, `/dev/sdf`; size in GiB."""

    device: str
    id: str
    gib: int


@dataclass(frozen=True, kw_only=True)
class Instance:
    """As EC2 describes it. state: pending, running, stopping, stopped, shutting-down or terminated."""

    id: str
    type: str
    state: str
    image: str
    address: str
    mac: str
    subnet: str
    vpc: str
    zone: str
    region: str
    account: str = "123456789012"
    public_address: str | None = None
    groups: tuple[tuple[str, str], ...] = ()  # id and name
    root_gib: int = 8
    volumes: tuple[Volume, ...] = ()
    spot: bool = False
    key: tuple[str, str] | None = None  # name and public key
    profile: tuple[str, str] | None = None  # ARN and id
    metadata: bool = True
    tokens_required: bool = True
    hop_limit: int = 1
    tags_in_metadata: bool = False
    tags: tuple[tuple[str, str], ...] = ()
    reservation: str = ""
    launched: str = ""

    @property
    def wanted(self) -> bool:
        """Whether a machine should be running."""
        return self.state in {"pending", "running"}

    @property
    def gone(self) -> bool:
        """Whether it will never run again."""
        return self.state in {"shutting-down", "terminated"}

    @property
    def tap(self) -> str:
        """The name of its network interface on this machine."""
        return tap_of(self.id)

    @property
    def size(self) -> tuple[int, int]:
        """CPUs and memory (MiB) of the machine that stands for this type."""
        return (1, 384) if self.type.split(".")[0] in SMALL_FAMILIES else (2, 3072)


@dataclass(frozen=True, kw_only=True)
class Interruption:
    """A spot interruption notice. at: seconds since the epoch when the instance ends."""

    instance: str
    at: float


@dataclass(frozen=True, kw_only=True)
class Account:
    """Everything that concerns machines, at one moment."""

    region: str
    instances: tuple[Instance, ...] = ()
    subnets: dict[str, Subnet] = field(default_factory=dict)
    groups: dict[str, SecurityGroup] = field(default_factory=dict)
    interruptions: tuple[Interruption, ...] = ()
