"""What Kubernetes has made in the cloud, deleted by Kubernetes while its controllers still run.

Load balancers and disks that a Service, an Ingress or a claim asked for are in nobody's state: once the
cluster is gone, they are left, with the network interfaces that hold the network.
https://docs.aws.amazon.com/eks/latest/userguide/delete-cluster.html
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from scripts.berth.place import Place
from scripts.berth.teardown import clusters
from scripts.berth.teardown import state as states
from scripts.berth.teardown.clusters import Cluster

LONGEST_SECONDS = 300.0
EVERY_SECONDS = 5.0


@dataclass
class Drained:
    """What was deleted, and what had not gone in time."""

    deleted: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)


def drain(
    place: Place,
    state: states.State,
    cluster: Cluster,
    say: Callable[[str], None],
    *,
    pause: Callable[[float], None] = time.sleep,
) -> Drained:
    """Delete them and wait until they have gone, for a while.

    In a cluster that is the environment's own: everywhere. In another: in the namespaces that the state has.
    """
    drained = Drained()
    wanted = list(_wanted(place, state, cluster))
    for kind, namespace, name in wanted:
        done = clusters.kubectl(
            *(place, cluster, "delete", kind, name, "--namespace", namespace),
            *("--wait=false", "--ignore-not-found"),
        )
        if done.returncode == 0:
            drained.deleted.append(f"{kind} {namespace}/{name}")
            say(f"drained {kind} {namespace}/{name}")
    _release(place, cluster, wanted)
    until = time.monotonic() + LONGEST_SECONDS
    while drained.deleted:
        there = set(_wanted(place, state, cluster)) & set(wanted)
        drained.stuck = sorted(f"{kind} {namespace}/{name}" for kind, namespace, name in there)
        if not there or time.monotonic() > until:
            return drained
        pause(EVERY_SECONDS)
    return drained


def _wanted(place: Place, state: states.State, cluster: Cluster) -> Iterable[tuple[str, str, str]]:
    """Kind, namespace and name of what stands for something in the cloud and is not in the state.

    The engine itself deletes what the state has, while the cluster still runs.
    """
    own = {one.id for one in states.of_provider(state, cluster.provider)}
    namespaces = [""] if cluster.own else _namespaces(state, cluster)
    for namespace in namespaces:
        for one in clusters.objects(place, cluster, "services", namespace):
            if (one.get("spec") or {}).get("type") == "LoadBalancer" and "/".join(_named(one)) not in own:
                yield ("service", *_named(one))
        for plural, kind in (("ingresses", "ingress"), ("persistentvolumeclaims", "persistentvolumeclaim")):
            for one in clusters.objects(place, cluster, plural, namespace):
                if "/".join(_named(one)) not in own:
                    yield (kind, *_named(one))


def _namespaces(state: states.State, cluster: Cluster) -> list[str]:
    return sorted(
        one.id
        for one in states.of_provider(state, cluster.provider)
        if one.type == "kubernetes:core/v1:Namespace"
    )


def _release(place: Place, cluster: Cluster, wanted: Iterable[tuple[str, str, str]]) -> None:
    """Delete the pods that hold a claim: it goes only when none uses it any more, and none can start anew.

    https://kubernetes.io/docs/concepts/storage/persistent-volumes/#storage-object-in-use-protection
    """
    claims = {(namespace, name) for kind, namespace, name in wanted if kind == "persistentvolumeclaim"}
    for namespace in sorted({namespace for namespace, _ in claims}):
        for pod in clusters.objects(place, cluster, "pods", namespace):
            volumes = (pod.get("spec") or {}).get("volumes") or []
            held = {(namespace, (one.get("persistentVolumeClaim") or {}).get("claimName")) for one in volumes}
            if held & claims:
                clusters.kubectl(
                    *(place, cluster, "delete", "pod", _named(pod)[1], "--namespace", namespace),
                    *("--wait=false", "--ignore-not-found"),
                )


def _named(one: dict[str, Any]) -> tuple[str, str]:
    metadata = one.get("metadata") or {}
    return str(metadata.get("namespace") or ""), str(metadata.get("name") or "")
