"""Log lines of the containers that kept an object from being ready.

A failing Job's Pods may be deleted with their logs before the Job is reported as failed, so the log of a
container that has ended badly is read when that is first seen.
"""

from collections.abc import Iterable

from rehearsal.providers.kubernetes.apierrors import ApiError, UnreachableError
from rehearsal.providers.kubernetes.awaiting.objects import AnyObject, full_name, metadata, number, uid
from rehearsal.providers.kubernetes.awaiting.trouble import container_states, unwell
from rehearsal.providers.kubernetes.awaiting.watching import Api

LINES = 10
PODS = 3


class LogBook:
    """The last log lines of containers, by Pod and container."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._kept: dict[tuple[str, str], tuple[int, str]] = {}

    def note(self, pods: Iterable[AnyObject]) -> None:
        """Keep the logs of containers that have ended badly, once per end."""
        for pod in pods:
            for name, state in container_states(pod):
                if _ended_badly(state):
                    self._read(pod, name, state)

    def texts(self, pods: Iterable[AnyObject]) -> list[str]:
        """The last log lines of each container that ended badly or is not ready, for the newest few Pods."""
        bad = [
            pod for pod in pods if unwell(pod) or any(_ended_badly(one) for _, one in container_states(pod))
        ]
        bad.sort(key=lambda pod: str(metadata(pod).get("creationTimestamp") or ""), reverse=True)
        found = []
        for pod in bad[:PODS]:
            for name, state in container_states(pod):
                if _ended_badly(state) or (
                    _has_run(state) and not state.get("ready") and not _ended_well(state)
                ):
                    self._read(pod, name, state, again=True)
                    found += self._text(pod, name)
        return found

    def _text(self, pod: AnyObject, container: str) -> list[str]:
        _, log = self._kept.get((uid(pod), container), (0, ""))
        lines = log.rstrip().splitlines()[-LINES:]
        if not lines:
            return []
        shown = "\n".join(f"    {line}" for line in lines)
        return [f'[Pod {full_name(pod)}] the last log lines of container "{container}":\n{shown}']

    def _read(self, pod: AnyObject, container: str, state: AnyObject, *, again: bool = False) -> None:
        key, restarts = (uid(pod), container), number(state.get("restartCount"))
        kept = self._kept.get(key)
        if kept is not None and kept[0] == restarts and kept[1] and not again:
            return
        namespace, name = str(metadata(pod).get("namespace", "")), str(metadata(pod)["name"])
        running_anew = not (state.get("state") or {}).get("terminated") and bool(_last_end(state))
        try:
            log = self._api.logs(namespace, name, container, LINES, previous=running_anew)
        except (ApiError, UnreachableError):
            return
        if log.strip():
            self._kept[key] = (restarts, log)


def _last_end(state: AnyObject) -> AnyObject:
    return (state.get("lastState") or {}).get("terminated") or {}


def _ended_badly(state: AnyObject) -> bool:
    now = (state.get("state") or {}).get("terminated") or {}
    return any(number(end.get("exitCode")) != 0 for end in (now, _last_end(state)))


def _ended_well(state: AnyObject) -> bool:
    now = (state.get("state") or {}).get("terminated")
    return now is not None and number(now.get("exitCode")) == 0


def _has_run(state: AnyObject) -> bool:
    now = state.get("state") or {}
    return bool(now.get("running") or now.get("terminated") or _last_end(state))
