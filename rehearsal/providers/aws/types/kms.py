"""Keys and their aliases.

https://docs.aws.amazon.com/kms/latest/APIReference/API_Operations.html
"""

from typing import Final

from rehearsal.providers.aws.api import Api
from rehearsal.providers.aws.documents import kept, same_json, texts
from rehearsal.providers.aws.table import Autoname, Tagging, Type
from rehearsal.providers.plugin.model import Failure, Values

_PREFIX: Final = "alias/"


def _tags(pairs: dict[str, str] | None) -> list[dict[str, str]]:
    return [{"TagKey": key, "TagValue": value} for key, value in (pairs or {}).items()]


# Key


def _create_key(api: Api, new: Values) -> str:
    made = api.call(
        "create_key",
        Tags=_tags(new.get("tags")) or None,
        BypassPolicyLockoutSafetyCheck=new.get("bypassPolicyLockoutSafetyCheck") or None,
        **api.fill(
            "create_key",
            new,
            "customKeyStoreId",
            "description",
            "keyUsage",
            "multiRegion",
            "policy",
            "xksKeyId",
            renamed={"customerMasterKeySpec": "KeySpec"},
        ),
    )
    return str(made["KeyMetadata"]["KeyId"])


def _set_up_key(api: Api, key: str, old: Values, new: Values) -> None:
    if new.get("enableKeyRotation"):
        _set_rotation(api, key, old, new)
    if new.get("isEnabled") is False:
        _set_enabled(api, key, old, new)


def _set_rotation(api: Api, key: str, old: Values, new: Values) -> None:
    del old
    if new.get("enableKeyRotation"):
        days = new.get("rotationPeriodInDays") or None
        api.call("enable_key_rotation", KeyId=key, RotationPeriodInDays=days)
    else:
        api.call("disable_key_rotation", KeyId=key)


def _set_enabled(api: Api, key: str, old: Values, new: Values) -> None:
    del old
    api.call("disable_key" if new.get("isEnabled") is False else "enable_key", KeyId=key)


def _set_description(api: Api, key: str, old: Values, new: Values) -> None:
    del old
    api.call("update_key_description", KeyId=key, Description=new.get("description", ""))


def _set_policy(api: Api, key: str, old: Values, new: Values) -> None:
    del old
    if new.get("policy"):
        api.call("put_key_policy", KeyId=key, PolicyName="default", Policy=new["policy"])


def _key_tags(api: Api, key: str) -> dict[str, str]:
    tags = api.all("list_resource_tags", "Tags", KeyId=key)
    return {tag["TagKey"]: tag["TagValue"] for tag in tags}


def _read_key(api: Api, key: str, known: Values) -> Values | None:
    """A key that waits for its end is gone, as pulumi-aws sees it."""
    found = api.call("describe_key", KeyId=key)["KeyMetadata"]
    if found["KeyState"] in ("PendingDeletion", "PendingReplicaDeletion"):
        return None
    policy = api.call("get_key_policy", KeyId=key, PolicyName="default")["Policy"]
    rotation = api.call("get_key_rotation_status", KeyId=key)
    return {
        "arn": found["Arn"],
        "customKeyStoreId": found.get("CustomKeyStoreId", ""),
        "customerMasterKeySpec": found.get("KeySpec", "SYMMETRIC_DEFAULT"),
        "description": found.get("Description", ""),
        "enableKeyRotation": bool(rotation["KeyRotationEnabled"]),
        "isEnabled": bool(found["Enabled"]),
        "keyId": found["KeyId"],
        "keyUsage": found["KeyUsage"],
        "multiRegion": bool(found.get("MultiRegion")),
        "policy": kept(known.get("policy"), policy),
        "rotationPeriodInDays": rotation.get("RotationPeriodInDays", 0),
        "tags": _key_tags(api, key),
    }


def _find_key(api: Api, new: Values) -> list[str]:
    """Keys have no names: those in force with the same description and tags."""
    found = []
    for item in api.all("list_keys", "Keys"):
        live = api.call("describe_key", KeyId=item["KeyId"])["KeyMetadata"]
        ours = live["KeyManager"] == "CUSTOMER" and live["KeyState"] == "Enabled"
        alike = live.get("Description", "") == new.get("description", "")
        if ours and alike and _key_tags(api, item["KeyId"]) == (new.get("tags") or {}):
            found.append(item["KeyId"])
    return found


def _delete_key(api: Api, key: str, known: Values) -> None:
    days = known.get("deletionWindowInDays")
    api.call("schedule_key_deletion", KeyId=key, PendingWindowInDays=days)


def _write_tags(api: Api, key: str, known: Values, tags: dict[str, str]) -> None:
    del known
    api.call("tag_resource", KeyId=key, Tags=_tags(tags))


def _remove_tags(api: Api, key: str, known: Values, keys: list[str]) -> None:
    del known
    api.call("untag_resource", KeyId=key, TagKeys=keys)


KEY: Final = Type(
    "aws:kms/key:Key",
    "kms",
    create=_create_key,
    after=_set_up_key,
    read=_read_key,
    delete=_delete_key,
    find=_find_key,
    update={
        "description": _set_description,
        "enableKeyRotation": _set_rotation,
        "isEnabled": _set_enabled,
        "policy": _set_policy,
        "rotationPeriodInDays": _set_rotation,
    },
    replace_on=frozenset(
        {"customKeyStoreId", "customerMasterKeySpec", "keyUsage", "multiRegion", "xksKeyId"}
    ),
    local=frozenset({"bypassPolicyLockoutSafetyCheck", "deletionWindowInDays"}),
    tags=Tagging(write=_write_tags, remove=_remove_tags),
    defaults={
        "bypassPolicyLockoutSafetyCheck": False,
        "customerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "enableKeyRotation": False,
        "isEnabled": True,
        "keyUsage": "ENCRYPT_DECRYPT",
    },
    computed=frozenset({"description", "multiRegion", "policy", "rotationPeriodInDays"}),
    same={"policy": same_json},
    normalise=texts("policy"),
)

# Alias


def _create_alias(api: Api, new: Values) -> str:
    api.call("create_alias", AliasName=new["name"], TargetKeyId=new["targetKeyId"])
    return str(new["name"])


def _alias(api: Api, name: str) -> Values | None:
    return next((item for item in api.all("list_aliases", "Aliases") if item["AliasName"] == name), None)


def _read_alias(api: Api, name: str, known: Values) -> Values | None:
    found = _alias(api, name)
    if found is None:
        return None
    key = found["TargetKeyId"]
    arn = api.arn(f"key/{key}")
    asked = known.get("targetKeyId")
    return {
        "arn": found["AliasArn"],
        "name": name,
        "targetKeyArn": arn,
        "targetKeyId": asked if asked == arn else key,
    }


def _point(api: Api, name: str, old: Values, new: Values) -> None:
    del old
    api.call("update_alias", AliasName=name, TargetKeyId=new["targetKeyId"])


def _check_alias(values: Values) -> list[Failure]:
    name = values.get("name")
    if isinstance(name, str) and not name.startswith(_PREFIX):
        return [Failure("name", f"must begin with {_PREFIX!r}, as in {_PREFIX}{name}")]
    return []


ALIAS: Final = Type(
    "aws:kms/alias:Alias",
    "kms",
    create=_create_alias,
    read=_read_alias,
    delete=lambda api, name, _: api.call("delete_alias", AliasName=name),
    find=lambda api, new: [new["name"]] if _alias(api, new["name"]) else [],
    update={"targetKeyId": _point},
    replace_on=frozenset({"name", "namePrefix"}),
    check=_check_alias,
    autoname=Autoname(longest=256),
)

TYPES = [KEY, ALIAS]
