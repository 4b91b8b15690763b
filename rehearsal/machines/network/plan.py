"""Names and addresses of the machines' network."""

import hashlib
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from rehearsal import addresses
from rehearsal.paths import Paths

METADATA = "169.254.169.254"
CLOCK = "169.254.169.123"  # the Amazon Time Sync Service
REGISTRY = str(addresses.NODE)
SERVICES = IPv4Network("192.0.2.0/24")
LINKS = list(
    IPv4Network("198.18.0.0/16").subnets(new_prefix=24)
)  # for benchmarks (RFC 2544): nobody routes it

VETHS = ("berth-aws", "berth-try")  # how the names of our ends of links begin

# Each service has an address of its own, so that a route to one is no route to another.
ENDPOINT_SERVICES = (
    "s3",
    "ecr.api",
    "ecr.dkr",
    "ec2",
    "ec2messages",
    "ssm",
    "ssmmessages",
    "logs",
    "monitoring",
    "sts",
    "kms",
    "autoscaling",
)
_HOSTS = {"ecr.api": "api.ecr", "ecr.dkr": "dkr.ecr"}
OTHER_SERVICES = str(SERVICES[2])
SOFTWARE = str(SERVICES[3])
SOFTWARE_HOSTS = ("developer.download.nvidia.com", "nvidia.github.io")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One network. link: the block between this machine and the namespace; own: our address as seen there."""

    namespace: str
    veth: str
    link: IPv4Network = LINKS[0]
    own: str = str(addresses.OWN_ADDRESS)
    elastic: IPv4Network | None = addresses.ELASTIC
    front: IPv4Address = addresses.AWS_FRONT  # where the emulated account speaks TLS

    @property
    def inside(self) -> IPv4Address:
        """The namespace's end of the link."""
        return self.link[1]

    @property
    def outside(self) -> IPv4Address:
        """This machine's fixed end of the link, which forwards and resolves names."""
        return self.link[-2]


def plan(paths: Paths, front: IPv4Address = addresses.AWS_FRONT) -> Plan:
    """The network of a rehearsal, named and linked apart where its run directory is not the default."""
    usual = str(paths.run) == "/run/berth"
    name, number = _digest(paths, "rehearsal")
    return Plan(
        namespace="berth-aws" if usual else f"berth-aws-{name}",
        veth="berth-aws0" if usual else f"berth-aws{name}",
        link=LINKS[0] if usual else LINKS[1 + number % 127],
        own=addresses.own_address(paths.run),
        front=front,
    )


def apart(paths: Paths, front: IPv4Address = addresses.AWS_FRONT) -> Plan:
    """A network for one machine alone, which may run beside a rehearsal's: without elastic addresses."""
    name, number = _digest(paths, "trial")
    link = LINKS[128 + number % 128]
    return Plan(
        namespace=f"berth-try-{name}",
        veth=f"berth-try{name}",
        link=link,
        own=str(link[7]),
        elastic=None,
        front=front,
    )


def _digest(paths: Paths, kind: str) -> tuple[str, int]:
    """Four digits and a number from a run directory."""
    digest = hashlib.sha256(f"{kind} {paths.run}".encode()).digest()
    return digest.hex()[:4], digest[2]


def service_address(service: str) -> str:
    """The address that DNS answers for a service with VPC endpoints."""
    return str(SERVICES[10 + ENDPOINT_SERVICES.index(service)])


def service_host(service: str, region: str) -> str:
    """A service's host name; names below it are the service's too."""
    return f"{_HOSTS.get(service, service)}.{region}.amazonaws.com"
