"""CPU and memory figures of pods and nodes, for the HPA and `kubectl top`: metrics-server on this node."""

import base64
from pathlib import Path

from rehearsal import addresses, ca, service
from rehearsal.cluster.addons import parts
from rehearsal.cluster.addons.api import Object
from rehearsal.cluster.addons.parts import NAMESPACE, Addon
from rehearsal.paths import Paths
from rehearsal.process import Daemon

NAME = "metrics"
SERVICE = "metrics-server"
PORT = 10350
RESOLUTION_SECONDS = 15
API = "/apis/metrics.k8s.io/v1beta1"


def addon(paths: Paths, program: Path) -> Addon:
    """metrics-server, given its program."""
    kubeconfig = parts.access(paths, NAME)
    authority = ca.ensure_ca(paths)
    certificate, key = ca.issue(
        paths,
        SERVICE,
        dns=[f"{SERVICE}.{NAMESPACE}.svc"],
        ips=[addresses.NODE],
    )
    return Addon(
        objects=[
            *parts.rights(
                NAME,
                [
                    parts.rule("", ["nodes/metrics"], "get"),
                    parts.rule("", ["pods", "nodes"], "get", "list", "watch"),
                ],
            ),
            # It asks the API server who its callers are and what they may see.
            parts.bound(NAME, "berth:metrics:auth-delegator", "system:auth-delegator"),
            parts.bound_in_namespace(
                NAME, "berth:metrics:auth-reader", "extension-apiserver-authentication-reader"
            ),
            *parts.service_on_node(
                SERVICE, [("https", "TCP", 443, PORT)], labels={"k8s-app": "metrics-server"}
            ),
            _api_service(authority),
        ],
        daemon=Daemon(
            name=NAME,
            argv=[
                str(program),
                f"--kubeconfig={kubeconfig}",
                f"--authentication-kubeconfig={kubeconfig}",
                f"--authorization-kubeconfig={kubeconfig}",
                f"--bind-address={addresses.NODE}",
                f"--secure-port={PORT}",
                f"--tls-cert-file={certificate}",
                f"--tls-private-key-file={key}",
                f"--kubelet-certificate-authority={authority}",
                "--kubelet-preferred-address-types=InternalIP",
                f"--metric-resolution={RESOLUTION_SECONDS}s",
            ],
            env=parts.ENVIRONMENT,
        ),
        inputs=[kubeconfig, certificate, key, authority],
        # The figures follow after two rounds of measuring, which nobody should have to wait for here.
        healthy=lambda: service.accepts(str(addresses.NODE), PORT),
        listens=(str(addresses.NODE), PORT),
    )


def _api_service(authority: Path) -> Object:
    return {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": "v1beta1.metrics.k8s.io", "labels": {"k8s-app": "metrics-server"}},
        "spec": {
            "group": "metrics.k8s.io",
            "version": "v1beta1",
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "service": {"name": SERVICE, "namespace": NAMESPACE, "port": 443},
            "caBundle": base64.b64encode(authority.read_bytes()).decode(),
        },
    }
