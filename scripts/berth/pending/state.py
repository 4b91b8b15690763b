"""What a killed engine left in a stack's state, and the state that follows from what the cloud has. Pure.

Before each step the engine writes into the state what it is about to do, and takes the note away after it:
what is noted as pending may have happened or not.
https://github.com/pulumi/pulumi/blob/master/pkg/backend/snapshot.go
"""

import copy
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

Deployment = dict[str, Any]
Resource = dict[str, Any]
ADOPTED = "the engine was killed while it was being created"
"""The initialisation error of what joined the state: has the next update complete it."""


def operations(deployment: Deployment) -> list[dict[str, Any]]:
    """The operations that were under way when the engine was killed; of `pulumi stack export`."""
    found = deployment.get("deployment", {}).get("pending_operations") or []
    return [operation for operation in found if isinstance(operation, dict)]


def resources(deployment: Deployment) -> list[Resource]:
    """What the state consists of."""
    found = deployment.get("deployment", {}).get("resources") or []
    return [resource for resource in found if isinstance(resource, dict)]


def creating(deployment: Deployment) -> list[Resource]:
    """What was being created and is not in the state; components and providers are not asked for."""
    found = [
        operation.get("resource") or {}
        for operation in operations(deployment)
        if operation.get("type") == "creating"
    ]
    return [
        resource
        for resource in found
        if resource.get("custom", True)
        and not str(resource.get("type", "")).startswith(("berth:", "pulumi:"))
    ]


def known_ids(deployment: Deployment, kind: str) -> set[str]:
    """Ids in the state of a type; but for what was deleted to be replaced, which may come again as it was."""
    return {
        str(one["id"])
        for one in resources(deployment)
        if one.get("type") == kind and one.get("id") and not one.get("pendingReplacement")
    }


def provider_of(deployment: Deployment, resource: Resource) -> Resource:
    """The provider resource that a resource is made by; empty where it is not known."""
    urn, _, identity = str(resource.get("provider", "")).rpartition("::")
    return next(
        (one for one in resources(deployment) if one.get("urn") == urn and one.get("id") == identity), {}
    )


def resolved(deployment: Deployment, found: Mapping[str, str]) -> Deployment:
    """A deployment without pending operations, to be given to `pulumi stack import`.

    What was being created and exists joins the stack, so that it is updated or deleted with it; what it was
    to replace is left to be deleted. Everything else stays as the state last had it.

    found: URN to id of what was being created and exists.
    """
    result = copy.deepcopy(deployment)
    inner = result.setdefault("deployment", {})
    kept: list[Resource] = list(inner.get("resources") or [])
    known = {(one.get("urn"), one.get("id")) for one in kept if not one.get("pendingReplacement")}
    for pending in creating(deployment):
        urn = str(pending.get("urn"))
        identity = found.get(urn)
        if identity is None or (urn, identity) in known:
            continue
        known.add((urn, identity))
        # One that was deleted first, to be replaced, is gone already.
        kept = [one for one in kept if one.get("urn") != urn or not one.get("pendingReplacement")]
        for old in kept:
            if old.get("urn") == urn:
                old["delete"] = True
        kept.append(_joining(pending, identity))
    inner["resources"] = ordered(kept)
    inner["pending_operations"] = []
    return result


def _joining(pending: Resource, identity: str) -> Resource:
    resource = copy.deepcopy(pending)
    resource.setdefault("custom", True)
    resource["id"] = identity
    resource["outputs"] = resource.get("outputs") or resource.get("inputs") or {}
    resource["initErrors"] = [ADOPTED]
    return resource


def to_look_at(before: Deployment, after: Deployment, again: Collection[str] = ()) -> list[str]:
    """URNs of which the state does not know what they are like: half updated, half deleted, just joined.

    again: types of which the state keeps what it had, so that the whole update is done again.
    """
    half = set()
    for operation in operations(before):
        resource = operation.get("resource") or {}
        updating = operation.get("type") == "updating" and resource.get("type") not in again
        if updating or operation.get("type") == "deleting":
            half.add(str(resource.get("urn")))
    return [
        str(one["urn"])
        for one in resources(after)
        if not one.get("delete") and one.get("custom") and (one["urn"] in half or unread(one))
    ]


def unread(resource: Resource) -> bool:
    """Whether it joined the state and nobody has read its outputs yet.

    What an update of a Kubernetes object sends is enough to have its outputs, and waits until it is ready.
    """
    joined = ADOPTED in (resource.get("initErrors") or [])
    return joined and not str(resource.get("type", "")).startswith("kubernetes:")


def ordered(found: Iterable[Resource]) -> list[Resource]:
    """The resources, each after what it depends on, as the engine wants them; else in the same order."""
    everything = list(found)
    alive = {str(one.get("urn")): one for one in everything if not one.get("delete")}
    done: set[int] = set()
    result: list[Resource] = []

    def add(resource: Resource) -> None:
        if id(resource) in done:
            return
        done.add(id(resource))
        for urn in _needs(resource):
            if urn in alive:
                add(alive[urn])
        result.append(resource)

    for resource in everything:
        add(resource)
    return result


def _needs(resource: Resource) -> Iterator[str]:
    """URNs that have to come before it; of what is to be deleted, what is to take its place."""
    if resource.get("delete"):
        yield str(resource.get("urn"))
    if resource.get("parent"):
        yield str(resource["parent"])
    if resource.get("provider"):
        yield str(resource["provider"]).rpartition("::")[0]
    yield from resource.get("dependencies") or ()
    for urns in (resource.get("propertyDependencies") or {}).values():
        yield from urns or ()
    if resource.get("deletedWith"):
        yield str(resource["deletedWith"])
    yield from resource.get("replaceWith") or ()
