"""What failures look like to a user."""

from typing import Any

import pytest

from rehearsal.providers.kubernetes.awaiting import trouble
from rehearsal.providers.kubernetes.awaiting.evidence import LogBook
from rehearsal.providers.kubernetes.awaiting.outcome import Situation
from rehearsal.providers.kubernetes.awaiting.workloads import REVISION

PULL = 'Back-off pulling image "nowhere/x:1": ErrImagePull: failed to resolve reference "nowhere/x:1"'


@pytest.mark.parametrize(
    ("container", "text"),
    [
        ({"state": {"waiting": {"reason": "ContainerCreating"}}}, ""),
        ({"state": {"running": {}}, "ready": True}, ""),
        ({"state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}, ""),
        (
            {"state": {"waiting": {"reason": "ImagePullBackOff", "message": PULL}}},
            f"is waiting: ImagePullBackOff: {PULL}",
        ),
        (
            {
                "state": {
                    "waiting": {"reason": "CreateContainerConfigError", "message": 'secret "x" not found'}
                }
            },
            'is waiting: CreateContainerConfigError: secret "x" not found',
        ),
        ({"state": {"terminated": {"exitCode": 3, "reason": "Error"}}}, "exited with code 3 (Error)"),
        (
            {"state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}},
            "exited with code 137 (OOMKilled)",
        ),
        (
            {
                "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}},
                "lastState": {"terminated": {"exitCode": 2, "reason": "Error"}},
                "restartCount": 4,
            },
            "is in CrashLoopBackOff after 4 restarts: it last exited with code 2 (Error)",
        ),
        (
            {"state": {"running": {}}, "lastState": {"terminated": {"exitCode": 1}}, "restartCount": 2},
            "was restarted 2 times: it last exited with code 1",
        ),
    ],
)
def test_containers(container: Any, text: Any) -> None:
    assert trouble.container_finding(container) == text


def test_what_may_be_a_matter_of_patience_is_named_only_at_the_end() -> None:
    starting = {"state": {"waiting": {"reason": "ContainerCreating"}}}
    unready = {"state": {"running": {}}, "ready": False}
    assert trouble.container_finding(starting, final=True) == "is waiting: ContainerCreating"
    assert trouble.container_finding(unready) == ""
    assert trouble.container_finding(unready, final=True) == "is running but not ready"


def event(uid: str, reason: str, message: str, **more: str) -> dict[str, Any]:
    about = {"kind": more.get("kind", "Pod"), "uid": uid}
    at = more.get("at", "2026-01-01T00:00:10Z")
    return {
        "involvedObject": about,
        "type": "Warning",
        "reason": reason,
        "message": message,
        "lastTimestamp": at,
    }


def deployment_situation(events: Any = (), pods: Any = (), set_conditions: Any = ()) -> Situation:
    obj = {
        "kind": "Deployment",
        "metadata": {
            "name": "app",
            "namespace": "ns",
            "uid": "d",
            "annotations": {REVISION: "2"},
            "managedFields": [
                {"time": "2026-01-01T00:00:05Z", "operation": "Apply"},
                {"time": "2026-01-01T00:00:59Z", "subresource": "status"},
            ],
        },
    }
    sets = [
        {
            "kind": "ReplicaSet",
            "metadata": {
                "name": f"app-{revision}",
                "namespace": "ns",
                "uid": f"rs{revision}",
                "annotations": {REVISION: str(revision)},
                "ownerReferences": [{"uid": "d", "controller": True}],
            },
            "status": {"conditions": list(set_conditions)},
        }
        for revision in (1, 2)
    ]
    return Situation(obj, {"ReplicaSet": sets, "Event": list(events), "Pod": list(pods)})


def pod(name: Any, owner: Any, **status: Any) -> Any:
    return {
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "ns",
            "uid": name,
            "ownerReferences": [{"uid": owner, "controller": True}],
            "creationTimestamp": f"2026-01-01T00:00:0{len(name)}Z",
        },
        "status": status,
    }


def crashed(name: Any, owner: str = "rs2", code: int = 1) -> Any:
    state = {"name": "c", "state": {"terminated": {"exitCode": code, "reason": "Error"}}, "restartCount": 0}
    return pod(name, owner, containerStatuses=[state])


def test_refused_pods_are_explained_by_the_events_of_the_newest_replica_set() -> None:
    quota = 'Error creating: pods "app-2-x" is forbidden: exceeded quota: small'
    found = trouble.findings(
        deployment_situation(
            [
                event("rs2", "FailedCreate", quota, kind="ReplicaSet"),
                event("rs1", "FailedCreate", "an older attempt", kind="ReplicaSet"),
                event("elsewhere", "FailedCreate", "another object", kind="ReplicaSet"),
            ]
        )
    )
    assert found == [f"[ReplicaSet ns/app-2] FailedCreate: {quota.removeprefix('Error creating: ')}"]


def test_a_refusal_that_repeats_with_other_names_is_told_once() -> None:
    text = 'pods "app-2-{}" is forbidden: exceeded quota: small'
    failure = {
        "type": "ReplicaFailure",
        "status": "True",
        "reason": "FailedCreate",
        "message": text.format("a"),
    }
    combined = f"(combined from similar events): Error creating: {text.format('b')}"
    found = trouble.findings(
        deployment_situation(
            [event("rs2", "FailedCreate", combined, kind="ReplicaSet")], set_conditions=[failure]
        )
    )
    assert len(found) == 1


def test_a_claim_that_cannot_be_bound_says_which_classes_there_are() -> None:
    def finding(**spec: str) -> str:
        obj = {"kind": "PersistentVolumeClaim", "metadata": {"name": "c", "namespace": "ns"}, "spec": spec}
        classes = [{"metadata": {"name": "local-path"}}]
        return trouble.findings(Situation(obj, {"StorageClass": classes}), final=True)[0]

    assert finding().endswith("none is the default (there are: local-path)")
    assert finding(storageClassName="fast").endswith(
        'there is no StorageClass "fast" (there are: local-path)'
    )


def test_a_refusal_in_the_conditions_of_the_replica_set_is_found_too() -> None:
    refusal = (
        'pods "app-2-x" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation'
    )
    failure = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": refusal}
    found = trouble.findings(deployment_situation(set_conditions=[failure]))
    assert f"[ReplicaSet ns/app-2] FailedCreate: {refusal}" in found


def test_warnings_from_before_the_last_write_are_left_out() -> None:
    old = event("d", "Trouble", "yesterday's", at="2025-12-31T00:00:00Z", kind="Deployment")
    new = event("d", "Trouble", "today's", kind="Deployment")
    assert trouble.findings(deployment_situation([old])) == []
    assert trouble.findings(deployment_situation([new])) == ["[Deployment ns/app] Trouble: today's"]


def test_an_event_that_repeats_is_shown_once_with_its_newest_text() -> None:
    mounts = [
        event("a", "FailedMount", "first", at="2026-01-01T00:00:07Z"),
        event("a", "FailedMount", "second", at="2026-01-01T00:00:09Z"),
    ]
    found = trouble.findings(deployment_situation(mounts, [pod("a", "rs2")]))
    assert found == ["[Pod ns/a] FailedMount: second"]


def test_pods_of_older_replica_sets_are_not_blamed() -> None:
    found = trouble.findings(deployment_situation(pods=[crashed("old", "rs1"), crashed("new")]))
    assert found == ['[Pod ns/new] container "c" exited with code 1 (Error)']


def test_a_service_without_pods_is_told_its_selector() -> None:
    obj = {
        "kind": "Service",
        "metadata": {"name": "s", "namespace": "ns"},
        "spec": {"selector": {"app": "x"}},
    }
    found = trouble.findings(Situation(obj, {"Pod": []}), final=True)
    assert found == ["[Service ns/s] no Pod has the labels of its selector (app=x)"]


def test_an_evicted_pod_says_why() -> None:
    evicted = pod("p", "x", phase="Failed", reason="Evicted", message="The node was low on resource: memory.")
    assert trouble.pod_findings(evicted) == ["[Pod ns/p] Evicted: The node was low on resource: memory."]


def test_log_lines_are_the_last_ones_of_the_containers_concerned() -> None:
    class Api:
        def logs(
            self, namespace: Any, name: Any, container: str = "", tail: int = 20, *, previous: bool = False
        ) -> Any:
            return "\n".join(f"line {number}" for number in range(50)) + "\n"

    texts = LogBook(Api()).texts(
        [crashed("p"), pod("fine", "rs2", conditions=[{"type": "Ready", "status": "True"}])]
    )
    assert len(texts) == 1
    assert texts[0].startswith('[Pod ns/p] the last log lines of container "c":\n    line 40\n')
    assert texts[0].endswith("line 49")


def test_the_log_of_the_attempt_that_failed_is_shown_while_the_next_one_waits() -> None:
    asked = []

    class Api:
        def logs(
            self, namespace: Any, name: Any, container: str = "", tail: int = 20, *, previous: bool = False
        ) -> Any:
            asked.append(previous)
            return "boom" if previous else ""

    looping = {
        "name": "c",
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 1}},
        "restartCount": 3,
    }
    assert "boom" in LogBook(Api()).texts([pod("p", "rs2", containerStatuses=[looping])])[0]
    assert asked == [True]


def test_the_log_of_a_pod_that_was_restarted_and_runs_again_is_shown() -> None:
    class Api:
        def logs(
            self, namespace: Any, name: Any, container: str = "", tail: int = 20, *, previous: bool = False
        ) -> str:
            return "boom" if previous else "starting anew"

    restarted = {
        "name": "c",
        "ready": True,
        "state": {"running": {"startedAt": "now"}},
        "lastState": {"terminated": {"exitCode": 7}},
        "restartCount": 1,
    }
    running = pod("p", "rs2", conditions=[{"type": "Ready", "status": "True"}], containerStatuses=[restarted])
    assert "boom" in LogBook(Api()).texts([running])[0]
