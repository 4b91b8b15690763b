"""What is wrong around an object, in words: its conditions, its Pods' containers, refusals in events.

Pure functions over plain objects. Each finding is one line that names the object it is about.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from rehearsal.providers.kubernetes.awaiting.networking import needs_endpoints
from rehearsal.providers.kubernetes.awaiting.objects import (
    AnyObject,
    condition,
    controlled_by,
    full_name,
    metadata,
    number,
    selected,
    spec,
    status,
    uid,
)
from rehearsal.providers.kubernetes.awaiting.outcome import Situation
from rehearsal.providers.kubernetes.awaiting.workloads import newest_replica_set

HARMLESS_WAITS = frozenset({"ContainerCreating", "PodInitializing", ""})
# what the containers' own states already say, with more detail
REPEATED_EVENTS = frozenset({"BackOff", "Failed", "FailedScheduling", "BackoffLimitExceeded"})
# a Pod's volumes and its events appear in any order: these right themselves within a second
PASSING_EVENTS = frozenset(
    {"FailedToUpdateEndpoint", "FailedToUpdateEndpointSlices", "FailedToCreateEndpoint"}
)
SHOWN_EVENTS = 6
CLOCK_RESOLUTION = timedelta(seconds=1)  # timestamps of objects and events have no fractions


def findings(situation: Situation, *, final: bool = False) -> list[str]:
    """What keeps the object from being ready, most telling first.

    final: the wait is over, so name also what may have been a matter of patience: containers that are not
    ready yet, conditions that do not hold yet.
    """
    obj = situation.obj
    found = [line for one in pods(situation) for line in pod_findings(one, final=final)]
    found += event_findings(situation)
    found += condition_findings(obj, final=final)
    if replica_set := newest_replica_set(situation) if obj.get("kind") == "Deployment" else None:
        found += condition_findings(replica_set, final=final)
    if final and obj.get("kind") == "Service":
        found += _service_findings(situation)
    if final and obj.get("kind") == "PersistentVolumeClaim":
        found += _claim_findings(situation)
    return list({gist(line): line for line in reversed(found)}.values())[::-1]


def gist(text: str) -> str:
    """A finding without what changes from one attempt to the next: the names of Pods that were refused."""
    return re.sub(r'\bpods "[^"]*"', "pods", text)


def pods(situation: Situation) -> list[AnyObject]:
    """The Pods that decide whether the object is ready: for a Deployment those of its newest ReplicaSet."""
    obj = situation.obj
    everything = situation.of("Pod")
    match obj.get("kind"):
        case "Pod":
            return [obj]
        case "Deployment":
            newest = newest_replica_set(situation)
            return controlled_by(everything, {uid(newest)}) if newest else []
        case "Service":
            return selected(everything, spec(obj).get("selector") or {}) if needs_endpoints(obj) else []
        case _:
            return controlled_by(everything, {uid(obj)})


def unwell(pod: AnyObject) -> bool:
    """Whether a Pod is neither ready nor done."""
    return status(pod).get("phase") != "Succeeded" and condition(pod, "Ready").get("status") != "True"


def pod_findings(pod: AnyObject, *, final: bool = False) -> list[str]:
    """What is wrong with a Pod: not scheduled, evicted, containers that wait, crash or are not ready."""
    about = f"[Pod {full_name(pod)}]"
    found = []
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        reason = scheduled.get("reason", "Unschedulable")
        found.append(f"{about} {reason}: {scheduled.get('message', 'no node takes it')}")
    if status(pod).get("reason"):
        found.append(f"{about} {status(pod)['reason']}: {status(pod).get('message', '')}".rstrip(": "))
    for name, state in container_states(pod):
        if text := container_finding(state, final=final):
            found.append(f'{about} container "{name}" {text}')
    return found


def container_states(pod: AnyObject) -> Iterable[tuple[str, AnyObject]]:
    """(name, status) of a Pod's containers, init containers first."""
    for group in ("initContainerStatuses", "containerStatuses"):
        for state in status(pod).get(group) or ():
            yield str(state.get("name", "")), state


def container_finding(container: AnyObject, *, final: bool = False) -> str:
    """What is wrong with a container, such as `exited with code 3 (Error)`; empty where nothing is."""
    state = container.get("state") or {}
    waiting, ended = state.get("waiting") or {}, state.get("terminated")
    last = (container.get("lastState") or {}).get("terminated")
    reason, message = str(waiting.get("reason", "")), str(waiting.get("message", ""))
    if reason == "CrashLoopBackOff":
        how = f"it last {_exit(last)}" if last else message
        return f"is in CrashLoopBackOff after {number(container.get('restartCount'))} restarts: {how}"
    if reason not in HARMLESS_WAITS:
        return f"is waiting: {reason}" + (f": {message}" if message else "")
    if ended:
        return _exit(ended) if number(ended.get("exitCode")) else ""
    if last and number(last.get("exitCode")):
        return f"was restarted {number(container.get('restartCount'))} times: it last {_exit(last)}"
    if final and "running" in state and not container.get("ready"):
        return "is running but not ready"
    return f"is waiting: {reason}" if final and reason else ""


def _exit(ended: AnyObject) -> str:
    reason = f" ({ended['reason']})" if ended.get("reason") else ""
    message = f": {str(ended['message']).strip()}" if ended.get("message") else ""
    if ended.get("signal"):
        return f"was ended by signal {ended['signal']}{reason}{message}"
    return f"exited with code {number(ended.get('exitCode'))}{reason}{message}"


def condition_findings(obj: AnyObject, *, final: bool = False) -> list[str]:
    """Conditions that report a refusal; with final, also those that do not hold."""
    about = f"[{obj.get('kind', 'object')} {full_name(obj)}]"
    found = []
    for one in status(obj).get("conditions") or ():
        message = one.get("message") or ""
        bad = one.get("type") in {"ReplicaFailure", "Failed", "Stalled"} and one.get("status") == "True"
        if one.get("type") == "ReplicaFailure" and obj.get("kind") == "Deployment":
            continue  # a copy of its ReplicaSet's
        bad = bad or one.get("reason") == "ProgressDeadlineExceeded"
        unmet = (
            final
            and one.get("status") == "False"
            and one.get("type") in {"Available", "Established", "Ready"}
        )
        if (bad or unmet) and message and obj.get("kind") != "Pod":
            found.append(f"{about} {one.get('reason') or one.get('type')}: {message}")
    return found


def event_findings(situation: Situation) -> list[str]:
    """Warnings about the object and what it owns, newest last, each reason once per object.

    Warnings from before the object was last written belong to an earlier attempt and are left out.
    """
    obj = situation.obj
    family = {uid(one): one for one in (obj, *pods(situation))}
    if obj.get("kind") == "Deployment" and (newest := newest_replica_set(situation)):
        family[uid(newest)] = newest
    since = written_at(obj)
    found: dict[tuple[str, str], str] = {}
    for event in sorted(situation.of("Event"), key=event_time):
        about = event.get("involvedObject") or {}
        member, reason = family.get(str(about.get("uid"))), str(event.get("reason", ""))
        if member is None or event.get("type") != "Warning" or reason in REPEATED_EVENTS | PASSING_EVENTS:
            continue
        if since and event_time(event) and event_time(event) < since:
            continue
        if reason == "Unhealthy" and not unwell(member):
            continue
        text = str(event.get("message", "")).strip()
        for prefix in ("(combined from similar events): ", "Error creating: "):
            text = text.removeprefix(prefix)
        found.pop((uid(member), reason), None)
        found[uid(member), reason] = f"[{about.get('kind')} {full_name(member)}] {reason}: {text}"
    return list(found.values())[-SHOWN_EVENTS:]


def event_time(event: AnyObject) -> str:
    """When an event last happened, in ISO 8601 to the second."""
    series = event.get("series") or {}
    times: list[Any] = [series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime")]
    text = next((str(time) for time in times if time), str(metadata(event).get("creationTimestamp") or ""))
    return text[:19]


def written_at(obj: AnyObject) -> str:
    """When the object's spec was last written, by the server's clock; empty where that is not known."""
    entries = metadata(obj).get("managedFields") or ()
    times = [str(one.get("time", ""))[:19] for one in entries if not one.get("subresource")]
    if not times:
        return ""
    newest = datetime.fromisoformat(max(times)).replace(tzinfo=UTC) - CLOCK_RESOLUTION
    return newest.isoformat()[:19]


def _service_findings(situation: Situation) -> list[str]:
    labels = spec(situation.obj).get("selector") or {}
    if needs_endpoints(situation.obj) and "Pod" not in situation.unknown and not pods(situation):
        wanted = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
        return [f"[Service {full_name(situation.obj)}] no Pod has the labels of its selector ({wanted})"]
    return []


def _claim_findings(situation: Situation) -> list[str]:
    obj = situation.obj
    if "StorageClass" in situation.unknown or spec(obj).get("volumeName"):
        return []
    names = [str(metadata(one).get("name")) for one in situation.of("StorageClass")]
    known = f"there are: {', '.join(names) or 'none'}"
    wanted = spec(obj).get("storageClassName")
    about = f"[PersistentVolumeClaim {full_name(obj)}]"
    if wanted is None:
        return [f"{about} it names no StorageClass and none is the default ({known})"]
    if wanted and wanted not in names:
        return [f'{about} there is no StorageClass "{wanted}" ({known})']
    return []
