"""The embedded Kubernetes: a control plane and one node, out of processes on this machine.

It owns everything that those need (certificates, containerd, the pods' network, cgroups, firewall rules) and
takes all of it away again. Cluster add-ons, the registry and object storage are other parts' business.
"""

from rehearsal.cluster.inventory import leftovers
from rehearsal.cluster.software import packages, programs
from rehearsal.cluster.supervisor import ensure_running, is_running, status
from rehearsal.cluster.teardown import stop

__all__ = ["ensure_running", "is_running", "leftovers", "packages", "programs", "status", "stop"]
