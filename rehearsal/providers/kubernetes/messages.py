"""Refusals in the words that users of the original know, with what to do about them."""

from rehearsal.errors import BerthError
from rehearsal.providers.kubernetes.apierrors import ApiError, UnknownKindError, UnreachableError
from rehearsal.providers.kubernetes.objects import object_id
from rehearsal.providers.plugin.model import Call, Values


def refused_create(call: Call, obj: Values, error: ApiError | UnknownKindError) -> BerthError:
    """A create that the API server did not accept."""
    message = (
        f'resource "{call.urn}" was not successfully created by the Kubernetes API server: {reason(error)}'
    )
    hint = error.hint
    if isinstance(error, ApiError) and error.already_exists:
        hint = (
            f'{obj["kind"]} "{object_id(obj)}" exists already and is left alone. Adopt it with the resource '
            f'option import_="{object_id(obj)}", patch it with a {obj["kind"]}Patch resource, or delete it.'
        )
    return BerthError(message, hint)


def refused_update(call: Call, identity: str, error: ApiError) -> BerthError:
    """An update that the API server did not accept."""
    hint = ""
    if error.conflict:
        hint = (
            "Another field manager owns these fields. Leave them out of the program or name them in "
            'ignore_changes; or take them over with the annotation pulumi.com/patchForce: "true".'
        )
    return BerthError(
        f'the Kubernetes API server refused to update "{identity}" ({call.urn}): {reason(error)}', hint
    )


def without_cluster(error: UnreachableError) -> BerthError:
    """An object that is in state while its cluster does not answer."""
    return BerthError(
        error.message,
        "If the cluster is gone for good, set PULUMI_K8S_DELETE_UNREACHABLE=true and run again: its objects "
        "are then taken as deleted.",
    )


def reason(error: ApiError | UnknownKindError) -> str:
    """The server's message; every refused field on a line of its own where there are several."""
    if isinstance(error, ApiError) and len(error.causes) > 1:
        head = error.message.partition(": ")[0]
        return head + "".join(f"\n  - {field}: {why}" for field, why in error.causes)
    return error.message
