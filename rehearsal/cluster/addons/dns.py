"""Names inside the cluster: CoreDNS beside the cluster, behind the service address that pods are told."""

from pathlib import Path

import urllib3

from rehearsal import addresses
from rehearsal.cluster.addons import parts
from rehearsal.cluster.addons.parts import Addon
from rehearsal.cluster.layout import CLUSTER_DOMAIN, LOOPBACK
from rehearsal.paths import Paths
from rehearsal.process import Daemon

NAME = "dns"
# Not 53: a resolver of the machine's own often holds that on every address.
PORT = 10053
READY_PORT = 10054
HEALTH_PORT = 10055
RESOLVER = Path("/etc/resolv.conf")


def addon(paths: Paths, program: Path) -> Addon:
    """CoreDNS, given its program."""
    kubeconfig = parts.access(paths, NAME)
    corefile = paths.state / "addons" / "Corefile"
    corefile.write_text(render(kubeconfig, upstream=_has_upstream(RESOLVER)))
    return Addon(
        objects=[
            *parts.rights(
                NAME,
                [
                    parts.rule("", ["services", "pods", "namespaces"], "list", "watch"),
                    parts.rule("discovery.k8s.io", ["endpointslices"], "list", "watch"),
                ],
            ),
            *parts.service_on_node(
                "kube-dns",
                [("dns", "UDP", 53, PORT), ("dns-tcp", "TCP", 53, PORT)],
                labels={"k8s-app": "kube-dns", "kubernetes.io/name": "CoreDNS"},
                ip=str(addresses.CLUSTER_DNS),
            ),
        ],
        daemon=Daemon(name=NAME, argv=[str(program), "-conf", str(corefile)], env=parts.ENVIRONMENT),
        inputs=[corefile, kubeconfig],
        healthy=_ready,
        listens=(str(addresses.NODE), PORT),
    )


def render(kubeconfig: Path, *, upstream: bool) -> str:
    """The Corefile. Without an upstream, names outside the cluster are refused at once, not after a wait."""
    forward = f"    forward . {RESOLVER}\n" if upstream else ""
    return (
        f".:{PORT} {{\n"
        f"    bind {addresses.NODE}\n"
        "    errors\n"
        f"    health {LOOPBACK}:{HEALTH_PORT}\n"
        f"    ready {LOOPBACK}:{READY_PORT}\n"
        f"    kubernetes {CLUSTER_DOMAIN} in-addr.arpa ip6.arpa {{\n"
        f"        kubeconfig {kubeconfig}\n"
        "        pods insecure\n"
        "        fallthrough in-addr.arpa ip6.arpa\n"
        "        ttl 5\n"
        "    }\n"
        f"{forward}"
        "    cache 30\n"
        "    loadbalance\n"
        "}\n"
    )


def _has_upstream(resolver: Path) -> bool:
    try:
        lines = resolver.read_text().splitlines()
    except OSError:
        return False
    return any(line.split()[:1] == ["nameserver"] and len(line.split()) > 1 for line in lines)


def _ready() -> bool:
    url = f"http://{LOOPBACK}:{READY_PORT}/ready"
    try:
        return urllib3.request("GET", url, timeout=1.0, retries=False).status == 200
    except urllib3.exceptions.HTTPError:
        return False
