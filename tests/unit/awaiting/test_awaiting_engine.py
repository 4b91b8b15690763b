"""The watch engine and the waits on it, against a scripted API server."""

import functools
import time
from typing import Any

import pytest

from rehearsal.providers.kubernetes.apierrors import ApiError
from rehearsal.providers.kubernetes.awaiting import (
    AwaitCancelled,
    AwaitFailed,
    await_deleted,
    await_ready,
    readiness,
)
from rehearsal.providers.kubernetes.awaiting.watching import hub_of

PODS = "/api/v1/namespaces/ns/pods"
JOBS = "/apis/batch/v1/namespaces/ns/jobs"


def pod(name: str = "p", phase: str = "Pending", *conditions: Any, **status: Any) -> Any:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "status": {
            "phase": phase,
            "conditions": [{"type": one, "status": "True"} for one in conditions],
            **status,
        },
    }


def job(name: str = "j", **status: Any) -> Any:
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {}, "status": status}


ready_pod = functools.partial(pod, "p", "Running", "PodScheduled", "Initialized", "Ready")


def test_a_wait_follows_its_object_and_says_what_is_missing(api: Any, wait: Any) -> None:
    written = api.put(pod())
    waiting = wait(functools.partial(await_ready, api, written))
    waiting.until_said('Waiting for Pod "ns/p" to be scheduled')
    api.put(pod("p", "Pending", "PodScheduled"))
    waiting.until_said("to be initialized")
    api.put(ready_pod())
    assert waiting.end()["status"]["phase"] == "Running"


def test_a_state_from_before_the_write_does_not_count(api: Any, wait: Any) -> None:
    old = api.put(ready_pod())
    newer = {
        **pod(),
        "metadata": {**old["metadata"], "resourceVersion": str(int(old["metadata"]["resourceVersion"]) + 1)},
    }
    waiting = wait(functools.partial(await_ready, api, newer))
    time.sleep(0.2)
    assert waiting.result is None, "the old, ready state was taken for the new one"
    api.put(pod())
    waiting.until_said("to be scheduled")
    api.put(ready_pod())
    waiting.end()


def test_a_closed_stream_is_resumed_where_it_stopped(api: Any, wait: Any) -> None:
    written = api.put(pod())
    waiting = wait(functools.partial(await_ready, api, written))
    waiting.until_said("to be scheduled")
    api.cut(PODS)
    api.put(ready_pod())
    waiting.end()
    assert api.lists.count(PODS) == 1, "resuming needs no second list"
    assert len([path for path, _ in api.watches if path == PODS]) >= 2


def test_an_expired_version_leads_to_a_new_list(api: Any, wait: Any) -> None:
    written = api.put(pod())
    waiting = wait(functools.partial(await_ready, api, written))
    waiting.until_said("to be scheduled")
    api.expired.add(PODS)
    api.cut(PODS)
    api.put(ready_pod())
    waiting.end()
    assert api.lists.count(PODS) == 2


def test_an_object_that_vanished_between_write_and_list_is_reported(api: Any, wait: Any) -> None:
    written = api.put(pod())
    api.remove(written)
    with pytest.raises(AwaitFailed, match=r'Pod "ns/p": was deleted while it was waited for'):
        wait(functools.partial(await_ready, api, written)).end()


def test_a_job_that_completes_and_is_cleaned_up_at_once_is_a_success(api: Any, wait: Any) -> None:
    written = api.put(job())
    waiting = wait(functools.partial(await_ready, api, written))
    waiting.until_said('Waiting for Job "ns/j" to start')
    with api.lock:
        api.put(job(conditions=[{"type": "Complete", "status": "True"}]))
        api.remove(job())
    assert waiting.end()["status"]["conditions"][0]["type"] == "Complete"


def test_cancelling_ends_a_wait_at_once_and_leaves_the_object(api: Any, wait: Any) -> None:
    written = api.put(pod())
    waiting = wait(functools.partial(await_ready, api, written))
    waiting.until_said("to be scheduled")
    began = time.monotonic()
    waiting.cancelled.set()
    with pytest.raises(AwaitCancelled) as caught:
        waiting.end()
    assert time.monotonic() - began < 1
    assert caught.value.live_object["metadata"]["name"] == "p"


def test_waits_share_one_stream_per_collection(api: Any, wait: Any) -> None:
    waits = []
    for number in range(5):
        written = api.put(pod(f"p{number}"))
        waits.append(wait(functools.partial(await_ready, api, written)))
    for waiting in waits:
        waiting.until_said("to be scheduled")
    for number in range(5):
        api.put({**ready_pod(), "metadata": {"name": f"p{number}"}})
    for waiting in waits:
        waiting.end()
    assert api.lists.count(PODS) == 1


def test_a_collection_ends_when_nobody_follows_it(api: Any, wait: Any) -> None:
    written = api.put(pod())
    waiting = wait(functools.partial(await_ready, api, written))
    waiting.until_said("to be scheduled")
    api.put(ready_pod())
    waiting.end()
    api.cut()
    followers = hub_of(api)._collections.values()
    until = time.monotonic() + 2
    while any(one.thread for one in followers):
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_time_out_names_what_was_missing_and_keeps_the_live_object(api: Any, wait: Any) -> None:
    written = api.put(pod())
    api.put(
        pod(
            "p",
            conditions=[
                {
                    "type": "PodScheduled",
                    "status": "False",
                    "reason": "Unschedulable",
                    "message": "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.",
                }
            ],
        )
    )
    with pytest.raises(AwaitFailed) as caught:
        wait(functools.partial(await_ready, api, written, timeout=0.2)).end()
    error = caught.value
    assert error.message == 'Pod "ns/p": was not ready within 0.2 s (Waiting for Pod "ns/p" to be scheduled)'
    assert error.reasons == [
        "[Pod ns/p] Unschedulable: 0/1 nodes are available: 1 Insufficient nvidia.com/gpu."
    ]
    assert error.live_object["status"]["conditions"]


def test_a_failed_job_shows_exit_code_and_log_of_pods_that_are_already_gone(api: Any, wait: Any) -> None:
    written = api.put(job(startTime="2026-01-01T00:00:00Z", active=1))
    crashed = pod(
        "j-abc",
        "Running",
        containerStatuses=[{"name": "c", "state": {"terminated": {"exitCode": 3, "reason": "Error"}}}],
    )
    crashed["metadata"]["ownerReferences"] = [{"uid": written["metadata"]["uid"], "controller": True}]
    api.texts["j-abc", "c", False] = "step 1\nValueError: no data\n"
    waiting = wait(functools.partial(await_ready, api, written))
    waiting.until_said("to succeed (Active: 1 | Succeeded: 0 | Failed: 0)")
    api.put(crashed)
    waiting.until_said("exited with code 3")
    api.texts.clear()
    api.remove(crashed)
    api.put(
        job(
            startTime="2026-01-01T00:00:00Z",
            failed=1,
            conditions=[
                {
                    "type": "Failed",
                    "status": "True",
                    "reason": "BackoffLimitExceeded",
                    "message": "Job has reached the specified backoff limit",
                }
            ],
        )
    )
    with pytest.raises(AwaitFailed) as caught:
        waiting.end()
    assert "BackoffLimitExceeded: Job has reached the specified backoff limit" in caught.value.message
    text = "\n".join(caught.value.reasons)
    assert '[Pod ns/j-abc] container "c" exited with code 3 (Error)' in text
    assert "ValueError: no data" in text


def test_kinds_that_may_not_be_listed_are_done_without(api: Any, wait: Any) -> None:
    api.refused["/api/v1/namespaces/ns/events"] = ApiError(403, "Forbidden", "events is forbidden")
    written = api.put(pod())
    waiting = wait(functools.partial(await_ready, api, written))
    waiting.until_said("to be scheduled")
    api.put(ready_pod())
    waiting.end()


def test_an_object_that_may_not_be_read_ends_the_wait_with_the_refusal(api: Any, wait: Any) -> None:
    written = api.put(pod())
    api.refused[PODS] = ApiError(403, "Forbidden", 'pods is forbidden: User "me" cannot list')
    with pytest.raises(AwaitFailed, match="cannot be watched: pods is forbidden"):
        wait(functools.partial(await_ready, api, written)).end()


def test_an_object_that_may_only_be_read_by_name_is_followed_alone(api: Any, wait: Any) -> None:
    get = api.get

    def by_name_only(path: str, params: Any = None) -> Any:
        if path == PODS and "fieldSelector" not in (params or {}):
            raise ApiError(403, "Forbidden", "cannot list pods")
        return get(path, params)

    api.get = by_name_only
    written = api.put(pod())
    waiting = wait(functools.partial(await_ready, api, written))
    waiting.until_said("to be scheduled")
    api.put(ready_pod())
    waiting.end()


def test_a_server_that_is_away_for_a_moment_is_waited_for(api: Any, wait: Any) -> None:
    written = api.put(pod())
    waiting = wait(functools.partial(await_ready, api, written))
    waiting.until_said("to be scheduled")
    api.refused[PODS] = ApiError(503, "ServiceUnavailable", "restarting")
    api.expired.add(PODS)
    api.cut(PODS)
    time.sleep(0.3)
    del api.refused[PODS]
    api.put(ready_pod())
    waiting.end()


def test_skip_await_says_so_and_asks_nothing(api: Any, wait: Any) -> None:
    written = pod()
    written["metadata"]["annotations"] = {"pulumi.com/skipAwait": "true"}
    waiting = wait(functools.partial(await_ready, api, written))
    assert waiting.end() is written
    assert waiting.said == ["Skipping await logic"]
    assert not api.lists


def test_a_kind_without_a_rule_is_ready_once_written(api: Any, wait: Any) -> None:
    written = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}
    assert wait(functools.partial(await_ready, api, written)).end() is written
    assert not api.lists


def test_wait_for_works_on_kinds_without_a_rule(api: Any, wait: Any) -> None:
    widget = {
        "apiVersion": "example.com/v1",
        "kind": "Widget",
        "metadata": {
            "name": "w",
            "annotations": {"pulumi.com/waitFor": '["jsonpath={.status.phase}=Up", "condition=Synced"]'},
        },
    }
    written = api.put(widget)
    waiting = wait(functools.partial(await_ready, api, written))
    waiting.until_said("Waiting for jsonpath={.status.phase}=Up and condition=Synced")
    api.put({**widget, "status": {"phase": "Up"}})
    waiting.until_said("Waiting for condition=Synced")
    api.put({**widget, "status": {"phase": "Up", "conditions": [{"type": "Synced", "status": "True"}]}})
    waiting.end()


def test_the_annotation_limits_the_wait(api: Any, wait: Any) -> None:
    written = pod()
    written["metadata"]["annotations"] = {"pulumi.com/timeoutSeconds": "0.1"}
    with pytest.raises(AwaitFailed, match=r"within 0\.1 s"):
        wait(functools.partial(await_ready, api, api.put(written))).end()


def test_readiness_asks_once_and_gives_reasons(api: Any) -> None:
    written = api.put(pod())
    assert readiness(api, written) == ['Waiting for Pod "ns/p" to be scheduled']
    assert readiness(api, api.put(ready_pod())) == []
    assert not api.watches


def test_deletion_ends_when_the_object_is_gone(api: Any, wait: Any) -> None:
    written = api.put(pod())
    waiting = wait(functools.partial(await_deleted, api, written))
    waiting.until_said('Waiting for Pod "ns/p" to be gone')
    api.remove(written)
    waiting.end()


def test_deletion_of_what_is_gone_or_replaced_by_a_namesake_returns_at_once(api: Any, wait: Any) -> None:
    written = api.put(pod())
    api.remove(written)
    wait(functools.partial(await_deleted, api, written)).end()
    api.put({**pod(), "metadata": {"name": "p", "uid": "another"}})
    wait(functools.partial(await_deleted, api, written)).end()
    assert not api.watches


def test_deletion_of_an_object_whose_kind_is_gone_returns_at_once(api: Any, wait: Any) -> None:
    gone = {"apiVersion": "example.com/v1", "kind": "Gadget", "metadata": {"name": "g"}}
    wait(functools.partial(await_deleted, api, gone)).end()


def test_a_deletion_that_takes_too_long_names_the_finalizers(api: Any, wait: Any) -> None:
    stuck = pod()
    stuck["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["example.com/hold"]}
    written = api.put(stuck)
    with pytest.raises(AwaitFailed, match=r'Pod "ns/p": was not gone within 0\.2 s') as caught:
        wait(functools.partial(await_deleted, api, written, timeout=0.2)).end()
    assert caught.value.reasons == ["finalizers still to be removed: example.com/hold"]


def test_a_deletion_is_cancelled_at_once(api: Any, wait: Any) -> None:
    waiting = wait(functools.partial(await_deleted, api, api.put(pod())))
    waiting.until_said("to be gone")
    waiting.cancelled.set()
    with pytest.raises(AwaitCancelled):
        waiting.end(1.0)
