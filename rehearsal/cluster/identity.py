"""Who the parts of the cluster are to each other: certificates, kubeconfigs, token keys, encryption at rest.

Every part has a user of its own with the rights that Kubernetes' bootstrap roles give it; only the
administrator's kubeconfig is in `system:masters`.
"""

import base64
import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from rehearsal import addresses, ca
from rehearsal.cluster.layout import CLUSTER_DOMAIN, LOOPBACK, NODE_NAME, Layout
from rehearsal.files import write_private

SERVER = f"https://{addresses.NODE}:{addresses.API_SERVER_PORT}"
ETCD_CLIENT_NAME = "kube-apiserver.etcd.berth.invalid"
FRONT_PROXY = "front-proxy-client"
_KUBELET_CLIENT = "kube-apiserver-kubelet-client"

# Kubeconfig to user and groups.
USERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "kubelet": (f"system:node:{NODE_NAME}", ("system:nodes",)),
    "kube-controller-manager": ("system:kube-controller-manager", ()),
    "kube-scheduler": ("system:kube-scheduler", ()),
    "kube-proxy": ("system:kube-proxy", ()),
    "admin": ("kubernetes-admin", ("system:masters",)),
}


@dataclass(frozen=True)
class Pair:
    """A certificate and its key (PEM files)."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Identities:
    """Every certificate and key that the parts' command lines name."""

    authority: Pair
    api_server: Pair
    etcd: Pair
    etcd_client: Pair
    kubelet_client: Pair
    front_proxy: Pair
    kubelet: Pair
    local: Pair
    token_key: Path
    encryption: Path


def ensure(layout: Layout) -> Identities:
    """Make or renew what is missing, and write the kubeconfigs."""
    paths = layout.paths
    layout.config.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority = ca.ensure_ca(paths)
    first_service = next(addresses.SERVICES.hosts())
    service_names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"]
    service_names.append(f"kubernetes.default.svc.{CLUSTER_DOMAIN}")

    def pair(name: str, **wanted: object) -> Pair:
        return Pair(*ca.issue(paths, name, **wanted))  # type: ignore[arg-type]  # passed on unchanged

    identities = Identities(
        authority=Pair(authority, authority.with_suffix(".key")),
        api_server=pair(
            "kube-apiserver",
            dns=[*service_names, "localhost"],
            ips=[str(addresses.NODE), str(first_service)],
        ),
        etcd=pair("etcd", dns=["localhost"], ips=[LOOPBACK], client=True),
        # etcd admits only clients whose certificate has this name: the authority signs others too.
        etcd_client=pair("etcd-client", dns=[ETCD_CLIENT_NAME], client=True),
        kubelet_client=pair(_KUBELET_CLIENT, client=True),
        front_proxy=pair(FRONT_PROXY, client=True),
        kubelet=pair("kubelet-server", dns=[NODE_NAME], ips=[str(addresses.NODE)]),
        local=pair("cluster-local", dns=["localhost"], ips=[LOOPBACK]),
        token_key=_token_key(layout.config / "service-accounts.key"),
        encryption=_encryption(layout.config / "encryption.yaml"),
    )
    for name, (user, groups) in USERS.items():
        access = pair(f"user-{name}", common_name=user, org=groups, client=True)
        target = paths.kubeconfig if name == "admin" else layout.kubeconfig(name)
        write_private(target, kubeconfig(authority.read_bytes(), access, user))
    return identities


def kubeconfig(authority: bytes, access: Pair, user: str) -> str:
    """A kubeconfig that holds all it needs."""

    def data(content: bytes) -> str:
        return base64.b64encode(content).decode()

    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "berth", "cluster": {"server": SERVER, "certificate-authority-data": data(authority)}}
        ],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate-data": data(access.certificate.read_bytes()),
                    "client-key-data": data(access.key.read_bytes()),
                },
            }
        ],
        "contexts": [{"name": "berth", "context": {"cluster": "berth", "user": user}}],
        "current-context": "berth",
    }
    return json.dumps(content, indent=2) + "\n"


def kubelet_access() -> dict[str, object]:
    """What lets the API server fetch logs and run commands: no bootstrap role does."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "berth:kube-apiserver-to-kubelet"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "system:kubelet-api-admin",
        },
        "subjects": [
            {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": _KUBELET_CLIENT},
        ],
    }


def _token_key(target: Path) -> Path:
    if not target.exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        text = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write_private(target, text.decode())
    return target


def _encryption(target: Path) -> Path:
    if not target.exists():
        key = {"name": "key1", "secret": base64.b64encode(secrets.token_bytes(32)).decode()}
        content = {
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "EncryptionConfiguration",
            "resources": [{"resources": ["secrets"], "providers": [{"secretbox": {"keys": [key]}}]}],
        }
        write_private(target, json.dumps(content, indent=2) + "\n")
    return target
