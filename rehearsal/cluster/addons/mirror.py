"""A local copy of some of the API server's objects, kept up to date by watches."""

import logging
import threading
import time
from collections.abc import Sequence

from rehearsal.cluster.addons.api import Api, Object, Refused

WATCH_SECONDS = 240
PAUSE_SECONDS = 1.0

log = logging.getLogger(__name__)


class Mirror:
    """Copies of the lists at these paths, by namespace and name; a thread watches each."""

    def __init__(self, api: Api, paths: Sequence[str]) -> None:
        self._api = api
        self._copies: dict[str, dict[tuple[str, str], Object] | None] = dict.fromkeys(paths)
        self._guard = threading.Lock()
        self._changed = threading.Event()
        for path in paths:
            threading.Thread(target=self._follow, args=(path,), daemon=True).start()

    def wait(self) -> None:
        """Return when something has changed since the last call, and everything has been seen once."""
        while True:
            self._changed.wait()
            self._changed.clear()
            with self._guard:
                if all(copy is not None for copy in self._copies.values()):
                    return

    def objects(self, path: str) -> list[Object]:
        """The copy of one list."""
        with self._guard:
            return list((self._copies[path] or {}).values())

    def put(self, path: str, item: Object) -> None:
        """Note an object that we have just written, in front of its event."""
        with self._guard:
            copy = self._copies[path]
            if copy is not None and _key(item) in copy:
                copy[_key(item)] = item

    def poke(self) -> None:
        """Let the next `wait` return even where nothing has changed."""
        self._changed.set()

    def _follow(self, path: str) -> None:
        while True:
            try:
                listed = self._api.call("GET", path)
                with self._guard:
                    self._copies[path] = {_key(item): item for item in listed["items"]}
                self._changed.set()
                version = listed["metadata"]["resourceVersion"]
                for event, item in self._api.watch(path, version, seconds=WATCH_SECONDS):
                    self._note(path, event, item)
                    self._changed.set()
            except Refused as reason:
                if reason.status != 410:  # which only says that the list is too old
                    log.warning("%s: %s", path, reason)
                time.sleep(PAUSE_SECONDS)

    def _note(self, path: str, event: str, item: Object) -> None:
        with self._guard:
            copy = self._copies[path]
            if copy is None:
                return
            if event == "DELETED":
                copy.pop(_key(item), None)
            else:
                copy[_key(item)] = item


def _key(item: Object) -> tuple[str, str]:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]
