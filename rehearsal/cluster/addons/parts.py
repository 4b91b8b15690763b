"""What every add-on consists of: an identity with just the rights it needs, objects, and a daemon.

The add-ons run beside the cluster's own daemons, not in pods: they need no images, no restarts by kubelet and
no order of start, and are reached through Services whose endpoint is this node.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rehearsal import addresses, ca
from rehearsal.cluster import identity
from rehearsal.cluster.addons.api import Object
from rehearsal.files import write_private
from rehearsal.paths import Paths
from rehearsal.process import Daemon

NAMESPACE = "kube-system"
# The same from whichever shell: a daemon whose environment differs is restarted. GOGC trades time for memory.
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "GOGC": "60"}
_RBAC = "rbac.authorization.k8s.io"


@dataclass(frozen=True, kw_only=True)
class Addon:
    """One add-on. The fields are those of `service.ensure`, and the objects that it needs in the cluster."""

    objects: Sequence[Object]
    daemon: Daemon
    healthy: Callable[[], bool]
    inputs: Sequence[Path] = field(default_factory=tuple)
    listens: tuple[str, int] | None = None
    timeout: float = 30.0


def user(name: str) -> str:
    """The Kubernetes user of an add-on; its certificate has the same name, without the colons."""
    return f"berth:{name}"


def certificate_name(name: str) -> str:
    """What `ca` calls an add-on's client certificate."""
    return f"user-berth-{name}"


def access(paths: Paths, name: str) -> Path:
    """The add-on's kubeconfig, and its client certificate with it."""
    pair = identity.Pair(
        *ca.issue(paths, certificate_name(name), common_name=user(name), org=("berth:addons",), client=True)
    )
    target = paths.state / "addons" / f"{name}.kubeconfig"
    text = identity.kubeconfig(ca.ensure_ca(paths).read_bytes(), pair, user(name))
    write_private(target, text)
    return target


def rights(name: str, rules: Sequence[Object]) -> list[Object]:
    """A ClusterRole with these rules, bound to the add-on's user."""
    role: Object = {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": user(name)},
        "rules": list(rules),
    }
    return [role, bound(name, user(name), user(name))]


def bound(name: str, binding: str, role: str) -> Object:
    """A binding of a ClusterRole to the add-on's user."""
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": binding},
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [_subject(name)],
    }


def bound_in_namespace(name: str, binding: str, role: str) -> Object:
    """A binding of a Role of the system's namespace to the add-on's user."""
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": binding, "namespace": NAMESPACE},
        "roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": role},
        "subjects": [_subject(name)],
    }


def rule(groups: str, resources: Sequence[str], *verbs: str) -> Object:
    """One rule of a role: an API group, its resources, what may be done with them."""
    return {"apiGroups": [groups], "resources": list(resources), "verbs": list(verbs)}


def service_on_node(
    name: str, ports: Sequence[tuple[str, str, int, int]], *, labels: dict[str, str], ip: str | None = None
) -> list[Object]:
    """A Service without a selector and the EndpointSlice that leads it to this node.

    ports: name, protocol, the service's port, the port on the node.
    """
    spec: Object = {
        "ports": [
            {"name": label, "protocol": protocol, "port": port, "targetPort": target}
            for label, protocol, port, target in ports
        ]
    }
    if ip:
        spec["clusterIP"] = ip
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
            "spec": spec,
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": f"{name}-node",
                "namespace": NAMESPACE,
                "labels": {
                    "kubernetes.io/service-name": name,
                    "endpointslice.kubernetes.io/managed-by": "berth",
                },
            },
            "addressType": "IPv4",
            "endpoints": [{"addresses": [str(addresses.NODE)], "conditions": {"ready": True}}],
            "ports": [
                {"name": label, "protocol": protocol, "port": target} for label, protocol, _, target in ports
            ],
        },
    ]


def _subject(name: str) -> Object:
    return {"apiGroup": _RBAC, "kind": "User", "name": user(name)}
