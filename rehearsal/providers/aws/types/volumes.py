"""EBS: volumes, attachments, snapshots, the account's default encryption; images made from machines."""

from typing import Any, Final

from rehearsal.providers.aws.api import Api
from rehearsal.providers.aws.ec2 import finder, where
from rehearsal.providers.aws.shapes import rfc3339
from rehearsal.providers.aws.table import Autoname, Broken, Type
from rehearsal.providers.aws.tagging import EC2, specification, tag_map
from rehearsal.providers.plugin.model import Values

VOLUME_TYPES: Final = ("gp2", "gp3", "io1", "io2", "sc1", "st1", "standard")

# Volume


def _create_volume(api: Api, new: Values) -> str:
    keys = ("availabilityZone", "encrypted", "iops", "kmsKeyId", "multiAttachEnabled", "size", "snapshotId")
    made = api.call(
        "create_volume",
        **api.fill("create_volume", new, *keys, "throughput", renamed={"type": "VolumeType"}),
        TagSpecifications=specification("volume", new),
    )
    return str(made["VolumeId"])


def volume(api: Api, identity: str) -> dict[str, Any] | None:
    """One volume as EC2 describes it."""
    return api.one("describe_volumes", "Volumes", service="ec2", VolumeIds=[identity])


def _volume_ready(api: Api, identity: str, new: Values) -> str | None:
    del new
    state = (volume(api, identity) or {}).get("State", "creating")
    if state == "error":
        raise Broken("the volume could not be made")
    return None if state in {"available", "in-use"} else f"the volume is {state}"


def _modify_volume(api: Api, identity: str, old: Values, new: Values) -> None:
    keys = [key for key in ("iops", "size", "throughput", "type") if new.get(key) != old.get(key)]
    filled = api.fill(
        "modify_volume",
        new,
        *(key for key in keys if key != "type"),
        renamed={"type": "VolumeType"} if "type" in keys else {},
    )
    api.call("modify_volume", VolumeId=identity, **filled)


def _read_volume(api: Api, identity: str, known: Values) -> Values | None:
    del known
    found = volume(api, identity)
    if found is None or found.get("State") == "deleted":
        return None
    return {
        "arn": api.arn(f"volume/{identity}"),
        "availabilityZone": found["AvailabilityZone"],
        "createTime": rfc3339(found["CreateTime"]),
        "encrypted": bool(found.get("Encrypted")),
        "iops": found.get("Iops") or 0,
        "kmsKeyId": found.get("KmsKeyId") or "",
        "multiAttachEnabled": bool(found.get("MultiAttachEnabled")),
        "size": found["Size"],
        "snapshotId": found.get("SnapshotId") or "",
        "tags": tag_map(found.get("Tags")),
        "throughput": found.get("Throughput") or 0,
        "type": found["VolumeType"],
    }


def _delete_volume(api: Api, identity: str, known: Values) -> None:
    if known.get("finalSnapshot"):
        api.call("create_snapshot", VolumeId=identity, TagSpecifications=specification("snapshot", known))
    api.call("delete_volume", VolumeId=identity)


VOLUME = Type(
    "aws:ebs/volume:Volume",
    "ec2",
    create=_create_volume,
    ready=_volume_ready,
    read=_read_volume,
    update=dict.fromkeys(("iops", "size", "throughput", "type"), _modify_volume),
    delete=_delete_volume,
    find=finder(
        "describe_volumes",
        "Volumes",
        "VolumeId",
        lambda new: where(availability_zone=new["availabilityZone"]),
    ),
    replace_on=frozenset({"availabilityZone", "encrypted", "kmsKeyId", "multiAttachEnabled", "snapshotId"}),
    local=frozenset({"finalSnapshot"}),
    computed=frozenset({"encrypted", "iops", "kmsKeyId", "size", "snapshotId", "throughput", "type"}),
    choices={"type": VOLUME_TYPES},
    tags=EC2,
)

# Attachment


def _attach(api: Api, new: Values) -> str:
    api.call(
        "attach_volume", Device=new["deviceName"], InstanceId=new["instanceId"], VolumeId=new["volumeId"]
    )
    return f"{new['deviceName']}:{new['volumeId']}:{new['instanceId']}"


def _attachment(api: Api, identity: str) -> dict[str, Any] | None:
    device, attached, instance = identity.split(":")
    found = volume(api, attached) or {}
    return next(
        (
            one
            for one in found.get("Attachments") or ()
            if (one.get("InstanceId"), one.get("Device")) == (instance, device)
            and one.get("State") != "detached"
        ),
        None,
    )


def _attached(api: Api, identity: str, new: Values) -> str | None:
    del new
    state = (_attachment(api, identity) or {}).get("State", "attaching")
    return None if state == "attached" else f"the volume is {state}"


def _read_attachment(api: Api, identity: str, known: Values) -> Values | None:
    del known
    device, attached, instance = identity.split(":")
    if _attachment(api, identity) is None:
        return None
    return {"deviceName": device, "instanceId": instance, "volumeId": attached}


def _detach(api: Api, identity: str, known: Values) -> None:
    if known.get("skipDestroy") or _attachment(api, identity) is None:
        return
    device, attached, instance = identity.split(":")
    if known.get("stopInstanceBeforeDetaching"):
        api.call("stop_instances", InstanceIds=[instance])
    force = bool(known.get("forceDetach")) or None
    api.call("detach_volume", Device=device, InstanceId=instance, VolumeId=attached, Force=force)


VOLUME_ATTACHMENT = Type(
    "aws:ec2/volumeAttachment:VolumeAttachment",
    "ec2",
    create=_attach,
    ready=_attached,
    read=_read_attachment,
    delete=_detach,
    find=lambda api, new: [
        identity
        for identity in [f"{new['deviceName']}:{new['volumeId']}:{new['instanceId']}"]
        if _attachment(api, identity)
    ],
    replace_on=frozenset({"deviceName", "instanceId", "volumeId"}),
    local=frozenset({"forceDetach", "skipDestroy", "stopInstanceBeforeDetaching"}),
    delete_before_replace=True,
)

# Snapshot


def _create_snapshot(api: Api, new: Values) -> str:
    made = api.call(
        "create_snapshot",
        VolumeId=new["volumeId"],
        Description=new.get("description"),
        TagSpecifications=specification("snapshot", new),
    )
    return str(made["SnapshotId"])


def _snapshot(api: Api, identity: str) -> dict[str, Any] | None:
    return api.one("describe_snapshots", "Snapshots", SnapshotIds=[identity])


def _snapshot_ready(api: Api, identity: str, new: Values) -> str | None:
    del new
    found = _snapshot(api, identity) or {}
    if found.get("State") == "error":
        raise Broken(found.get("StateMessage") or "the snapshot could not be made")
    return None if found.get("State") == "completed" else f"the snapshot is at {found.get('Progress', '0%')}"


def _read_snapshot(api: Api, identity: str, known: Values) -> Values | None:
    del known
    found = _snapshot(api, identity)
    if found is None:
        return None
    return {
        "arn": f"arn:{api.account.partition}:ec2:{api.region}::snapshot/{identity}",
        "dataEncryptionKeyId": found.get("DataEncryptionKeyId") or "",
        "description": found.get("Description") or "",
        "encrypted": bool(found.get("Encrypted")),
        "kmsKeyId": found.get("KmsKeyId") or "",
        "ownerAlias": found.get("OwnerAlias") or "",
        "ownerId": found.get("OwnerId") or api.account.id,
        "storageTier": found.get("StorageTier") or "standard",
        "tags": tag_map(found.get("Tags")),
        "volumeId": found["VolumeId"],
        "volumeSize": found.get("VolumeSize") or 0,
    }


SNAPSHOT = Type(
    "aws:ebs/snapshot:Snapshot",
    "ec2",
    create=_create_snapshot,
    ready=_snapshot_ready,
    read=_read_snapshot,
    delete=lambda api, identity, _: api.call("delete_snapshot", SnapshotId=identity),
    find=finder(
        "describe_snapshots", "Snapshots", "SnapshotId", lambda new: where(volume_id=new["volumeId"])
    ),
    replace_on=frozenset({"description", "volumeId"}),
    tags=EC2,
    create_seconds=1800,
)

# Encryption by default: a setting of the account in a region


def _set_default_encryption(api: Api, identity: str, old: Values, new: Values) -> None:
    del identity, old
    on = new.get("enabled", True)
    api.call("enable_ebs_encryption_by_default" if on else "disable_ebs_encryption_by_default")


def _create_default_encryption(api: Api, new: Values) -> str:
    _set_default_encryption(api, "", {}, new)
    return api.region


ENCRYPTION_BY_DEFAULT = Type(
    "aws:ebs/encryptionByDefault:EncryptionByDefault",
    "ec2",
    create=_create_default_encryption,
    read=lambda api, _id, _known: {
        "enabled": bool(api.call("get_ebs_encryption_by_default")["EbsEncryptionByDefault"])
    },
    update={"enabled": _set_default_encryption},
    delete=lambda api, _id, _known: api.call("disable_ebs_encryption_by_default"),
    lasting=True,
    defaults={"enabled": True},
)

# Image of a machine


def _create_image(api: Api, new: Values) -> str:
    made = api.call(
        "create_image",
        InstanceId=new["sourceInstanceId"],
        Name=new["name"],
        Description=new.get("description"),
        NoReboot=bool(new.get("snapshotWithoutReboot")),
        TagSpecifications=[one for kind in ("image", "snapshot") for one in specification(kind, new) or ()]
        or None,
    )
    return str(made["ImageId"])


def _image(api: Api, image: str) -> dict[str, Any] | None:
    return api.one("describe_images", "Images", ImageIds=[image])


def _image_ready(api: Api, image: str, new: Values) -> str | None:
    del new
    found = _image(api, image) or {}
    state = found.get("State", "pending")
    if state in {"failed", "error", "invalid", "deregistered"}:
        raise Broken((found.get("StateReason") or {}).get("Message") or f"the image is {state}")
    return None if state == "available" else f"the image is {state}"


def _read_image(api: Api, image: str, known: Values) -> Values | None:
    found = _image(api, image)
    if found is None or found.get("State") == "deregistered":
        return None
    source = found.get("SourceInstanceId") or known.get("sourceInstanceId")
    return {
        **({"sourceInstanceId": source} if source else {}),
        "architecture": found.get("Architecture", ""),
        "arn": f"arn:{api.account.partition}:ec2:{api.region}::image/{image}",
        "description": found.get("Description") or "",
        "enaSupport": bool(found.get("EnaSupport")),
        "hypervisor": found.get("Hypervisor", ""),
        "imageLocation": found.get("ImageLocation") or "",
        "imageType": found.get("ImageType", "machine"),
        "manageEbsSnapshots": True,
        "name": found["Name"],
        "ownerId": found.get("OwnerId", ""),
        "platformDetails": found.get("PlatformDetails") or "Linux/UNIX",
        "public": bool(found.get("Public")),
        "rootDeviceName": found.get("RootDeviceName") or "",
        "rootSnapshotId": next(iter(_snapshots(found)), ""),
        "tags": tag_map(found.get("Tags")),
        "virtualizationType": found.get("VirtualizationType", ""),
    }


def _snapshots(image: dict[str, Any]) -> list[str]:
    devices = image.get("BlockDeviceMappings") or ()
    ids = [(one.get("Ebs") or {}).get("SnapshotId") for one in devices]
    return [str(one) for one in ids if one]


def _describe_image(api: Api, image: str, old: Values, new: Values) -> None:
    del old
    api.call("modify_image_attribute", ImageId=image, Description={"Value": new.get("description") or ""})


def _deregister(api: Api, image: str, known: Values) -> None:
    """The image and the snapshots that only it needs."""
    del known
    found = _image(api, image)
    snapshots = _snapshots(found or {})
    if found:
        api.call("deregister_image", ImageId=image)
    for snapshot in snapshots:
        if _snapshot(api, snapshot) is not None:
            api.call("delete_snapshot", SnapshotId=snapshot)


AMI_FROM_INSTANCE = Type(
    "aws:ec2/amiFromInstance:AmiFromInstance",
    "ec2",
    create=_create_image,
    ready=_image_ready,
    read=_read_image,
    update={"description": _describe_image},
    delete=_deregister,
    find=lambda api, new: [
        one["ImageId"]
        for one in api.all("describe_images", "Images", Owners=["self"], Filters=where(name=new["name"]))
    ],
    replace_on=frozenset({"name", "snapshotWithoutReboot", "sourceInstanceId"}),
    autoname=Autoname(prefix="", longest=128),
    tags=EC2,
    gone=frozenset({"InvalidAMIID.Unavailable"}),
    create_seconds=2400,
)

TYPES = [VOLUME, VOLUME_ATTACHMENT, SNAPSHOT, ENCRYPTION_BY_DEFAULT, AMI_FROM_INSTANCE]
