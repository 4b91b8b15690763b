"""The kinds that are waited for, and what is looked at for each.

A kind that is absent is ready once it is written.
"""

import os
from collections.abc import Mapping

from rehearsal.providers.kubernetes.awaiting import cluster, networking, settings, workloads
from rehearsal.providers.kubernetes.awaiting.objects import AnyObject, group
from rehearsal.providers.kubernetes.awaiting.outcome import Related, Rule

EVENTS = Related(api_version="v1", kind="Event")
PODS = Related(api_version="v1", kind="Pod")
REPLICA_SETS = Related(api_version="apps/v1", kind="ReplicaSet")
ENDPOINTS = Related(api_version="discovery.k8s.io/v1", kind="EndpointSlice")
SERVICES = Related(api_version="v1", kind="Service")
STORAGE_CLASSES = Related(api_version="storage.k8s.io/v1", kind="StorageClass", cluster=True)

TABLE: Mapping[tuple[str, str], Rule] = {
    ("apps", "Deployment"): Rule(ready=workloads.deployment, related=(REPLICA_SETS, PODS, EVENTS)),
    ("apps", "StatefulSet"): Rule(ready=workloads.stateful_set, related=(PODS, EVENTS)),
    ("apps", "DaemonSet"): Rule(ready=workloads.daemon_set, related=(PODS, EVENTS)),
    ("batch", "Job"): Rule(ready=workloads.job, related=(PODS, EVENTS)),
    ("", "Pod"): Rule(ready=workloads.pod, related=(EVENTS,)),
    ("", "ReplicationController"): Rule(ready=workloads.replication_controller, related=(PODS, EVENTS)),
    ("", "Service"): Rule(ready=networking.service, related=(ENDPOINTS, PODS, EVENTS)),
    ("networking.k8s.io", "Ingress"): Rule(ready=networking.ingress, related=(SERVICES, ENDPOINTS, EVENTS)),
    ("", "PersistentVolumeClaim"): Rule(
        ready=cluster.volume_claim, related=(STORAGE_CLASSES, EVENTS), timeout=300.0
    ),
    ("", "PersistentVolume"): Rule(ready=cluster.volume, timeout=300.0),
    ("", "ResourceQuota"): Rule(ready=cluster.resource_quota, timeout=60.0),
    ("", "Secret"): Rule(ready=cluster.secret, timeout=60.0),
    ("apiextensions.k8s.io", "CustomResourceDefinition"): Rule(
        ready=cluster.custom_resource_definition, timeout=60.0
    ),
    ("apiregistration.k8s.io", "APIService"): Rule(ready=cluster.api_service),
}

_EVERY_KIND = Rule(ready=cluster.any_kind, related=(EVENTS,))
AWAIT_ALL = "PULUMI_K8S_AWAIT_ALL"


def rule_for(obj: AnyObject) -> Rule | None:
    """The rule for an object: its own `pulumi.com/waitFor`, else its kind's; None to wait for nothing.

    Raises:
        SettingsError: an annotation is not understood.
    """
    kind_rule = TABLE.get((group(obj), str(obj.get("kind"))))
    wanted = settings.wait_for(obj)
    if wanted:
        related = kind_rule.related if kind_rule else (EVENTS,)
        return Rule(ready=settings.wait_for_rule(wanted), related=related, timeout=settings.WAIT_FOR_TIMEOUT)
    if kind_rule is None and os.environ.get(AWAIT_ALL, "").lower() in {"1", "true"}:
        return _EVERY_KIND
    return kind_rule


def seconds_to_wait(obj: AnyObject, custom: float = 0.0) -> float:
    """How long to wait for an object: customTimeouts (s, 0 for none), annotation, the kind's default."""
    rule = rule_for(obj)
    return settings.timeout(obj, custom=custom, default=rule.timeout if rule else 0.0)
