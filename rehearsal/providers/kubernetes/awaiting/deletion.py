"""Waiting until an object whose deletion was asked for is gone."""

import time
from threading import Event
from typing import NoReturn

from rehearsal.providers.kubernetes.apierrors import ApiError, UnknownKindError
from rehearsal.providers.kubernetes.awaiting import settings
from rehearsal.providers.kubernetes.awaiting.objects import AnyObject, Object, metadata, title, uid
from rehearsal.providers.kubernetes.awaiting.outcome import AwaitCancelled, AwaitFailed
from rehearsal.providers.kubernetes.awaiting.view import CANCEL_CHECK
from rehearsal.providers.kubernetes.awaiting.waiting import Say, duration
from rehearsal.providers.kubernetes.awaiting.watching import Api, Collection, hub_of


def await_deleted(client: Api, obj: Object, *, timeout: float = 0.0, say: Say, cancelled: Event) -> None:
    """Wait until an object is gone; a namesake created since does not count.

    timeout is in seconds, customTimeouts as the user gave them; 0 means the annotation's, else 10 minutes.

    Raises:
        AwaitFailed: the time is over; the reasons name the finalizers that are left.
        AwaitCancelled: cancelled was set.
    """
    if settings.skips_await(obj):
        say("Skipping await logic")
        return
    seconds = settings.timeout(obj, custom=timeout, default=settings.DELETION_TIMEOUT)
    live = _live(client, obj)
    if live is None:
        return
    path = client.collection_path(obj["apiVersion"], obj["kind"], metadata(live).get("namespace"))
    with hub_of(client).lease(path, f"metadata.name={metadata(obj)['name']}") as collection:
        _watch_it_go(collection, live, seconds, say=say, cancelled=cancelled)


def _live(client: Api, obj: Object) -> Object | None:
    """The object if it is still there, or its kind."""
    try:
        live = client.get(client.object_path(obj))
    except UnknownKindError:
        return None
    except ApiError as error:
        if error.not_found:
            return None
        raise
    return None if uid(obj) and uid(live) != uid(obj) else live


def _watch_it_go(collection: Collection, live: Object, seconds: float, *, say: Say, cancelled: Event) -> None:
    deadline = time.monotonic() + seconds
    said = ""
    while True:
        if cancelled.is_set():
            raise AwaitCancelled(f"cancelled while waiting for {title(live)} to be gone", live)
        with collection.changed:
            seen = collection.changes
            gone, live = _state(collection, live)
        if gone:
            return
        text = f"Waiting for {title(live)} to be gone{_held_by(live)}"
        if text != said:
            said = text
            say(text)
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            _give_up(live, seconds)
        with collection.changed:
            if collection.changes == seen:
                collection.changed.wait(min(CANCEL_CHECK, remaining))


def _state(collection: Collection, live: Object) -> tuple[bool, Object]:
    refusal = collection.refusal
    if isinstance(refusal, ApiError) and refusal.not_found:
        return True, live
    if isinstance(refusal, ApiError) and not refusal.transient:
        raise refusal
    if uid(live) in collection.objects:
        return False, collection.objects[uid(live)]
    return collection.version >= 0, live


def _finalizers(live: AnyObject) -> list[str]:
    own = metadata(live).get("finalizers") or ()
    return [
        *own,
        *((live.get("spec") or {}).get("finalizers") or () if live.get("kind") == "Namespace" else ()),
    ]


def _held_by(live: AnyObject) -> str:
    names = [name for name in _finalizers(live) if name != "foregroundDeletion"]
    return f" (finalizers: {', '.join(names)})" if names else ""


def _give_up(live: Object, seconds: float) -> NoReturn:
    raise AwaitFailed(f"{title(live)}: was not gone within {duration(seconds)}", live, still_there(live))


def still_there(live: AnyObject) -> list[str]:
    """Why an object whose deletion was asked for is still there."""
    meta = live.get("metadata") or {}
    if not meta.get("deletionTimestamp"):
        return ["its deletion has not been accepted: it is not marked as being deleted"]
    found = []
    finalizers = _finalizers(live)
    if finalizers:
        found.append(f"finalizers still to be removed: {', '.join(finalizers)}")
    if "foregroundDeletion" in finalizers:
        found.append("foregroundDeletion: objects that it owns are still being deleted")
    grace = meta.get("deletionGracePeriodSeconds")
    if grace:
        found.append(f"its containers have a grace period of {grace} s")
    found += [
        f"{one.get('type')}: {one.get('message')}"
        for one in (live.get("status") or {}).get("conditions") or ()
        if one.get("status") == "True" and str(one.get("type", "")).startswith("Namespace")
    ]
    return found
