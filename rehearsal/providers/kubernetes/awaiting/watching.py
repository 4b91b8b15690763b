"""Collections of objects kept current by list and watch, shared by all waits of one client.

A collection is listed once and then followed from the list's resourceVersion. Streams that end are resumed
where they stopped; after 410 Gone the collection is listed anew. A collection that nobody leases any more
ends with its current stream, and is taken over when it is leased again before that.
"""

import threading
import time
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from rehearsal.providers.kubernetes.apierrors import ApiError, UnreachableError
from rehearsal.providers.kubernetes.awaiting.objects import Object, uid, version

STREAM_SECONDS = 20.0
PAGE = 500
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
LONG_STREAM = 1.0
GONE = 410


class Api(Protocol):
    """What waits need of a client."""

    def get(self, path: str, params: Mapping[str, str | int | bool] | None = None) -> Object: ...

    def watch(
        self, path: str, params: Mapping[str, str | int | bool] | None = None, timeout: float = 30
    ) -> Iterator[Object]: ...

    def collection_path(self, api_version: str, kind: str, namespace: str | None = None) -> str: ...

    def object_path(self, obj: Mapping[str, Any]) -> str: ...

    def logs(
        self, namespace: str, pod: str, container: str = "", tail: int = 20, *, previous: bool = False
    ) -> str: ...


class Collection:
    """The objects under one path, narrowed by a field selector, as of `version`.

    objects: by uid. last: the final state of objects that were deleted, by uid. changes: grows with every
    change. refusal: why the objects cannot be listed, if so. changed: guards all of this, and wakes waits.
    """

    def __init__(self, api: Api, path: str, fields: str, changed: threading.Condition) -> None:
        self.objects: dict[str, Object] = {}
        self.last: dict[str, Object] = {}
        self.version = -1
        self.changes = 0
        self.refusal: ApiError | UnreachableError | None = None
        self.leases = 0
        self.thread: threading.Thread | None = None
        self._api = api
        self._path = path
        self._params: dict[str, str | int | bool] = {"fieldSelector": fields} if fields else {}
        self.changed = changed
        self._resume = ""
        self._pause = 0.0

    @property
    def known(self) -> bool:
        """Whether the first list has been answered, with objects or a refusal."""
        return self.version >= 0 or self.refusal is not None

    def follow(self) -> None:
        """List and watch until nobody leases the collection; runs in a thread of its own."""
        while self._leased():
            try:
                if not self._resume:
                    self._list()
                self._stream()
            except ApiError as error:
                self._resume = ""
                if error.status != GONE:
                    self._note(error)
            except UnreachableError as error:
                self._note(error)
            except OSError as error:
                self._note(UnreachableError(str(error)))
            self._rest()

    def _leased(self) -> bool:
        with self.changed:
            if not self.leases:
                self.thread = None
            return self.thread is not None

    def _list(self) -> None:
        objects: dict[str, Object] = {}
        token = ""
        page: Object = {}
        while token or not page:
            params = {**self._params, "limit": PAGE, **({"continue": token} if token else {})}
            page = self._api.get(self._path, params)
            kind = str(page.get("kind", "")).removesuffix("List")
            head = {"apiVersion": page["apiVersion"], "kind": kind} if kind else {}
            objects.update({uid(item): {**head, **item} for item in page.get("items") or ()})
            token = (page.get("metadata") or {}).get("continue") or ""
        with self.changed:
            for gone in self.objects.keys() - objects.keys():
                self.last[gone] = self.objects[gone]
            self.objects = objects
            self._advance(page)

    def _stream(self) -> None:
        params = {**self._params, "resourceVersion": self._resume, "allowWatchBookmarks": True}
        began = time.monotonic()
        try:
            for event in self._api.watch(self._path, params, timeout=STREAM_SECONDS):
                self._take(event)
                if not self.leases:
                    return
        finally:
            if time.monotonic() - began > LONG_STREAM:
                self._pause = 0.0

    def _take(self, event: Object) -> None:
        obj = event.get("object") or {}
        with self.changed:
            if event["type"] in {"ADDED", "MODIFIED"}:
                self.objects[uid(obj)] = obj
            elif event["type"] == "DELETED":
                self.objects.pop(uid(obj), None)
                self.last[uid(obj)] = obj
            self._advance(obj)

    def _advance(self, source: Object) -> None:
        self._resume = str((source.get("metadata") or {}).get("resourceVersion") or "")
        self.version = max(self.version, version(source), 0)
        self.refusal = None
        self._pause = 0.0
        self.changes += 1
        self.changed.notify_all()

    def _note(self, error: ApiError | UnreachableError) -> None:
        with self.changed:
            self.refusal = error
            self.changes += 1
            self.changed.notify_all()

    def _rest(self) -> None:
        """Pause before the next attempt, ever longer; not after a stream that lasted or brought something."""
        with self.changed:
            if self._pause:
                self.changed.wait_for(lambda: not self.leases, timeout=self._pause)
            self._pause = min(LONGEST_PAUSE, self._pause * 2 or FIRST_PAUSE)


class Hub:
    """All collections of one client. Waits sleep on `changed` and wake at every change."""

    def __init__(self, api: Api) -> None:
        self.changed = threading.Condition()
        self._api = weakref.proxy(api)
        self._collections: dict[tuple[str, str], Collection] = {}

    @contextmanager
    def lease(self, path: str, fields: str = "") -> Iterator[Collection]:
        """A collection, followed for as long as the context lasts."""
        with self.changed:
            found = self._collections.get((path, fields))
            if found is None or found.thread is None:
                found = Collection(self._api, path, fields, self.changed)
                self._collections[path, fields] = found
                found.thread = threading.Thread(target=found.follow, name=f"watch {path}", daemon=True)
                found.thread.start()
            found.leases += 1
        try:
            yield found
        finally:
            with self.changed:
                found.leases -= 1
                self.changed.notify_all()


_hubs: "weakref.WeakKeyDictionary[Api, Hub]" = weakref.WeakKeyDictionary()
_guard = threading.Lock()


def hub_of(api: Api) -> Hub:
    """The hub that all waits of a client share."""
    with _guard:
        return _hubs.setdefault(api, Hub(api))
