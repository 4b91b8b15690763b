"""The private addresses of a rehearsal, fixed so that a committed values file can name them.

All of them live on this machine only: a bridge `berth0` carries the node's address. 10.213.0.0/16 was chosen
because no common default (Docker, kind, minikube, libvirt, cloud VPC wizards) uses it. Only the own address
can be changed while a rehearsal runs.
"""

from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

BRIDGE = "berth0"
POD_BRIDGE = "berth-pods"
NETWORK = IPv4Network("10.213.0.0/16")
NODE = IPv4Address("10.213.0.1")
LOAD_BALANCERS = IPv4Network("10.213.32.0/24")
PODS = IPv4Network("10.213.64.0/20")
SERVICES = IPv4Network("10.213.128.0/20")
CLUSTER_DNS = IPv4Address("10.213.128.10")
# The emulated AWS, as machines see it; and the rehearsed Internet, of documentation's addresses (RFC 5737).
AWS_FRONT = IPv4Address("10.213.0.2")
ELASTIC = IPv4Network("198.51.100.0/24")
OUTSIDE = IPv4Network("203.0.113.0/24")
OWN_ADDRESS = IPv4Address("203.0.113.7")

API_SERVER_PORT = 6443
REGISTRY_PORT = 5000
S3_PORT = 9000
AWS_PORT = 4566

REGISTRY = f"{NODE}:{REGISTRY_PORT}"
S3_ENDPOINT = f"http://{NODE}:{S3_PORT}"
AWS_ENDPOINT = f"http://{NODE}:{AWS_PORT}"


def own_address(run: Path | None) -> str:
    """The address by which the rehearsed Internet knows this machine: OWN_ADDRESS, until it is changed.

    run: the rehearsal's run directory; None: there is no rehearsal.
    """
    try:
        return (own_address_file(run).read_text().strip() if run else "") or str(OWN_ADDRESS)
    except OSError:
        return str(OWN_ADDRESS)


def own_address_file(run: Path) -> Path:
    """Where a changed own address is written."""
    return run / "own-address"
