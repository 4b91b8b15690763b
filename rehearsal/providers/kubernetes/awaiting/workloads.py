"""When Pods and the controllers that make them are ready. Pure functions over plain objects.

https://kubernetes.io/docs/concepts/workloads/ describes the status fields read here.
"""

from rehearsal.providers.kubernetes.awaiting.objects import (
    AnyObject,
    annotations,
    condition,
    controlled_by,
    full_name,
    is_true,
    metadata,
    number,
    observed,
    spec,
    status,
    uid,
)
from rehearsal.providers.kubernetes.awaiting.outcome import READY, Situation, Verdict, failed, pending

REVISION = "deployment.kubernetes.io/revision"
# How registries and containerd say that trying again is of no use.
NO_SUCH_IMAGE = ("not found", "manifest unknown", "authorization failed", "unauthorized", "denied")


def deployment(situation: Situation) -> Verdict:
    """Every replica is of the newest ReplicaSet and available, none is left of older ones."""
    obj, now = situation.obj, status(situation.obj)
    if spec(obj).get("paused"):
        return READY
    name, wanted = metadata(obj).get("name", ""), number(spec(obj).get("replicas"), 1)
    available = number(status(newest_replica_set(situation) or {}).get("availableReplicas"))
    message = f"Waiting for {name} ReplicaSet to be available ({available}/{wanted} Pods available)"
    if not observed(obj):
        return pending(message)
    if why := _hopeless(situation):
        return failed(why, message)
    updated, total = number(now.get("updatedReplicas")), number(now.get("replicas"))
    if updated < wanted or number(now.get("availableReplicas")) < updated or available < wanted:
        return pending(message)
    if total > updated:
        return pending(f"Waiting for {total - updated} Pods of older ReplicaSets to go")
    return READY


def _hopeless(situation: Situation) -> str:
    """Why a Deployment's newest Pods will not become available; empty while they may."""
    if condition(situation.obj, "Progressing").get("reason") == "ProgressDeadlineExceeded":
        deadline = number(spec(situation.obj).get("progressDeadlineSeconds"), 600)
        return f"no progress within its progress deadline of {deadline} s"
    newest = newest_replica_set(situation)
    return refused_image(situation, {uid(newest)}) if newest else ""


def newest_replica_set(situation: Situation) -> AnyObject | None:
    """The ReplicaSet that a Deployment is rolling out; None where the controller has not made it yet."""
    owned = controlled_by(situation.of("ReplicaSet"), {uid(situation.obj)})
    revision = annotations(situation.obj).get(REVISION)
    return next((one for one in owned if revision and annotations(one).get(REVISION) == revision), None)


def stateful_set(situation: Situation) -> Verdict:
    """Every Pod is ready, and of the newest revision where the update strategy rolls Pods."""
    obj, now = situation.obj, status(situation.obj)
    wanted, ready = number(spec(obj).get("replicas"), 1), number(now.get("readyReplicas"))
    message = f"Waiting for StatefulSet to create Pods ({ready}/{wanted} Pods ready)"
    if not observed(obj) or ready < wanted or number(now.get("replicas")) > wanted:
        return pending(message)
    if number(now.get("availableReplicas"), ready) < wanted:
        return pending(
            f"Waiting for Pods to have been ready for {number(spec(obj).get('minReadySeconds'))} s"
        )
    strategy = spec(obj).get("updateStrategy") or {}
    if strategy.get("type") == "OnDelete" or now.get("currentRevision") == now.get("updateRevision"):
        return READY
    to_update = max(0, wanted - number((strategy.get("rollingUpdate") or {}).get("partition")))
    updated = number(now.get("updatedReplicas"))
    if updated < to_update:
        return pending(f"Waiting for StatefulSet update to roll out ({updated}/{to_update} Pods updated)")
    return READY


def daemon_set(situation: Situation) -> Verdict:
    """Every node that should run a Pod runs an available one, of the newest revision unless OnDelete."""
    obj, now = situation.obj, status(situation.obj)
    wanted, available = number(now.get("desiredNumberScheduled")), number(now.get("numberAvailable"))
    message = f"Waiting for DaemonSet to be available ({available}/{wanted} Pods available)"
    if not observed(obj) or available < wanted:
        return pending(message)
    updated = number(now.get("updatedNumberScheduled"))
    rolls = (spec(obj).get("updateStrategy") or {}).get("type") != "OnDelete"
    if rolls and updated < wanted:
        return pending(f"Waiting for DaemonSet update to roll out ({updated}/{wanted} Pods updated)")
    return READY


def replication_controller(situation: Situation) -> Verdict:
    """Every replica is ready."""
    obj = situation.obj
    wanted, ready = number(spec(obj).get("replicas"), 1), number(status(obj).get("readyReplicas"))
    if not observed(obj) or ready < wanted:
        return pending(f"Waiting for ReplicationController to create Pods ({ready}/{wanted} Pods ready)")
    return READY


def job(situation: Situation) -> Verdict:
    """It completed. A suspended Job is not waited for."""
    obj, now = situation.obj, status(situation.obj)
    where = f'Job "{full_name(obj)}"'
    counts = " | ".join(
        f"{name.capitalize()}: {number(now.get(name))}" for name in ("active", "succeeded", "failed")
    )
    if is_true(obj, "Complete"):
        return READY
    for kind in ("Failed", "FailureTarget"):
        if is_true(obj, kind):
            why = condition(obj, kind)
            text = ": ".join(str(why[key]) for key in ("reason", "message") if why.get(key))
            return failed(f"the Job failed ({counts}) {text}".rstrip())
    if spec(obj).get("suspend"):
        return READY
    if refusal := refused_image(situation, {uid(obj)}):
        return failed(refusal)
    if not now.get("startTime"):
        return pending(f"Waiting for {where} to start")
    return pending(f"Waiting for {where} to succeed ({counts})")


def pod(situation: Situation) -> Verdict:
    """It is ready, or it ran to a successful end."""
    obj, phase = situation.obj, status(situation.obj).get("phase")
    where = f'Pod "{full_name(obj)}"'
    if phase == "Succeeded":
        return READY
    if phase == "Failed":
        why = status(obj).get("message") or status(obj).get("reason") or "a container ended with an error"
        return failed(f"the Pod failed: {why}")
    if refusal := _refusal(obj, situation.since):
        return failed(refusal)
    for kind, goal in (
        ("PodScheduled", "scheduled"),
        ("Initialized", "initialized"),
        ("Ready", "ready"),
    ):
        if not is_true(obj, kind):
            return pending(f"Waiting for {where} to be {goal}")
    return READY


def refused_image(situation: Situation, owners: set[str]) -> str:
    """Why the owners' new Pods cannot have their image; empty while they may."""
    owned = controlled_by(situation.of("Pod"), owners)
    return next(filter(None, (_refusal(one, situation.since) for one in owned)), "")


def _refusal(pod: AnyObject, since: str) -> str:
    """What kubelet says of a Pod's image when it backs off because the registry has said a clear no.

    A Pod from before the wait is given another chance: the image may have been pushed since the last try.
    """
    if metadata(pod).get("creationTimestamp", "") < since:
        return ""
    for group in ("initContainerStatuses", "containerStatuses"):
        for container in status(pod).get(group) or ():
            waiting = (container.get("state") or {}).get("waiting") or {}
            reason, message = waiting.get("reason"), str(waiting.get("message", ""))
            refused = reason == "ImagePullBackOff" and any(no in message for no in NO_SUCH_IMAGE)
            if refused or reason == "InvalidImageName":
                return f"the image {container.get('image')} cannot be pulled"
    return ""
