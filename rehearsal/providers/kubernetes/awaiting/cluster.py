"""When volumes, API extensions and bookkeeping objects are ready. Pure functions over plain objects."""

from rehearsal.providers.kubernetes.awaiting.objects import (
    annotations,
    condition,
    full_name,
    is_true,
    metadata,
    observed,
    spec,
    status,
)
from rehearsal.providers.kubernetes.awaiting.outcome import READY, Situation, Verdict, failed, pending

DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


def volume_claim(situation: Situation) -> Verdict:
    """It is bound; one whose class binds it to its first Pod is not waited for."""
    obj = situation.obj
    phase = status(obj).get("phase")
    if phase == "Bound":
        return READY
    where = f'PersistentVolumeClaim "{full_name(obj)}"'
    if phase == "Lost":
        return failed(f"{where} has lost its volume {spec(obj).get('volumeName', '')!r}")
    if not spec(obj).get("volumeName") and _binds_late(situation):
        return READY
    return pending(f"Waiting for {where} to be bound")


def _binds_late(situation: Situation) -> bool:
    name = spec(situation.obj).get("storageClassName")
    if "StorageClass" in situation.unknown:
        return any(event.get("reason") == "WaitForFirstConsumer" for event in situation.of("Event"))
    return any(
        one.get("volumeBindingMode") == "WaitForFirstConsumer"
        for one in situation.of("StorageClass")
        if (
            annotations(one).get(DEFAULT_CLASS) == "true"
            if name is None
            else metadata(one).get("name") == name
        )
    )


def volume(situation: Situation) -> Verdict:
    """It can be claimed, or is."""
    phase = status(situation.obj).get("phase")
    if phase == "Failed":
        return failed(str(status(situation.obj).get("message") or "its reclamation failed"))
    return READY if phase in {"Available", "Bound"} else pending("Waiting for the volume to be available")


def custom_resource_definition(situation: Situation) -> Verdict:
    """The API server serves it."""
    names = condition(situation.obj, "NamesAccepted")
    if names.get("status") == "False":
        return failed(f"its names are refused: {names.get('message') or names.get('reason')}")
    if is_true(situation.obj, "Established"):
        return READY
    return pending("Waiting for the CustomResourceDefinition to be established")


def api_service(situation: Situation) -> Verdict:
    """The API server reaches the server behind it."""
    available = condition(situation.obj, "Available")
    if available.get("status") == "True":
        return READY
    why = f" ({available['message']})" if available.get("message") else ""
    return pending(f"Waiting for the APIService to be available{why}")


def resource_quota(situation: Situation) -> Verdict:
    """The limits are in force."""
    if (status(situation.obj).get("hard") or {}) == (spec(situation.obj).get("hard") or {}):
        return READY
    return pending("Waiting for the ResourceQuota to be in force")


def secret(situation: Situation) -> Verdict:
    """A service account's token has been issued; every other Secret is ready at once."""
    obj = situation.obj
    if obj.get("type") == "kubernetes.io/service-account-token" and not (obj.get("data") or {}).get("token"):
        return pending("Waiting for the token to be issued")
    return READY


def any_kind(situation: Situation) -> Verdict:
    """What the conventions for status conditions say of a kind without a rule of its own.

    https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md
    """
    obj = situation.obj
    if status(obj).get("observedGeneration") is not None and not observed(obj):
        return pending("Waiting for the controller to see the object")
    if is_true(obj, "Stalled"):
        return failed(
            str(condition(obj, "Stalled").get("message") or "its controller reports that it stalled")
        )
    if is_true(obj, "Reconciling") or condition(obj, "Ready").get("status") in {"False", "Unknown"}:
        why = condition(obj, "Ready").get("message") or condition(obj, "Reconciling").get("message")
        return pending("Waiting for the object to be ready" + (f" ({why})" if why else ""))
    return READY
