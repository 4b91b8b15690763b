"""Whether a role's policies allow what its session calls.

The emulated account refuses no call for its lack of permission; it keeps a list of those that AWS would
have refused, so that a rehearsal can tell that a role is too narrow.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from rehearsal.clouds.aws.adjustments import holds
from rehearsal.clouds.aws.calls import Call
from rehearsal.clouds.aws.emulator import backends
from rehearsal.clouds.aws.keys import INTERNAL
from rehearsal.clouds.aws.store import table

# Operations of S3 whose permission has another name:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
_S3 = {
    "HeadObject": "GetObject",
    "HeadBucket": "ListBucket",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "DeleteObjects": "DeleteObject",
    "CopyObject": "PutObject",
}
_SERVICES = {
    "service-quotas": "servicequotas",
    "elbv2": "elasticloadbalancing",
    "elb": "elasticloadbalancing",
}
_WITHOUT_PERMISSION = ("sts:GetCallerIdentity",)


def note(call: Call) -> None:
    """Remember a call that the role behind it has no permission for."""
    if not call.access_key or call.environ.get(INTERNAL):
        return
    with backends() as backend:
        session = backend("sts", call.region).get_assumed_role_from_access_key(call.access_key)
        if session is None:
            return
        role = session.role_arn.rpartition("/")[2]
        if refused(call, _documents(backend("iam"), role)):
            row = {"role": role, "action": action(call), "resource": resource(call)}
            table("denials").setdefault(f"{role} {row['action']} {row['resource']}", row)


def denials() -> list[dict[str, Any]]:
    """The calls remembered, each once, in the order of their first time."""
    return list(table("denials").values())


def _documents(iam: Any, role: str) -> list[dict[str, Any]]:
    """The policy documents of a role: its own, and those attached to it."""
    known = next((one for one in iam.roles.values() if one.name == role), None)
    if known is None:
        return []
    texts = [*known.policies.values(), *(policy.document for policy in known.managed_policies.values())]
    return [json.loads(text) for text in texts]


def refused(call: Call, documents: Iterable[Mapping[str, Any]]) -> bool:
    """Whether policies do not allow a call; documents are those of the role."""
    wanted, on = action(call), resource(call)
    if wanted in _WITHOUT_PERMISSION:
        return False
    effects = {
        statement["Effect"]
        for document in documents
        for statement in _listed(document["Statement"])
        if _concerns(statement, wanted, on)
    }
    return "Allow" not in effects or "Deny" in effects


def action(call: Call) -> str:
    """The permission that a call needs."""
    name = _S3.get(call.operation, call.operation) if call.service == "s3" else call.operation
    return f"{_SERVICES.get(call.service, call.service)}:{name}"


def resource(call: Call) -> str | None:
    """The ARN that a call is about; None where it is not worked out, and any resource will do."""
    if call.service == "s3" and call.path_params.get("Bucket"):
        key = call.path_params.get("Key")
        return f"arn:aws:s3:::{call.path_params['Bucket']}" + (f"/{key}" if key else "")
    return None


def _concerns(statement: Mapping[str, Any], wanted: str, on: str | None) -> bool:
    if "Action" not in statement or "Resource" not in statement:
        return False
    named = any(fnmatchcase(wanted.lower(), str(one).lower()) for one in _listed(statement["Action"]))
    there = on is None or any(fnmatchcase(on, str(one)) for one in _listed(statement["Resource"]))
    # A condition that is not understood is taken in the role's favour.
    return named and there and (statement["Effect"] == "Allow" or holds(statement.get("Condition") or {}))


def _listed(value: Any) -> Iterator[Any]:
    yield from value if isinstance(value, list) else [value]
