"""A scripted API server: objects under paths, list and watch over them, streams that can be cut or expire."""

import copy
import itertools
import queue
import threading
import time
from typing import Any

import pytest

from rehearsal.providers.kubernetes.apierrors import ApiError, UnknownKindError

PLURALS = {
    "Deployment": "apis/apps/v1/namespaces/ns/deployments",
    "ReplicaSet": "apis/apps/v1/namespaces/ns/replicasets",
    "StatefulSet": "apis/apps/v1/namespaces/ns/statefulsets",
    "Job": "apis/batch/v1/namespaces/ns/jobs",
    "Pod": "api/v1/namespaces/ns/pods",
    "Event": "api/v1/namespaces/ns/events",
    "Service": "api/v1/namespaces/ns/services",
    "ConfigMap": "api/v1/namespaces/ns/configmaps",
    "EndpointSlice": "apis/discovery.k8s.io/v1/namespaces/ns/endpointslices",
    "Widget": "apis/example.com/v1/namespaces/ns/widgets",
    "Namespace": "api/v1/namespaces",
}


class FakeApi:
    def __init__(self) -> None:
        self.clock = itertools.count(10)
        self.objects = {}
        self.log = {}
        self.streams = {}
        self.lists = []
        self.watches = []
        self.expired = set()
        self.refused = {}
        self.texts = {}
        self.lock = threading.RLock()
        self.version = 9

    def collection_path(self, api_version: Any, kind: Any, namespace: Any = None) -> Any:
        if kind not in PLURALS:
            raise UnknownKindError(api_version, kind)
        return f"/{PLURALS[kind]}"

    def object_path(self, obj: Any) -> Any:
        return f"{self.collection_path('', obj['kind'])}/{obj['metadata']['name']}"

    def get(self, path: Any, params: Any = None) -> Any:
        with self.lock:
            if path in self.refused:
                raise self.refused[path]
            if path in {f"/{one}" for one in PLURALS.values()}:
                self.lists.append(path)
                name = str((params or {}).get("fieldSelector", "")).removeprefix("metadata.name=")
                found = [
                    copy.deepcopy(one)
                    for (where, key), one in self.objects.items()
                    if where == path and name in {"", key}
                ]
                return {"metadata": {"resourceVersion": str(self.version)}, "items": found}
            where, _, name = path.rpartition("/")
            if (where, name) not in self.objects:
                raise ApiError(404, "NotFound", f"{name} not found")
            return copy.deepcopy(self.objects[where, name])

    def watch(self, path: Any, params: Any = None, timeout: int = 30) -> Any:
        since = int(params["resourceVersion"])
        wanted = str(params.get("fieldSelector", "")).removeprefix("metadata.name=")
        stream = queue.SimpleQueue()
        with self.lock:
            self.watches.append((path, since))
            if path in self.expired:
                self.expired.discard(path)
                raise ApiError(410, "Expired", "too old resource version")
            for version, event in self.log.get(path, []):
                if version > since:
                    stream.put(event)
            self.streams.setdefault(path, []).append(stream)
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            try:
                event = stream.get(timeout=0.05)
            except queue.Empty:
                continue
            if event is None:
                return
            if wanted in {"", event["object"]["metadata"]["name"]}:
                yield event

    def logs(
        self, namespace: Any, pod: Any, container: str = "", tail: int = 20, *, previous: bool = False
    ) -> Any:
        return self.texts.get((pod, container, previous), "")

    def put(self, obj: Any) -> Any:
        """Create or change an object, as controllers do; returns it as the server has it."""
        with self.lock:
            path = self.collection_path("", obj["kind"])
            obj = copy.deepcopy(obj)
            self.version = next(self.clock)
            meta = obj["metadata"]
            meta.setdefault("namespace", "ns")
            meta.setdefault("uid", f"uid-{obj['kind']}-{meta['name']}")
            meta["resourceVersion"] = str(self.version)
            known = (path, meta["name"]) in self.objects
            self.objects[path, meta["name"]] = obj
            self._tell(path, "MODIFIED" if known else "ADDED", obj)
            return copy.deepcopy(obj)

    def remove(self, obj: Any) -> None:
        with self.lock:
            path = self.collection_path("", obj["kind"])
            gone = self.objects.pop((path, obj["metadata"]["name"]))
            self.version = next(self.clock)
            gone["metadata"]["resourceVersion"] = str(self.version)
            self._tell(path, "DELETED", gone)

    def cut(self, path: str = "") -> None:
        """End the open streams of a path, or all."""
        with self.lock:
            for where, streams in self.streams.items():
                if path in {"", where}:
                    for stream in streams:
                        stream.put(None)
                    streams.clear()

    def _tell(self, path: Any, kind: Any, obj: Any) -> None:
        event = {"type": kind, "object": copy.deepcopy(obj)}
        self.log.setdefault(path, []).append((self.version, event))
        for stream in self.streams.get(path, []):
            stream.put(event)


@pytest.fixture
def api() -> Any:
    fake = FakeApi()
    yield fake
    fake.cut()


class Waiting:
    """A wait in a thread of its own, so that the test can play the controllers."""

    def __init__(self, target: Any) -> None:
        self.said = []
        self.cancelled = threading.Event()
        self.result = self.error = None
        self._thread = threading.Thread(target=self._run, args=(target,), daemon=True)
        self._thread.start()

    def _run(self, target: Any) -> None:
        try:
            self.result = target(say=self.said.append, cancelled=self.cancelled)
        except Exception as error:  # noqa: BLE001 - handed to the test
            self.error = error

    def end(self, within: float = 5.0) -> Any:
        self._thread.join(within)
        assert not self._thread.is_alive(), f"still waiting after {within} s; said {self.said}"
        if self.error:
            raise self.error
        return self.result

    def until_said(self, part: Any, within: float = 5.0) -> None:
        until = time.monotonic() + within
        while not any(part in text for text in self.said):
            assert time.monotonic() < until, f"never said {part!r}, only {self.said}"
            assert self._thread.is_alive(), f"ended early: {self.error or self.result}"
            time.sleep(0.01)


@pytest.fixture
def wait() -> Any:
    return Waiting
