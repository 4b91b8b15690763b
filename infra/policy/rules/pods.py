"""Pods do not own their node, but for those of the parts that must: drivers, networks, storage."""

from collections.abc import Iterator, Mapping
from typing import Any

from infra.policy.model import UNKNOWN, Resource, Rule, listed

# Drivers and device plugins of GPUs, and what a cluster itself is made of.
NAMESPACES = frozenset(
    {"kube-system", "gpu-operator", "nvidia-gpu-operator", "node-feature-discovery", "kube-flannel"}
)
_PODS: dict[str, tuple[str, ...]] = {
    "Pod": ("spec",),
    "PodTemplate": ("template", "spec"),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
    **dict.fromkeys(
        ("DaemonSet", "Deployment", "Job", "ReplicaSet", "ReplicationController", "StatefulSet"),
        ("spec", "template", "spec"),
    ),
}
_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")
_HOST = ("hostNetwork", "hostPID", "hostIPC")


def unprivileged(resource: Resource) -> Iterator[str]:
    path = _PODS.get(resource.type.rpartition(":")[2]) if resource.type.startswith("kubernetes:") else None
    namespace = resource.at("metadata", "namespace")
    if path is None or namespace is UNKNOWN or namespace in NAMESPACES:
        return
    pod = resource.at(*path)
    if not isinstance(pod, Mapping):
        return
    for setting in _HOST:
        if pod.get(setting) is True:
            yield f"its pods share the node's own {setting.removeprefix('host').lower()}; leave {setting} out"
    for kind in _CONTAINERS:
        for container in listed(pod.get(kind)):
            if _privileged(container):
                yield f"its container {container.get('name')} is privileged: it owns the node; leave that out"


def _privileged(container: Any) -> bool:
    if not isinstance(container, Mapping):
        return False
    context = container.get("securityContext")
    return isinstance(context, Mapping) and context.get("privileged") is True


NO_PRIVILEGED_PODS = Rule(
    name="no-privileged-pods",
    description="No pod is privileged outside the namespaces of drivers and of the cluster itself.",
    resource=unprivileged,
)
