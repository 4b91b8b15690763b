"""What ready means for each kind: pure functions over plain objects."""

from typing import Any

import pytest

from rehearsal.providers.kubernetes.awaiting import cluster, networking, workloads
from rehearsal.providers.kubernetes.awaiting.outcome import Situation
from rehearsal.providers.kubernetes.awaiting.table import rule_for


def conditions(**states: Any) -> Any:
    return [{"type": kind, "status": state} for kind, state in states.items()]


def thing(kind: str = "Deployment", spec: Any = None, status: Any = None, **meta: Any) -> Any:
    meta = {"name": "app", "namespace": "ns", "uid": "u", "generation": 1, **meta}
    return {"kind": kind, "metadata": meta, "spec": spec or {}, "status": status or {}}


def owned(kind: Any, revision: str = "1", **status: Any) -> Any:
    ref = {"uid": "u", "controller": True}
    return {
        "kind": kind,
        "metadata": {
            "name": "app-1",
            "uid": f"rs{revision}",
            "ownerReferences": [ref],
            "annotations": {workloads.REVISION: revision},
        },
        "status": status,
    }


def rolled_out(wanted: int = 2, **changes: Any) -> Any:
    status = {
        "observedGeneration": 1,
        "replicas": wanted,
        "updatedReplicas": wanted,
        "availableReplicas": wanted,
        **changes,
    }
    return thing(spec={"replicas": wanted}, status=status, annotations={workloads.REVISION: "1"})


def deployment(obj: Any, available: int = 2) -> Any:
    return workloads.deployment(
        Situation(obj, {"ReplicaSet": [owned("ReplicaSet", availableReplicas=available)]})
    )


def test_a_deployment_is_ready_when_only_available_pods_of_its_newest_replica_set_are_left() -> None:
    assert deployment(rolled_out()).ready


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"observedGeneration": 0}, "Waiting for app ReplicaSet to be available (0/2 Pods available)"),
        ({"updatedReplicas": 1}, "Waiting for app ReplicaSet to be available (0/2 Pods available)"),
        ({"replicas": 3}, "Waiting for 1 Pods of older ReplicaSets to go"),
    ],
)
def test_a_deployment_that_is_still_rolling_out_says_how_far(changes: Any, message: Any) -> None:
    verdict = deployment(rolled_out(**changes), available=2 if "replicas" in changes else 0)
    assert (verdict.ready, verdict.message) == (False, message)


def test_available_pods_of_an_older_replica_set_do_not_count() -> None:
    obj = rolled_out(updatedReplicas=0)
    obj["metadata"]["annotations"][workloads.REVISION] = "2"
    old, new = owned("ReplicaSet", "1", availableReplicas=2), owned("ReplicaSet", "2", availableReplicas=0)
    verdict = workloads.deployment(Situation(obj, {"ReplicaSet": [old, new]}))
    assert verdict.message.endswith("(0/2 Pods available)")


def test_a_deployment_past_its_progress_deadline_has_failed() -> None:
    obj = rolled_out(updatedReplicas=1)
    obj["status"]["conditions"] = [
        {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    ]
    assert "progress deadline of 600 s" in deployment(obj).failure


def test_a_paused_deployment_and_one_of_no_replicas_are_ready() -> None:
    assert deployment(thing(spec={"paused": True})).ready
    assert deployment(rolled_out(0), available=0).ready


@pytest.mark.parametrize(
    ("spec", "status", "ready"),
    [
        ({"replicas": 2}, {"observedGeneration": 1, "replicas": 2, "readyReplicas": 2}, True),
        ({"replicas": 2}, {"observedGeneration": 1, "replicas": 2, "readyReplicas": 1}, False),
        ({"replicas": 2}, {"observedGeneration": 0, "replicas": 2, "readyReplicas": 2}, False),
        ({"replicas": 0}, {"observedGeneration": 1, "replicas": 1, "readyReplicas": 0}, False),
        (
            {"replicas": 2},
            {
                "observedGeneration": 1,
                "replicas": 2,
                "readyReplicas": 2,
                "updatedReplicas": 1,
                "currentRevision": "a",
                "updateRevision": "b",
            },
            False,
        ),
        (
            {"replicas": 2, "updateStrategy": {"rollingUpdate": {"partition": 1}}},
            {
                "observedGeneration": 1,
                "replicas": 2,
                "readyReplicas": 2,
                "updatedReplicas": 1,
                "currentRevision": "a",
                "updateRevision": "b",
            },
            True,
        ),
        (
            {"replicas": 1, "updateStrategy": {"type": "OnDelete"}},
            {
                "observedGeneration": 1,
                "replicas": 1,
                "readyReplicas": 1,
                "currentRevision": "a",
                "updateRevision": "b",
            },
            True,
        ),
    ],
)
def test_stateful_sets(spec: Any, status: Any, ready: Any) -> None:
    assert workloads.stateful_set(Situation(thing("StatefulSet", spec, status))).ready is ready


@pytest.mark.parametrize(
    ("status", "ready"),
    [
        ({"observedGeneration": 1, "desiredNumberScheduled": 0}, True),
        (
            {
                "observedGeneration": 1,
                "desiredNumberScheduled": 2,
                "numberAvailable": 2,
                "updatedNumberScheduled": 2,
            },
            True,
        ),
        (
            {
                "observedGeneration": 1,
                "desiredNumberScheduled": 2,
                "numberAvailable": 2,
                "updatedNumberScheduled": 1,
            },
            False,
        ),
        ({"desiredNumberScheduled": 0}, False),
    ],
)
def test_daemon_sets(status: Any, ready: Any) -> None:
    assert workloads.daemon_set(Situation(thing("DaemonSet", {}, status))).ready is ready


def test_a_job_starts_then_succeeds_or_fails() -> None:
    def verdict(**status: Any) -> Any:
        return workloads.job(Situation(thing("Job", {}, status)))

    assert verdict().message == 'Waiting for Job "ns/app" to start'
    running = verdict(startTime="t", active=1)
    assert running.message == 'Waiting for Job "ns/app" to succeed (Active: 1 | Succeeded: 0 | Failed: 0)'
    assert verdict(conditions=conditions(Complete="True")).ready
    bad = [{"type": "Failed", "status": "True", "reason": "DeadlineExceeded", "message": "too long"}]
    assert "DeadlineExceeded: too long" in verdict(failed=1, conditions=bad).failure


def test_a_suspended_job_is_not_waited_for() -> None:
    assert workloads.job(Situation(thing("Job", {"suspend": True}))).ready


def test_pods() -> None:
    def verdict(phase: Any, **states: Any) -> Any:
        return workloads.pod(
            Situation(thing("Pod", {}, {"phase": phase, "conditions": conditions(**states)}))
        )

    assert verdict("Pending").message == 'Waiting for Pod "ns/app" to be scheduled'
    assert verdict("Pending", PodScheduled="True").message == 'Waiting for Pod "ns/app" to be initialized'
    assert verdict("Running", PodScheduled="True", Initialized="True").message.endswith("to be ready")
    assert verdict("Running", PodScheduled="True", Initialized="True", Ready="True").ready
    assert verdict("Succeeded").ready
    assert verdict("Failed").failure


def endpoints(*, ready: bool = True, name: str = "app") -> Any:
    labels = {networking.SERVICE_NAME: name}
    return {"metadata": {"labels": labels}, "endpoints": [{"conditions": {"ready": ready}}]}


@pytest.mark.parametrize(
    ("spec", "slices", "message"),
    [
        ({"selector": {"a": "b"}}, [], "[1/3] Finding Pods to direct traffic to"),
        ({"selector": {"a": "b"}}, [endpoints(ready=False)], "[1/3] Finding Pods to direct traffic to"),
        ({"selector": {"a": "b"}}, [endpoints(name="other")], "[1/3] Finding Pods to direct traffic to"),
        ({"selector": {"a": "b"}}, [endpoints()], ""),
        ({"selector": {"a": "b"}, "clusterIP": "None"}, [], ""),
        ({"type": "ExternalName", "selector": {"a": "b"}}, [], ""),
        ({}, [], ""),
        (
            {"type": "LoadBalancer", "selector": {"a": "b"}},
            [endpoints()],
            "[2/3] Attempting to allocate IP address to Service",
        ),
    ],
)
def test_services(spec: Any, slices: Any, message: Any) -> None:
    verdict = networking.service(Situation(thing("Service", spec), {"EndpointSlice": slices}))
    assert (verdict.ready, verdict.message) == (not message, message)


@pytest.mark.parametrize("address", [{"ip": "10.0.0.1"}, {"hostname": "lb.example"}])
def test_a_load_balancer_is_ready_with_an_address(address: Any) -> None:
    obj = thing("Service", {"type": "LoadBalancer"}, {"loadBalancer": {"ingress": [address]}})
    assert networking.service(Situation(obj)).ready


def test_an_ingress_needs_its_services_then_an_address() -> None:
    path = {"backend": {"service": {"name": "app"}}}
    obj = thing("Ingress", {"rules": [{"http": {"paths": [path]}}]})
    service = thing("Service", {"selector": {"a": "b"}})

    def message(**related: Any) -> Any:
        return networking.ingress(Situation(obj, related)).message

    assert message() == "[1/3] Finding a matching service for each path (missing: app)"
    assert "missing: app" in message(Service=[service])
    assert message(Service=[service], EndpointSlice=[endpoints()]).startswith("[2/3]")
    obj["status"] = {"loadBalancer": {"ingress": [{"hostname": "x"}]}}
    assert networking.ingress(Situation(obj, {"Service": [service], "EndpointSlice": [endpoints()]})).ready


def storage_class(mode: Any, name: str = "standard", *, default: bool = False) -> Any:
    notes = {cluster.DEFAULT_CLASS: "true"} if default else {}
    return {"metadata": {"name": name, "annotations": notes}, "volumeBindingMode": mode}


@pytest.mark.parametrize(
    ("spec", "classes", "ready"),
    [
        ({"storageClassName": "standard"}, [storage_class("WaitForFirstConsumer")], True),
        ({"storageClassName": "standard"}, [storage_class("Immediate")], False),
        ({}, [storage_class("WaitForFirstConsumer", default=True)], True),
        ({}, [storage_class("WaitForFirstConsumer")], False),
        (
            {"storageClassName": "standard", "volumeName": "pv1"},
            [storage_class("WaitForFirstConsumer")],
            False,
        ),
    ],
)
def test_a_claim_whose_class_binds_late_is_not_waited_for(spec: Any, classes: Any, ready: Any) -> None:
    obj = thing("PersistentVolumeClaim", spec, {"phase": "Pending"})
    assert cluster.volume_claim(Situation(obj, {"StorageClass": classes})).ready is ready


def test_a_bound_claim_is_ready_and_a_lost_one_has_failed() -> None:
    assert cluster.volume_claim(Situation(thing("PersistentVolumeClaim", {}, {"phase": "Bound"}))).ready
    assert cluster.volume_claim(Situation(thing("PersistentVolumeClaim", {}, {"phase": "Lost"}))).failure


def test_custom_resource_definitions() -> None:
    def verdict(**states: Any) -> Any:
        return cluster.custom_resource_definition(
            Situation(thing("X", {}, {"conditions": conditions(**states)}))
        )

    assert verdict(Established="True", NamesAccepted="True").ready
    assert not verdict(NamesAccepted="True").ready
    assert verdict(NamesAccepted="False").failure


def test_an_api_service_says_why_it_is_not_available() -> None:
    why = [{"type": "Available", "status": "False", "message": "no endpoints"}]
    assert "no endpoints" in cluster.api_service(Situation(thing("X", {}, {"conditions": why}))).message


def test_only_service_account_tokens_are_waited_for_among_secrets() -> None:
    assert cluster.secret(Situation({"kind": "Secret", "type": "Opaque"})).ready
    token = {"kind": "Secret", "type": "kubernetes.io/service-account-token"}
    assert not cluster.secret(Situation(token)).ready
    assert cluster.secret(Situation({**token, "data": {"token": "eA=="}})).ready


def test_kinds_without_a_rule_are_waited_for_only_where_that_is_asked_for(monkeypatch: Any) -> None:
    widget = {
        "apiVersion": "example.com/v1",
        **thing("Widget", status={"conditions": conditions(Ready="False")}),
    }
    assert rule_for(widget) is None
    monkeypatch.setenv("PULUMI_K8S_AWAIT_ALL", "true")
    assert not rule_for(widget).ready(Situation(widget)).ready
    widget["status"]["conditions"] = conditions(Ready="True")
    assert rule_for(widget).ready(Situation(widget)).ready


def pulling(owner: str, reason: str, message: str) -> Any:
    waiting = {"image": "r/x:1", "state": {"waiting": {"reason": reason, "message": message}}}
    return {
        "kind": "Pod",
        "metadata": {
            "name": "p",
            "ownerReferences": [{"uid": owner, "controller": True}],
            "creationTimestamp": "2026-01-01T00:00:10Z",
        },
        "status": {"phase": "Pending", "containerStatuses": [waiting]},
    }


@pytest.mark.parametrize(
    ("reason", "message", "hopeless"),
    [
        ("ImagePullBackOff", "Back-off pulling image: ErrImagePull: r/x:1: not found", True),
        ("ImagePullBackOff", "ErrImagePull: authorization failed: no basic auth credentials", True),
        ("InvalidImageName", "couldn't parse image reference", True),
        ("ErrImagePull", "r/x:1: not found", False),  # the first try; the image may be on its way
        ("ImagePullBackOff", "ErrImagePull: dial tcp: connection refused", False),
        ("ContainerCreating", "", False),
    ],
)
def test_an_image_that_the_registry_refuses_is_not_waited_for(
    reason: str, message: str, hopeless: bool
) -> None:
    running = thing("Job", {}, {"startTime": "now", "active": 1})
    job = workloads.job(Situation(running, {"Pod": [pulling("u", reason, message)]}))
    assert bool(job.failure) is hopeless, job
    rolling = rolled_out(availableReplicas=0)
    related = {
        "ReplicaSet": [owned("ReplicaSet", availableReplicas=0)],
        "Pod": [pulling("rs1", reason, message)],
    }
    verdict = workloads.deployment(Situation(rolling, related))
    assert bool(verdict.failure) is hopeless, verdict
    if hopeless:
        assert "r/x:1" in job.failure


def test_a_pod_from_before_the_wait_may_get_its_image_yet() -> None:
    pod = pulling("u", "ImagePullBackOff", "ErrImagePull: r/x:1: not found")
    running = thing("Job", {}, {"startTime": "now", "active": 1})
    for since, hopeless in (("2026-01-01T00:00:11Z", False), ("2026-01-01T00:00:10Z", True)):
        verdict = workloads.job(Situation(running, {"Pod": [pod]}, since=since))
        assert bool(verdict.failure) is hopeless, since
