"""Where the cluster keeps its files, and the addresses that only its own parts use."""

from dataclasses import dataclass
from pathlib import Path

from rehearsal.paths import Paths

NODE_NAME = "berth"
CLUSTER_DOMAIN = "cluster.local"
CGROUP = "berth"
CNI_NETWORK = "berth-pods"

# A loopback address of our own: nobody's etcd or controller manager on 127.0.0.1 is in the way.
LOOPBACK = "127.213.0.1"
ETCD_PORT = 2379
ETCD_PEER_PORT = 2380
KUBELET_PORT = 10250
KUBELET_HEALTH_PORT = 10248
PROXY_HEALTH_PORT = 10256
PROXY_METRICS_PORT = 10249
CONTROLLER_MANAGER_PORT = 10257
SCHEDULER_PORT = 10259


@dataclass(frozen=True)
class Layout:
    """The cluster's files under a rehearsal's state and run directories."""

    paths: Paths

    @property
    def root(self) -> Path:
        """Everything of the cluster that outlives a reboot."""
        return self.paths.state / "cluster"

    @property
    def config(self) -> Path:
        """Rendered configuration, written again at every start."""
        return self.root / "config"

    @property
    def etcd(self) -> Path:
        """The data of etcd."""
        return self.root / "etcd"

    @property
    def kubelet(self) -> Path:
        """The root directory of kubelet: volumes live here."""
        return self.root / "kubelet"

    @property
    def pod_logs(self) -> Path:
        """What containers print."""
        return self.root / "pod-logs"

    @property
    def containerd(self) -> Path:
        """Images and snapshots."""
        return self.paths.state / "containerd"

    @property
    def containerd_run(self) -> Path:
        """Containers that run, their network namespaces and sockets."""
        return self.paths.run / "containerd"

    @property
    def containerd_socket(self) -> Path:
        """Where containerd's API and the CRI are served."""
        return self.paths.run / "containerd.sock"

    @property
    def cni_state(self) -> Path:
        """The pod addresses given out."""
        return self.paths.run / "cni"

    @property
    def sysctls(self) -> Path:
        """Kernel settings as they were before the cluster came."""
        return self.root / "sysctls.json"

    def kubeconfig(self, user: str) -> Path:
        """The access of one part of the cluster."""
        return self.config / f"{user}.kubeconfig"
