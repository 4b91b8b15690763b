"""Parameters of RunInstances that look otherwise than the properties of an instance."""

import base64
from collections.abc import Iterator
from typing import Any, Final

from rehearsal.providers.aws.api import Api
from rehearsal.providers.plugin.model import Values

_PLACEMENT: Final = {
    "availabilityZone": "AvailabilityZone",
    "hostId": "HostId",
    "placementGroup": "GroupName",
    "placementPartitionNumber": "PartitionNumber",
    "tenancy": "Tenancy",
}


def special(api: Api, new: Values) -> Iterator[tuple[str, Any]]:
    """Parameters that look otherwise than the properties."""
    public = new.get("associatePublicIpAddress")
    if public:
        yield "NetworkInterfaces", [_first_interface(new)]
    elif new.get("networkInterfaces"):
        yield (
            "NetworkInterfaces",
            [
                {"DeviceIndex": one["deviceIndex"], "NetworkInterfaceId": one["networkInterfaceId"]}
                for one in new["networkInterfaces"]
            ],
        )
    else:
        yield "SubnetId", new.get("subnetId")
    yield "BlockDeviceMappings", list(_devices(api, new)) or None
    yield "HibernationOptions", {"Configured": True} if new.get("hibernation") else None
    yield "IamInstanceProfile", {"Name": new["iamInstanceProfile"]} if new.get("iamInstanceProfile") else None
    yield "LaunchTemplate", _template(new.get("launchTemplate") or {})
    yield "Monitoring", {"Enabled": True} if new.get("monitoring") else None
    yield "Placement", {name: new[prop] for prop, name in _PLACEMENT.items() if new.get(prop)} or None
    yield "SecurityGroups", new.get("securityGroups") or None
    yield "UserData", user_data(new)


def _first_interface(new: Values) -> dict[str, Any]:
    wanted = {
        "AssociatePublicIpAddress": True,
        "DeviceIndex": 0,
        "Groups": new.get("vpcSecurityGroupIds"),
        "PrivateIpAddress": new.get("privateIp"),
        "SubnetId": new.get("subnetId"),
    }
    return {key: value for key, value in wanted.items() if value is not None}


def _template(given: Values) -> dict[str, str] | None:
    names = {"id": "LaunchTemplateId", "name": "LaunchTemplateName", "version": "Version"}
    return {name: given[prop] for prop, name in names.items() if given.get(prop)} or None


def user_data(new: Values) -> str | bytes | None:
    """As text, which botocore encodes, or the bytes behind `userDataBase64`."""
    if new.get("userDataBase64"):
        return base64.b64decode(new["userDataBase64"])
    return new.get("userData") or None


_EBS: Final = {
    "deleteOnTermination": "DeleteOnTermination",
    "encrypted": "Encrypted",
    "iops": "Iops",
    "kmsKeyId": "KmsKeyId",
    "snapshotId": "SnapshotId",
    "throughput": "Throughput",
    "volumeSize": "VolumeSize",
    "volumeType": "VolumeType",
}


def _devices(api: Api, new: Values) -> Iterator[dict[str, Any]]:
    root = new.get("rootBlockDevice")
    if root:
        yield {"DeviceName": _root_of(api, str(new["ami"])), "Ebs": _ebs(root)}
    for device in new.get("ebsBlockDevices") or ():
        yield {"DeviceName": device["deviceName"], "Ebs": _ebs(device)}
    for device in new.get("ephemeralBlockDevices") or ():
        empty = {"NoDevice": ""} if device.get("noDevice") else {"VirtualName": device.get("virtualName", "")}
        yield {"DeviceName": device["deviceName"], **empty}


def _ebs(device: Values) -> dict[str, Any]:
    return {name: device[prop] for prop, name in _EBS.items() if device.get(prop) not in (None, "")}


def _root_of(api: Api, image: str) -> str:
    found = api.one("describe_images", "Images", ImageIds=[image]) or {}
    return str(found.get("RootDeviceName") or "/dev/xvda")
