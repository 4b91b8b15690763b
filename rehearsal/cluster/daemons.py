"""The parts of the cluster: the command line and the configuration files of each."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rehearsal import addresses
from rehearsal.cluster import containers, layout
from rehearsal.cluster.identity import ETCD_CLIENT_NAME, FRONT_PROXY, Identities
from rehearsal.cluster.layout import CLUSTER_DOMAIN, LOOPBACK, NODE_NAME, Layout
from rehearsal.cluster.software import which

NAMES = (
    "containerd",
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "kubelet",
)
_SECURE = ("--tls-min-version=VersionTLS12", "--profiling=false")


@dataclass(frozen=True)
class Part:
    """A daemon and the files that it reads when it starts."""

    name: str
    argv: list[str]
    env: dict[str, str]
    files: dict[Path, str] = field(default_factory=dict)


def environment() -> dict[str, str]:
    """What every part is started with: no proxies, and a heap that trades a little time for memory."""
    path = os.environ.get("PATH", "")
    return {"PATH": f"{path}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin", "GOGC": "60", "HOME": "/root"}


def parts(
    where: Layout, programs: Path, ids: Identities, container_files: Mapping[Path, str]
) -> dict[str, Part]:
    """Every part, in the order in which they start. `programs` holds the Kubernetes programs."""
    env = environment()
    kubelet_yaml = where.config / "kubelet.json"
    proxy_yaml = where.config / "kube-proxy.json"
    scheduler_yaml = where.config / "kube-scheduler.json"

    def dump(content: object) -> str:
        return json.dumps(content, indent=2) + "\n"

    def program(name: str) -> str:
        return str(programs / name)

    containerd = [str(which("containerd")), "--config", str(where.config / "containerd.toml")]
    found = [
        Part("containerd", containerd, containers.environment(env), dict(container_files)),
        Part("etcd", [program("etcd"), *etcd(where, ids)], env),
        Part("kube-apiserver", [program("kube-apiserver"), *api_server(where, ids)], env),
        Part(
            "kube-controller-manager",
            [program("kube-controller-manager"), *controller_manager(where, ids)],
            env,
        ),
        Part(
            "kube-scheduler",
            [program("kube-scheduler"), f"--config={scheduler_yaml}", *serving(where, ids, "kube-scheduler")],
            env,
            {scheduler_yaml: dump(scheduler_config(where))},
        ),
        Part(
            "kube-proxy",
            [program("kube-proxy"), f"--config={proxy_yaml}"],
            env,
            {proxy_yaml: dump(proxy_config(where))},
        ),
        Part(
            "kubelet",
            [
                program("kubelet"),
                f"--config={kubelet_yaml}",
                f"--kubeconfig={where.kubeconfig('kubelet')}",
                f"--root-dir={where.kubelet}",
                f"--cert-dir={where.kubelet / 'pki'}",
                f"--hostname-override={NODE_NAME}",
                f"--node-ip={addresses.NODE}",
                # Where the built-in cAdvisor looks for containers, for the metrics that the HPA needs.
                f"--containerd={where.containerd_socket}",
            ],
            env,
            {kubelet_yaml: dump(kubelet_config(where, ids))},
        ),
    ]
    return {part.name: part for part in found}


def etcd(where: Layout, ids: Identities) -> list[str]:
    """A single etcd on a loopback address, for the API server's certificate only."""
    client = f"https://{LOOPBACK}:{layout.ETCD_PORT}"
    peer = f"https://{LOOPBACK}:{layout.ETCD_PEER_PORT}"
    return [
        "--name=berth",
        f"--data-dir={where.etcd}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=berth={peer}",
        f"--cert-file={ids.etcd.certificate}",
        f"--key-file={ids.etcd.key}",
        f"--trusted-ca-file={ids.authority.certificate}",
        "--client-cert-auth",
        f"--client-cert-allowed-hostname={ETCD_CLIENT_NAME}",
        f"--peer-cert-file={ids.etcd.certificate}",
        f"--peer-key-file={ids.etcd.key}",
        f"--peer-trusted-ca-file={ids.authority.certificate}",
        "--peer-client-cert-auth",
        "--enable-grpc-gateway=false",
        "--log-level=warn",
    ]


def api_server(where: Layout, ids: Identities) -> list[str]:
    """The API server: certificates and tokens only, RBAC, secrets encrypted at rest."""
    return [
        f"--advertise-address={addresses.NODE}",
        f"--bind-address={addresses.NODE}",
        f"--secure-port={addresses.API_SERVER_PORT}",
        f"--tls-cert-file={ids.api_server.certificate}",
        f"--tls-private-key-file={ids.api_server.key}",
        f"--cert-dir={where.config}",
        "--anonymous-auth=false",
        f"--client-ca-file={ids.authority.certificate}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction,PodSecurity",
        "--allow-privileged=true",
        f"--etcd-servers=https://{LOOPBACK}:{layout.ETCD_PORT}",
        f"--etcd-cafile={ids.authority.certificate}",
        f"--etcd-certfile={ids.etcd_client.certificate}",
        f"--etcd-keyfile={ids.etcd_client.key}",
        f"--encryption-provider-config={ids.encryption}",
        f"--kubelet-client-certificate={ids.kubelet_client.certificate}",
        f"--kubelet-client-key={ids.kubelet_client.key}",
        f"--kubelet-certificate-authority={ids.authority.certificate}",
        "--kubelet-preferred-address-types=InternalIP",
        f"--proxy-client-cert-file={ids.front_proxy.certificate}",
        f"--proxy-client-key-file={ids.front_proxy.key}",
        f"--requestheader-client-ca-file={ids.authority.certificate}",
        f"--requestheader-allowed-names={FRONT_PROXY}",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--enable-aggregator-routing=true",
        f"--service-account-issuer=https://kubernetes.default.svc.{CLUSTER_DOMAIN}",
        f"--service-account-key-file={ids.token_key}",
        f"--service-account-signing-key-file={ids.token_key}",
        f"--service-cluster-ip-range={addresses.SERVICES}",
        *_SECURE,
    ]


def serving(where: Layout, ids: Identities, name: str) -> list[str]:
    """What the controller manager and the scheduler have in common."""
    ports = {
        "kube-controller-manager": layout.CONTROLLER_MANAGER_PORT,
        "kube-scheduler": layout.SCHEDULER_PORT,
    }
    access = where.kubeconfig(name)
    return [
        f"--authentication-kubeconfig={access}",
        f"--authorization-kubeconfig={access}",
        f"--bind-address={LOOPBACK}",
        f"--secure-port={ports[name]}",
        f"--tls-cert-file={ids.local.certificate}",
        f"--tls-private-key-file={ids.local.key}",
        "--tls-min-version=VersionTLS12",
    ]


def controller_manager(where: Layout, ids: Identities) -> list[str]:
    """The controllers, each with a service account of its own."""
    return [
        *serving(where, ids, "kube-controller-manager"),
        f"--kubeconfig={where.kubeconfig('kube-controller-manager')}",
        "--cluster-name=berth",
        "--allocate-node-cidrs=false",
        f"--cluster-cidr={addresses.PODS}",
        f"--root-ca-file={ids.authority.certificate}",
        f"--cluster-signing-cert-file={ids.authority.certificate}",
        f"--cluster-signing-key-file={ids.authority.key}",
        f"--service-account-private-key-file={ids.token_key}",
        "--use-service-account-credentials=true",
        "--leader-elect=false",
        f"--flex-volume-plugin-dir={where.kubelet / 'volume-plugins'}",
        "--profiling=false",
    ]


def scheduler_config(where: Layout) -> dict[str, object]:
    """A scheduler without rivals."""
    return {
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
        "clientConnection": {"kubeconfig": str(where.kubeconfig("kube-scheduler"))},
        "leaderElection": {"leaderElect": False},
        "enableProfiling": False,
    }


def proxy_config(where: Layout) -> dict[str, object]:
    """Services by iptables; node ports on our own address; the machine's connection limits stay."""
    untouched = {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"}
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "clientConnection": {"kubeconfig": str(where.kubeconfig("kube-proxy"))},
        "hostnameOverride": NODE_NAME,
        "bindAddress": str(addresses.NODE),
        "clusterCIDR": str(addresses.PODS),
        "nodePortAddresses": [f"{addresses.NODE}/32"],
        "healthzBindAddress": f"{LOOPBACK}:{layout.PROXY_HEALTH_PORT}",
        "metricsBindAddress": f"{LOOPBACK}:{layout.PROXY_METRICS_PORT}",
        "iptables": {"localhostNodePorts": False, "minSyncPeriod": "0s", "syncPeriod": "30s"},
        "conntrack": untouched,
        "oomScoreAdj": 0,
    }


def kubelet_config(where: Layout, ids: Identities) -> dict[str, object]:
    """The node's agent, tolerant of old control groups and of a nearly full disk."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": str(addresses.NODE),
        "port": layout.KUBELET_PORT,
        "readOnlyPort": 0,
        "healthzBindAddress": LOOPBACK,
        "healthzPort": layout.KUBELET_HEALTH_PORT,
        "tlsCertFile": str(ids.kubelet.certificate),
        "tlsPrivateKeyFile": str(ids.kubelet.key),
        "tlsMinVersion": "VersionTLS12",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(ids.authority.certificate)},
        },
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": f"unix://{where.containerd_socket}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{layout.CGROUP}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "oomScoreAdj": 0,
        "clusterDNS": [str(addresses.CLUSTER_DNS)],
        "clusterDomain": CLUSTER_DOMAIN,
        "resolvConf": resolv_conf(where),
        "podLogsDir": str(where.pod_logs),
        "volumePluginDir": str(where.kubelet / "volume-plugins"),
        "serializeImagePulls": False,
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "0%",
            "nodefs.inodesFree": "0%",
            "imagefs.available": "0%",
            "imagefs.inodesFree": "0%",
        },
        "featureGates": {"KubeletInUserNamespace": True} if in_user_namespace() else {},
        "enableProfilingHandler": False,
        "maxPods": 60,
    }


def resolv_conf(where: Layout) -> str:
    """The name servers of pods without cluster DNS: not those of a loopback resolver, which pods lack."""
    for candidate in ("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"):
        try:
            lines = Path(candidate).read_text().splitlines()
        except OSError:
            continue
        servers = [
            line.split()[1] for line in lines if line.startswith("nameserver ") and len(line.split()) > 1
        ]
        if servers and not all(server.startswith("127.") or server == "::1" for server in servers):
            return candidate
    return str(where.config / "resolv.conf")


def in_user_namespace() -> bool:
    """Whether root here is another user outside (rootless containers)."""
    try:
        return Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"]
    except OSError:
        return False
