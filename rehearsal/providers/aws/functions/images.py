"""`getAmi`: a machine image by owner, filters and name pattern."""

import re
from typing import Final

from rehearsal.errors import BerthError
from rehearsal.providers.aws.functions.request import Request, Values, given, rename, tags_of, text

_TEXTS: Final = {
    "architecture": "Architecture",
    "bootMode": "BootMode",
    "creationDate": "CreationDate",
    "deprecationTime": "DeprecationTime",
    "description": "Description",
    "hypervisor": "Hypervisor",
    "imageId": "ImageId",
    "imageLocation": "ImageLocation",
    "imageOwnerAlias": "ImageOwnerAlias",
    "imageType": "ImageType",
    "imdsSupport": "ImdsSupport",
    "kernelId": "KernelId",
    "lastLaunchedTime": "LastLaunchedTime",
    "name": "Name",
    "ownerId": "OwnerId",
    "platform": "Platform",
    "platformDetails": "PlatformDetails",
    "ramdiskId": "RamdiskId",
    "rootDeviceName": "RootDeviceName",
    "rootDeviceType": "RootDeviceType",
    "sriovNetSupport": "SriovNetSupport",
    "state": "State",
    "tpmSupport": "TpmSupport",
    "usageOperation": "UsageOperation",
    "virtualizationType": "VirtualizationType",
}
_FLAGS: Final = {"enaSupport": "EnaSupport", "public": "Public"}
_EBS: Final = {  # name → attribute, and what an absent one is
    "delete_on_termination": ("DeleteOnTermination", False),
    "encrypted": ("Encrypted", False),
    "iops": ("Iops", 0),
    "snapshot_id": ("SnapshotId", ""),
    "throughput": ("Throughput", 0),
    "volume_size": ("VolumeSize", 0),
    "volume_type": ("VolumeType", ""),
}


def ami(request: Request) -> Values:
    """The only image that matches, or with `mostRecent` the newest.

    `mostRecent` without an owner or image id is refused, as pulumi-aws refuses it: anybody could publish a
    newer image of the same name.
    """
    filters = request.own_filters()  # `tags` select nothing here
    most_recent = bool(request.get("mostRecent"))
    bound = request.get("owners") or any(item["Name"] in ("image-id", "owner-id") for item in filters)
    if most_recent and not bound and not request.get("allowUnsafeFilter"):
        raise BerthError(
            "Most Recent Image Not Filtered: mostRecent is true and results are not filtered by owner or "
            "image ID, so a third party may introduce a new image that would be returned",
            'Give owners, such as owners=["amazon"].',
        )
    images = request.api("ec2").all(
        "describe_images",
        "Images",
        **given(
            Filters=filters,
            Owners=request.get("owners"),
            ExecutableUsers=request.get("executableUsers"),
            IncludeDeprecated=request.get("includeDeprecated"),
        ),
    )
    if pattern := request.get("nameRegex"):
        images = [image for image in images if re.search(pattern, image.get("Name") or "\n")]
    if not images:
        raise BerthError("Your query returned no results. Please change your search criteria and try again.")
    if len(images) > 1 and not most_recent:
        raise BerthError(
            "Your query returned more than one result. Please try a more specific search criteria, "
            "or set `most_recent` attribute to true."
        )
    return {
        **_described(max(images, key=lambda image: str(image.get("CreationDate", ""))), request),
        "mostRecent": most_recent,
        "includeDeprecated": bool(request.get("includeDeprecated")),
    }


def _described(image: Values, request: Request) -> Values:
    mappings = image.get("BlockDeviceMappings", [])
    reason = image.get("StateReason")
    return {
        **{ours: text(image.get(theirs)) for ours, theirs in _TEXTS.items()},
        **rename(image, _FLAGS, False),
        "id": image["ImageId"],
        "arn": f"arn:aws:ec2:{request.region}::image/{image['ImageId']}",
        "blockDeviceMappings": [_mapping(mapping) for mapping in mappings],
        "productCodes": [
            rename(code, {"productCodeId": "ProductCodeId", "productCodeType": "ProductCodeType"})
            for code in image.get("ProductCodes", ())
        ],
        "rootSnapshotId": next(
            (
                text(mapping.get("Ebs", {}).get("SnapshotId"))
                for mapping in mappings
                if mapping.get("DeviceName") == image.get("RootDeviceName")
            ),
            "",
        ),
        "stateReason": {
            "code": reason.get("Code", "") if reason else "UNSET",
            "message": reason.get("Message", "") if reason else "UNSET",
        },
        "tags": tags_of(image),
        "uefiData": request.get("uefiData", ""),
    }


def _mapping(mapping: Values) -> Values:
    """The SDK types `ebs` as a map of strings, so its keys stay as Terraform writes them."""
    ebs = mapping.get("Ebs")
    return {
        "deviceName": text(mapping.get("DeviceName")),
        "noDevice": text(mapping.get("NoDevice")),
        "virtualName": text(mapping.get("VirtualName")),
        "ebs": {ours: text(ebs.get(*theirs)) for ours, theirs in _EBS.items()} if ebs else {},
    }
