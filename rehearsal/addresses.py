"""The private addresses of a rehearsal, fixed so that a committed values file can name them.

All of them live on this machine only: a bridge `berth0` carries the node's address. 10.213.0.0/16 was chosen
because no common default (Docker, kind, minikube, libvirt, cloud VPC wizards) uses it.
"""

from ipaddress import IPv4Address, IPv4Network

BRIDGE = "berth0"
POD_BRIDGE = "berth-pods"
NETWORK = IPv4Network("10.213.0.0/16")
NODE = IPv4Address("10.213.0.1")
LOAD_BALANCERS = IPv4Network("10.213.32.0/24")
PODS = IPv4Network("10.213.64.0/20")
SERVICES = IPv4Network("10.213.128.0/20")
CLUSTER_DNS = IPv4Address("10.213.128.10")

API_SERVER_PORT = 6443
REGISTRY_PORT = 5000
S3_PORT = 9000

REGISTRY = f"{NODE}:{REGISTRY_PORT}"
S3_ENDPOINT = f"http://{NODE}:{S3_PORT}"
