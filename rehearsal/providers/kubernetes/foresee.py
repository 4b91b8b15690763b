"""Previews: what a create or an update would make of an object, by the API server's dry run."""

from typing import Any

from rehearsal.providers.kubernetes import merge
from rehearsal.providers.kubernetes.apierrors import ApiError, UnknownKindError
from rehearsal.providers.kubernetes.client import Client
from rehearsal.providers.kubernetes.objects import annotation, with_metadata
from rehearsal.providers.plugin.model import Values
from rehearsal.providers.plugin.values import UNKNOWN, has_unknown, reveal

PATCH_FORCE = "pulumi.com/patchForce"
_ALLOCATED = ("clusterIP", "clusterIPs")


def creation(client: Client, inputs: Values) -> Values | None:
    """The object that a create would make; None where that cannot be known before.

    Raises ApiError when the server refuses the object for a reason that is certain to last.
    """
    if has_unknown(inputs):
        return None
    plain = reveal(inputs)
    try:
        live = client.create(plain, field_manager=merge.CREATOR, dry_run=True)
    except UnknownKindError:
        return None  # a CustomResourceDefinition of this program brings it
    except ApiError as error:
        if _may_pass(error):
            return None
        raise
    live.pop("status", None)
    live["metadata"].pop("resourceVersion", None)
    if plain["kind"] == "Service" and plain["apiVersion"] == "v1":
        given = plain.get("spec") or {}
        spec = live.get("spec") or {}
        for key in _ALLOCATED:  # the dry run's addresses are not those that the create will get
            if key in spec and key not in given and given.get("type") != "ExternalName":
                spec[key] = UNKNOWN
    return live


def _may_pass(error: ApiError) -> bool:
    """Whether the actual create may well succeed although its dry run did not."""
    message = error.message.lower()
    return (
        error.not_found  # the namespace is made in the same update
        or error.already_exists  # a replacement: the old object goes first
        or error.transient
        or "does not support dry run" in message
        or "exceeded quota" in message  # a replaced object gives its share back
        or "being terminated" in message
        or "failed calling webhook" in message
    )


def update(client: Client, old_inputs: Values, inputs: Values, manager: str, *, options: "Options") -> Values:
    """The object that an update would make. Raises ApiError when the server refuses it."""
    old, new = reveal(old_inputs), reveal(inputs)
    try:
        live = client.get_object(new)
    except ApiError as error:
        if not error.not_found:
            raise
        return creation(client, inputs) or new  # someone deleted it; the update makes it anew
    if options.server_side_apply and merge.has_adopted(live, manager):
        return client.apply(new, field_manager=manager, force=options.force(new), dry_run=True)
    # The POST's fields are not the manager's yet, and a preview must not make them so.
    merged = merge.three_way(old, new, live)
    return client.replace(merged, field_manager=manager, dry_run=True)


class Options:
    """How updates are written."""

    def __init__(self, *, server_side_apply: bool, patch_force: bool) -> None:
        self.server_side_apply = server_side_apply
        self._patch_force = patch_force

    def force(self, obj: Values) -> bool:
        """Whether to take fields from other managers instead of reporting a conflict."""
        return self._patch_force or annotation(obj, PATCH_FORCE).lower() == "true"


def overlay(live: Any, inputs: Any) -> Any:
    """A live object with inputs laid over it; the guess where the server cannot be asked."""
    if isinstance(live, dict) and isinstance(inputs, dict):
        return {**live, **{key: overlay(live.get(key), value) for key, value in inputs.items()}}
    return inputs


def with_live_name(inputs: Values, name: str) -> Values:
    """Inputs whose name the server generated."""
    return with_metadata(inputs, name=name) if name else inputs
