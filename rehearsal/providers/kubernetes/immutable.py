"""Which fields can only change by replacing the object.

Most of this the API server says itself, in a dry run. The table has what the server would allow but running
pods would not notice, and the best known of the rest, for previews in which the server cannot be asked.
"""

import re

from rehearsal.providers.kubernetes.apierrors import ApiError
from rehearsal.providers.kubernetes.objects import annotation, group_of
from rehearsal.providers.plugin.model import Values
from rehearsal.providers.plugin.paths import Path, parse_path

REPLACE_UNREADY = "pulumi.com/replaceUnready"
_ROLLED_OUT_BY_NAME: dict[str, tuple[Path, ...]] = {
    "ConfigMap": (("data",), ("binaryData",)),
    "Secret": (("data",), ("stringData",), ("type",)),
}
_FIXED: dict[tuple[str, str], tuple[Path, ...]] = {
    ("apps", "Deployment"): (("spec", "selector"),),
    ("apps", "DaemonSet"): (("spec", "selector"),),
    ("apps", "ReplicaSet"): (("spec", "selector"),),
    ("apps", "StatefulSet"): (
        ("spec", "selector"),
        ("spec", "serviceName"),
        ("spec", "podManagementPolicy"),
        ("spec", "volumeClaimTemplates"),
    ),
    ("batch", "Job"): (
        ("spec", "template"),
        ("spec", "selector"),
        ("spec", "completions"),
        ("spec", "completionMode"),
        ("spec", "manualSelector"),
    ),
    ("", "PersistentVolumeClaim"): (
        ("spec", "accessModes"),
        ("spec", "selector"),
        ("spec", "storageClassName"),
        ("spec", "volumeName"),
        ("spec", "volumeMode"),
        ("spec", "dataSource"),
    ),
    ("", "Service"): (("spec", "clusterIP"), ("spec", "clusterIPs")),
    ("", "ResourceQuota"): (("spec", "scopes"), ("spec", "scopeSelector")),
    ("rbac.authorization.k8s.io", "RoleBinding"): (("roleRef",),),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): (("roleRef",),),
    ("scheduling.k8s.io", "PriorityClass"): (("value",), ("preemptionPolicy",)),
    ("storage.k8s.io", "StorageClass"): (
        ("parameters",),
        ("provisioner",),
        ("reclaimPolicy",),
        ("volumeBindingMode",),
    ),
    ("apiextensions.k8s.io", "CustomResourceDefinition"): (("spec", "group"), ("spec", "scope")),
}
_SAYS_IMMUTABLE = re.compile(
    r"immutable|may not (be )?change|cannot (be )?change|can't be changed|updates? to .* (is|are) forbidden"
    r"|Forbidden: .*updates|not be updated",
    re.IGNORECASE,
)


def known_paths(
    api_version: str, kind: str, *, config_map_mutable: bool = False, secret_mutable: bool = False
) -> tuple[Path, ...]:
    """The fields of a kind that are replaced without asking the server."""
    group = group_of(api_version)
    fixed = _FIXED.get((group, kind), ())
    if group or (kind == "ConfigMap" and config_map_mutable) or (kind == "Secret" and secret_mutable):
        return fixed
    return (*fixed, *_ROLLED_OUT_BY_NAME.get(kind, ()))


def asks_for_another_try(outputs: Values, news: Values) -> bool:
    """Whether a Job that failed is to be replaced although nothing about it changed.

    A Job that has failed stays so; the annotation makes the next update start another.
    """
    if annotation(news, REPLACE_UNREADY).lower() != "true" or outputs.get("kind") != "Job":
        return False
    conditions = (outputs.get("status") or {}).get("conditions") or []
    return any(c.get("type") == "Failed" and c.get("status") == "True" for c in conditions)


def refused_paths(error: ApiError) -> list[Path]:
    """The fields that a dry run says are immutable; an empty path means the object as a whole."""
    if not error.invalid:
        return []
    return [parse_path(field) for field, message in error.causes if _SAYS_IMMUTABLE.search(message)]


def all_immutable(error: ApiError) -> bool:
    """Whether immutability is all that the server objected to."""
    return error.invalid and bool(error.causes) and all(_SAYS_IMMUTABLE.search(m) for _, m in error.causes)
