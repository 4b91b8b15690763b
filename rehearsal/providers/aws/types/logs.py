"""Log groups.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_Operations.html
"""

from typing import Final

from rehearsal.providers.aws.api import Api
from rehearsal.providers.aws.table import Autoname, Tagging, Type
from rehearsal.providers.plugin.model import Failure, Values

_RETENTIONS: Final = frozenset(
    {0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545}
    | {731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
)  # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html


def _create(api: Api, new: Values) -> str:
    api.call(
        "create_log_group",
        logGroupName=new["name"],
        kmsKeyId=new.get("kmsKeyId"),
        logGroupClass=new.get("logGroupClass"),
        deletionProtectionEnabled=new.get("deletionProtectionEnabled") or None,
        tags=new.get("tags") or None,
    )
    return str(new["name"])


def _set_retention(api: Api, name: str, old: Values, new: Values) -> None:
    """0 keeps events for good."""
    del old
    if days := new.get("retentionInDays"):
        api.call("put_retention_policy", logGroupName=name, retentionInDays=days)
    else:
        api.call("delete_retention_policy", logGroupName=name)


def _first_retention(api: Api, name: str, old: Values, new: Values) -> None:
    if new.get("retentionInDays"):
        _set_retention(api, name, old, new)


def _set_key(api: Api, name: str, old: Values, new: Values) -> None:
    del old
    if key := new.get("kmsKeyId"):
        api.call("associate_kms_key", logGroupName=name, kmsKeyId=key)
    else:
        api.call("disassociate_kms_key", logGroupName=name)


def _described(api: Api, name: str) -> Values | None:
    groups = api.all("describe_log_groups", "logGroups", logGroupNamePrefix=name)
    return next((group for group in groups if group["logGroupName"] == name), None)


def _read(api: Api, name: str, known: Values) -> Values | None:
    del known
    found = _described(api, name)
    if found is None:
        return None
    arn = found["arn"].removesuffix(":*")
    return {
        "arn": arn,
        "kmsKeyId": found.get("kmsKeyId", ""),
        "logGroupClass": found.get("logGroupClass", "STANDARD"),
        "name": name,
        "retentionInDays": found.get("retentionInDays", 0),
        "tags": api.call("list_tags_for_resource", resourceArn=arn)["tags"],
    }


def _find(api: Api, new: Values) -> list[str]:
    return [new["name"]] if _described(api, new["name"]) else []


def _write_tags(api: Api, name: str, known: Values, tags: dict[str, str]) -> None:
    del name
    api.call("tag_resource", resourceArn=known["arn"], tags=tags)


def _remove_tags(api: Api, name: str, known: Values, keys: list[str]) -> None:
    del name
    api.call("untag_resource", resourceArn=known["arn"], tagKeys=keys)


TYPES = [
    Type(
        "aws:cloudwatch/logGroup:LogGroup",
        "logs",
        create=_create,
        after=_first_retention,
        read=_read,
        delete=lambda api, name, _: api.call("delete_log_group", logGroupName=name),
        find=_find,
        update={"kmsKeyId": _set_key, "retentionInDays": _set_retention},
        replace_on=frozenset({"deletionProtectionEnabled", "logGroupClass", "name", "namePrefix"}),
        tags=Tagging(write=_write_tags, remove=_remove_tags),
        autoname=Autoname(longest=512),
        defaults={"retentionInDays": 0},
        computed=frozenset({"logGroupClass"}),
        choices={"logGroupClass": ("STANDARD", "INFREQUENT_ACCESS", "DELIVERY")},
        check=lambda values: (
            [Failure("retentionInDays", f"expected one of {sorted(_RETENTIONS)}")]
            if isinstance(values.get("retentionInDays"), int) and values["retentionInDays"] not in _RETENTIONS
            else []
        ),
    )
]
