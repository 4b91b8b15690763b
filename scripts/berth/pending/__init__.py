"""Resolves what a killed engine left pending in a stack's state, by looking at the cloud instead of asking.

What was being created and exists joins the state; what does not exist is forgotten; what was being changed or
deleted is read again. Afterwards `up` and `destroy` go on as if nothing had happened.
https://www.pulumi.com/docs/support/troubleshooting/common-issues/update-conflicts/
"""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from rehearsal.errors import BerthError
from scripts.berth import stack
from scripts.berth.pending import aws, backend, kubernetes, state
from scripts.berth.pending.aws_types import LOOKUPS, UPDATED_AGAIN
from scripts.berth.place import Place

Say = Callable[[str], None]
VISIBLE_SECONDS = 15.0
"""How long after the engine's death AWS may show what the engine's last request has made."""
REHEARSED_SECONDS = 1.0


def resolve(place: Place, env: str, say: Say) -> int:
    """Resolve the operations that a killed command left pending; returns how many there were.

    Costs next to nothing where there are none. say: told in words what was done.

    Raises:
        BerthError: the cloud does not say what it has, or the state cannot be read or written.
    """
    for holder in backend.mend(place, env):
        say(f"the lock of a killed command was released ({holder})")
    known = backend.checkpoint(place, env)
    if known is not None and '"pending_operations"' not in known and state.ADOPTED not in known:
        return 0
    if known is None and not place.has_stack(env):
        return 0
    before = stack.exported(place, env)
    number = len(state.operations(before))
    found = _found(place, before, say)
    after = state.resolved(before, found)
    if number:
        place.capture("stack", "import", "--stack", env, stdin=json.dumps(after))
    _look_at(place, env, after, state.to_look_at(before, after, UPDATED_AGAIN), say)
    if number:
        joined = f": {len(found)} had been done, and joined the stack" if found else ""
        say(f"{number} operations of a killed command were resolved{joined}")
    return number


def _found(place: Place, deployment: state.Deployment, say: Say) -> dict[str, str]:
    """URN to id of what was being created and exists."""
    found: dict[str, str] = {}
    missing = state.creating(deployment)
    until = _written(deployment) + (REHEARSED_SECONDS if place.rehearsed else VISIBLE_SECONDS)
    while True:
        for resource in missing:
            identity = _live(place, deployment, resource, say)
            if identity is not None:
                found[str(resource["urn"])] = identity
        missing = [one for one in missing if one["urn"] not in found and _can_be_found(one)]
        if not missing or time.time() >= until:
            return found
        time.sleep(1.0)


def _live(place: Place, deployment: state.Deployment, resource: state.Resource, say: Say) -> str | None:
    kind = str(resource.get("type", ""))
    provider: dict[str, Any] = state.provider_of(deployment, resource).get("inputs") or {}
    if kind.startswith("kubernetes:"):
        return kubernetes.live(place, resource, provider)
    if kind.startswith("aws:"):
        if not aws.covers(kind):
            say(f"{resource['urn'].rpartition('::')[2]} ({kind}) may exist: `{place.prefix} leaks` tells")
        return aws.live(place, resource, provider, known=state.known_ids(deployment, kind), say=say)
    return None


def _can_be_found(resource: state.Resource) -> bool:
    kind = str(resource.get("type", ""))
    return kind in LOOKUPS or kind.startswith("kubernetes:")


def _written(deployment: state.Deployment) -> float:
    """When the engine wrote the state last, in seconds of the epoch; 0 where it does not say."""
    text = str((deployment.get("deployment", {}).get("manifest") or {}).get("time") or "")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0.0
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _look_at(place: Place, env: str, after: state.Deployment, urns: list[str], say: Say) -> None:
    """Have the engine read these resources."""
    if not urns:
        return
    targets = [part for urn in urns for part in ("--target", urn)]
    try:
        place.capture("refresh", "--stack", env, "--yes", "--skip-preview", *targets)
    except BerthError as problem:
        if any(state.unread(one) for one in state.resources(after)):
            raise
        say(f"what a killed command was changing could not be read: {problem.message.splitlines()[0]}")
