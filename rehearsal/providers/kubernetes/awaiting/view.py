"""What one wait sees: its object and the related collections, taken together at one moment."""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rehearsal.providers.kubernetes.apierrors import ApiError, UnknownKindError, UnreachableError
from rehearsal.providers.kubernetes.awaiting.objects import AnyObject, Object, group, metadata, uid, version
from rehearsal.providers.kubernetes.awaiting.outcome import Related, Rule, Situation
from rehearsal.providers.kubernetes.awaiting.table import TABLE
from rehearsal.providers.kubernetes.awaiting.watching import Api, Collection, Hub, hub_of

CANCEL_CHECK = 0.25  # seconds; the event that cancels a run cannot wake a condition


@dataclass(frozen=True)
class Moment:
    """obj is None until the write that is waited for has been seen; gone: it has been deleted since.

    refusal: why the object cannot be read.
    """

    obj: Object | None
    gone: bool
    refusal: ApiError | None
    situation: Situation


class View:
    """Follows one object that has been written, and the kinds that its rule looks at."""

    def __init__(
        self, hub: Hub, written: AnyObject, own: Collection, around: Mapping[str, Collection]
    ) -> None:
        self._hub = hub
        self._written = written
        self._own = own
        self._around = around
        self._seen = -1
        # The object was written a moment ago, and the server's clock may be a little behind.
        self._since = (datetime.now(UTC) - timedelta(seconds=5)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def take(self) -> Moment | None:
        """The state of things now; None where nothing changed since the last call."""
        with self._hub.changed:
            changes = self._changes()
            if changes == self._seen or not self._known():
                return None
            self._seen = changes
            obj, gone = self._find()
            refusal = self._own.refusal
            lost = isinstance(refusal, ApiError) and not refusal.transient
            related = {kind: list(one.objects.values()) for kind, one in self._around.items()}
            unknown = frozenset(kind for kind, one in self._around.items() if one.version < 0)
        return Moment(
            obj,
            gone,
            refusal if lost and isinstance(refusal, ApiError) else None,
            Situation(obj or self._written, related, unknown, self._since),
        )

    def ever_seen(self, kind: str) -> list[Object]:
        """The last states of all related objects of a kind, deleted ones included."""
        with self._hub.changed:
            one = self._around.get(kind)
            return [*one.last.values(), *one.objects.values()] if one else []

    def sleep(self, until: float) -> None:
        """Until something changes, or it is time to look whether the run was cancelled."""
        with self._hub.changed:
            remaining = until - time.monotonic()
            if remaining > 0 and self._changes() == self._seen:
                self._hub.changed.wait(min(CANCEL_CHECK, remaining))

    def _changes(self) -> int:
        return sum(one.changes for one in (self._own, *self._around.values()))

    def _known(self) -> bool:
        return all(one.known for one in (self._own, *self._around.values()))

    def _find(self) -> tuple[Object | None, bool]:
        """(state, gone). The state is at least as new as what was written."""
        wanted = uid(self._written)
        found = self._own.objects.get(wanted)
        if found is not None:
            return (None if -1 < version(found) < version(self._written) else found), False
        if wanted in self._own.last:
            return self._own.last[wanted], True
        return None, self._own.version >= max(version(self._written), 0)


@contextmanager
def follow(api: Api, written: AnyObject, rule: Rule, *, alone: bool = False) -> Iterator[View]:
    """A view of an object that has just been written.

    The kinds of the table are followed a namespace at a time, because many of their objects are waited for
    at once; any other object alone, as where only that is permitted.
    """
    hub = hub_of(api)
    namespace = metadata(written).get("namespace")
    with ExitStack() as stack:
        own_path = api.collection_path(written["apiVersion"], written["kind"], namespace)
        alone = alone or (group(written), str(written["kind"])) not in TABLE
        own = stack.enter_context(
            hub.lease(own_path, f"metadata.name={metadata(written)['name']}" if alone else "")
        )
        around = {}
        for one in rule.related:
            path = related_path(api, one, namespace)
            if path:
                around[one.kind] = stack.enter_context(hub.lease(path))
        yield View(hub, written, own, around)


def related_path(api: Api, one: Related, namespace: str | None) -> str:
    """Where related objects are; empty where the server has no such kind."""
    try:
        return api.collection_path(one.api_version, one.kind, None if one.cluster else namespace)
    except UnknownKindError:
        return ""


def look(api: Api, obj: AnyObject, rule: Rule) -> Situation:
    """The situation by fresh lists, without watching."""
    namespace = metadata(obj).get("namespace")
    related: dict[str, list[Object]] = {}
    unknown = set()
    for one in rule.related:
        path = related_path(api, one, namespace)
        try:
            items = api.get(path).get("items") or [] if path else []
            head = {"apiVersion": one.api_version, "kind": one.kind}
            related[one.kind] = [{**head, **item} for item in items]
        except (ApiError, UnreachableError):
            unknown.add(one.kind)
    return Situation(obj, related, frozenset(unknown))
