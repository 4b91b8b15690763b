"""The volumes that came with an instance: their tags, and how its properties show them."""

from typing import Any

from rehearsal.providers.aws.api import Api
from rehearsal.providers.aws.tagging import tag_list, tag_map
from rehearsal.providers.plugin.model import Values


def volumes(found: dict[str, Any]) -> dict[str, str]:
    """Device to volume id."""
    devices = found.get("BlockDeviceMappings") or ()
    return {one["DeviceName"]: one["Ebs"]["VolumeId"] for one in devices if one.get("Ebs")}


def _wanted_tags(api: Api, found: dict[str, Any], new: Values) -> dict[str, Any]:
    """Tags by volume: `volumeTags`, or the provider's with those of each device."""
    there = volumes(found)
    if new.get("volumeTags"):
        return dict.fromkeys(there.values(), new["volumeTags"])
    devices = {one["deviceName"]: one for one in new.get("ebsBlockDevices") or ()}
    if new.get("rootBlockDevice"):
        devices[str(found.get("RootDeviceName"))] = new["rootBlockDevice"]
    defaults = api.account.settings.default_tags
    return {
        there[name]: {**defaults, **(device.get("tags") or {})}
        for name, device in devices.items()
        if name in there
    }


def tag_volumes(api: Api, found: dict[str, Any], old: Values, new: Values) -> None:
    """Change the volumes' tags from what the inputs before mean to what they mean now."""
    before = _wanted_tags(api, found, old)
    for identity, tags in _wanted_tags(api, found, new).items():
        dropped = [{"Key": key} for key in before.get(identity, {}) if key not in tags]
        if dropped:
            api.call("delete_tags", Resources=[identity], Tags=dropped)
        if tags and tags != before.get(identity):
            api.call("create_tags", Resources=[identity], Tags=tag_list(tags))


def storage(api: Api, found: dict[str, Any], known: Values) -> Values:
    """The root volume; further ones only where they came with the machine, as its inputs say."""
    there = volumes(found)
    root = str(found.get("RootDeviceName"))
    named = {one["deviceName"] for one in known.get("ebsBlockDevices") or ()}
    ends = {
        one["DeviceName"]: bool(one["Ebs"].get("DeleteOnTermination"))
        for one in found.get("BlockDeviceMappings") or ()
        if one.get("Ebs")
    }
    shown: Values = {}
    for device, identity in there.items():
        if device == root or device in named:
            shown[device] = {
                "deviceName": device,
                "deleteOnTermination": ends[device],
                **_shown(api, identity),
            }
    return {
        **({"rootBlockDevice": shown.pop(root)} if root in shown else {}),
        "ebsBlockDevices": [shown[device] for device in sorted(shown)],
    }


def _shown(api: Api, identity: str) -> Values:
    found = api.one("describe_volumes", "Volumes", VolumeIds=[identity]) or {}
    tags = tag_map(found.get("Tags"))
    defaults = api.account.settings.default_tags
    return {
        "encrypted": bool(found.get("Encrypted")),
        "iops": found.get("Iops") or 0,
        "kmsKeyId": found.get("KmsKeyId") or "",
        "tags": {key: value for key, value in tags.items() if defaults.get(key) != value},
        "tagsAll": tags,
        "throughput": found.get("Throughput") or 0,
        "volumeId": identity,
        "volumeSize": found.get("Size") or 0,
        "volumeType": found.get("VolumeType") or "",
    }
