"""Single machines."""

import base64
from collections.abc import Iterable
from typing import Any, Final

from rehearsal.providers.aws.api import Api
from rehearsal.providers.aws.devices import storage, tag_volumes, volumes
from rehearsal.providers.aws.launching import special, user_data
from rehearsal.providers.aws.shapes import camel, capital
from rehearsal.providers.aws.table import Broken, Change, Type
from rehearsal.providers.aws.tagging import EC2, specification, tag_map
from rehearsal.providers.aws.types.volumes import VOLUME_TYPES
from rehearsal.providers.plugin.model import Failure, Values

# Create

_AS_THEY_ARE: Final = (
    *("capacityReservationSpecification", "cpuOptions", "creditSpecification", "disableApiStop"),
    *("disableApiTermination", "ebsOptimized", "enclaveOptions", "instanceInitiatedShutdownBehavior"),
    *("instanceMarketOptions", "instanceType", "ipv6AddressCount", "keyName", "maintenanceOptions"),
    *("metadataOptions", "privateDnsNameOptions"),
)


def _run(api: Api, new: Values) -> str:
    renamed = {"ami": "ImageId"}
    if not new.get("associatePublicIpAddress"):
        renamed |= {"privateIp": "PrivateIpAddress", "vpcSecurityGroupIds": "SecurityGroupIds"}
    made = api.call(
        "run_instances",
        MinCount=1,
        MaxCount=1,
        **api.fill("run_instances", new, *_AS_THEY_ARE, renamed=renamed),
        **dict(special(api, new)),
        TagSpecifications=specification("instance", new),
    )
    return str(made["Instances"][0]["InstanceId"])


def _after(api: Api, instance: str, old: Values, new: Values) -> None:
    """What cannot be said when it is launched."""
    if new.get("sourceDestCheck") is False:
        _set_source_check(api, instance, old, new)


def _ready(api: Api, instance: str, new: Values) -> str | None:
    found = _instance(api, instance) or {}
    state = (found.get("State") or {}).get("Name", "pending")
    if state in {"shutting-down", "terminated"}:
        reason = found.get("StateReason") or {}
        raise Broken(str(reason.get("Message") or found.get("StateTransitionReason") or f"it is {state}"))
    if state == "pending":
        return "the instance is pending"
    tag_volumes(api, found, {}, new)
    return None


def _instance(api: Api, instance: str) -> dict[str, Any] | None:
    found = api.one("describe_instances", "Reservations", InstanceIds=[instance])
    return dict(found["Instances"][0]) if found else None


# Volumes that came with it


def _change_root(api: Api, instance: str, old: Values, new: Values) -> None:
    found = _instance(api, instance) or {}
    root = volumes(found).get(str(found.get("RootDeviceName")))
    before, after = old.get("rootBlockDevice") or {}, new.get("rootBlockDevice") or {}
    changed = {
        name: after[prop]
        for prop, name in {
            "iops": "Iops",
            "throughput": "Throughput",
            "volumeSize": "Size",
            "volumeType": "VolumeType",
        }.items()
        if after.get(prop) is not None and after.get(prop) != before.get(prop)
    }
    if root and changed:
        api.call("modify_volume", VolumeId=root, **changed)
    if after.get("deleteOnTermination") != before.get("deleteOnTermination"):
        ebs = {"DeleteOnTermination": after.get("deleteOnTermination", True)}
        device = {"DeviceName": found.get("RootDeviceName"), "Ebs": ebs}
        api.call("modify_instance_attribute", InstanceId=instance, BlockDeviceMappings=[device])
    tag_volumes(api, found, old, new)


def _retag_volumes(api: Api, instance: str, old: Values, new: Values) -> None:
    tag_volumes(api, _instance(api, instance) or {}, old, new)


# Changes in place


def _attribute(prop: str, parameter: str) -> Change:
    """An attribute that a running machine takes."""

    def change(api: Api, instance: str, old: Values, new: Values) -> None:
        del old
        value: Values = {parameter: {"Value": new.get(prop) or False}}
        api.call("modify_instance_attribute", InstanceId=instance, **value)

    return change


def _set_source_check(api: Api, instance: str, old: Values, new: Values) -> None:
    del old
    value = {"Value": new.get("sourceDestCheck") is not False}
    api.call("modify_instance_attribute", InstanceId=instance, SourceDestCheck=value)


def _set_groups(api: Api, instance: str, old: Values, new: Values) -> None:
    del old
    if new.get("vpcSecurityGroupIds"):
        api.call("modify_instance_attribute", InstanceId=instance, Groups=new["vpcSecurityGroupIds"])


def _set_metadata(api: Api, instance: str, old: Values, new: Values) -> None:
    del old
    options = {**(new.get("metadataOptions") or {})}
    filled = api.fill("modify_instance_metadata_options", options, *options)
    api.call("modify_instance_metadata_options", InstanceId=instance, **filled)


def _set_monitoring(api: Api, instance: str, old: Values, new: Values) -> None:
    del old
    api.call("monitor_instances" if new.get("monitoring") else "unmonitor_instances", InstanceIds=[instance])


def _set_credits(api: Api, instance: str, old: Values, new: Values) -> None:
    del old
    wanted = (new.get("creditSpecification") or {}).get("cpuCredits") or "standard"
    change = {"InstanceId": instance, "CpuCredits": wanted}
    api.call("modify_instance_credit_specification", InstanceCreditSpecifications=[change])


def _set_profile(api: Api, instance: str, old: Values, new: Values) -> None:
    del old
    asked = [{"Name": "instance-id", "Values": [instance]}]
    there = api.one(
        "describe_iam_instance_profile_associations", "IamInstanceProfileAssociations", Filters=asked
    )
    profile = {"Name": new["iamInstanceProfile"]} if new.get("iamInstanceProfile") else None
    if there and profile:
        changed = {"AssociationId": there["AssociationId"], "IamInstanceProfile": profile}
        api.call("replace_iam_instance_profile_association", **changed)
    elif there:
        api.call("disassociate_iam_instance_profile", AssociationId=there["AssociationId"])
    elif profile:
        api.call("associate_iam_instance_profile", InstanceId=instance, IamInstanceProfile=profile)


def _change_stopped(api: Api, instance: str, old: Values, new: Values) -> None:
    """What only a stopped machine takes: it is stopped, changed and started again."""
    api.call("stop_instances", InstanceIds=[instance])
    api.until(600, lambda: _not_in(api, instance, "stopped"))
    if new.get("instanceType") != old.get("instanceType"):
        value = {"Value": new.get("instanceType")}
        api.call("modify_instance_attribute", InstanceId=instance, InstanceType=value)
    if bool(new.get("ebsOptimized")) != bool(old.get("ebsOptimized")):
        value = {"Value": bool(new.get("ebsOptimized"))}
        api.call("modify_instance_attribute", InstanceId=instance, EbsOptimized=value)
    if user_data(new) != user_data(old):
        text = user_data(new) or b""
        data = {"Value": text.encode() if isinstance(text, str) else text}
        api.call("modify_instance_attribute", InstanceId=instance, UserData=data)
    api.call("start_instances", InstanceIds=[instance])


def _not_in(api: Api, instance: str, wanted: str) -> str | None:
    state = ((_instance(api, instance) or {}).get("State") or {}).get("Name", "")
    return None if state == wanted else f"the instance is {state}"


# Read


def _read(api: Api, instance: str, known: Values) -> Values | None:
    found = _instance(api, instance)
    if found is None or found["State"]["Name"] == "terminated":
        return None
    placement = found.get("Placement") or {}
    profile = (found.get("IamInstanceProfile") or {}).get("Arn", "")
    interfaces = found.get("NetworkInterfaces") or []
    first: Values = next(
        (one for one in interfaces if (one.get("Attachment") or {}).get("DeviceIndex") == 0), {}
    )
    association = first.get("Association") or {}
    return {
        **storage(api, found, known),
        **_startup(api, instance, known),
        "ami": found["ImageId"],
        "arn": api.arn(f"instance/{instance}"),
        "associatePublicIpAddress": association.get("IpOwnerId", "") == "amazon"
        or bool(found.get("PublicIpAddress")),
        "availabilityZone": placement.get("AvailabilityZone", ""),
        "ebsOptimized": bool(found.get("EbsOptimized")),
        "hibernation": bool((found.get("HibernationOptions") or {}).get("Configured")),
        "iamInstanceProfile": profile.rpartition("/")[2],
        "instanceLifecycle": found.get("InstanceLifecycle") or "",
        "instanceState": found["State"]["Name"],
        "instanceType": found["InstanceType"],
        "keyName": found.get("KeyName") or "",
        "metadataOptions": {
            key: value for key, value in camel(found.get("MetadataOptions") or {}).items() if key != "state"
        },
        "monitoring": (found.get("Monitoring") or {}).get("State") in {"enabled", "pending"},
        "placementGroup": placement.get("GroupName") or "",
        "primaryNetworkInterfaceId": first.get("NetworkInterfaceId", ""),
        "privateDns": found.get("PrivateDnsName") or "",
        "privateIp": found.get("PrivateIpAddress") or "",
        "publicDns": found.get("PublicDnsName") or "",
        "publicIp": found.get("PublicIpAddress") or "",
        "sourceDestCheck": bool(found.get("SourceDestCheck", True)),
        "spotInstanceRequestId": found.get("SpotInstanceRequestId") or "",
        "subnetId": found.get("SubnetId") or "",
        "tags": tag_map(found.get("Tags")),
        "tenancy": placement.get("Tenancy") or "default",
        "vpcSecurityGroupIds": sorted(group["GroupId"] for group in found.get("SecurityGroups") or ()),
    }


def _startup(api: Api, instance: str, known: Values) -> Values:
    """Attributes that are asked for one by one."""

    def attribute(name: str) -> Any:
        answer = api.call("describe_instance_attribute", InstanceId=instance, Attribute=name)
        return (answer.get(capital(name)) or {}).get("Value")

    text = attribute("userData") or ""
    shown = {"userDataBase64": text} if known.get("userDataBase64") else {"userData": _decoded(text)}
    return {
        **shown,
        "disableApiTermination": bool(attribute("disableApiTermination")),
        "instanceInitiatedShutdownBehavior": attribute("instanceInitiatedShutdownBehavior") or "stop",
    }


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text).decode()
    except ValueError:
        return text


# Delete


def _terminate(api: Api, instance: str, known: Values) -> None:
    found = _instance(api, instance)
    if found is None or found["State"]["Name"] in {"shutting-down", "terminated"}:
        return
    if known.get("disableApiTermination") and known.get("forceDestroy"):
        _attribute("-", "DisableApiTermination")(api, instance, {}, {})
    api.call("terminate_instances", InstanceIds=[instance])


def _check(inputs: Values) -> Iterable[Failure]:
    if not inputs.get("launchTemplate"):
        for prop in ("ami", "instanceType"):
            if inputs.get(prop) is None:
                yield Failure(prop, "is required without a launchTemplate")
    if inputs.get("userData") and inputs.get("userDataBase64"):
        yield Failure("userDataBase64", "conflicts with userData: give one of them")
    if inputs.get("networkInterfaces") and (inputs.get("subnetId") or inputs.get("vpcSecurityGroupIds")):
        yield Failure("networkInterfaces", "conflicts with subnetId and vpcSecurityGroupIds")


def _replace_for_user_data(old: Values, new: Values) -> Iterable[str]:
    del old
    return ("userData", "userDataBase64") if new.get("userDataReplaceOnChange") else ()


_FIXED: Final = frozenset(
    {"ami", "associatePublicIpAddress", "availabilityZone", "capacityReservationSpecification", "cpuOptions"}
    | {
        "ebsBlockDevices",
        "enclaveOptions",
        "ephemeralBlockDevices",
        "hibernation",
        "hostId",
        "ipv6AddressCount",
    }
    | {
        "instanceMarketOptions",
        "keyName",
        "launchTemplate",
        "networkInterfaces",
        "placementGroup",
        "privateIp",
    }
    | {"placementPartitionNumber", "privateDnsNameOptions", "securityGroups", "subnetId", "tenancy"}
    | {"rootBlockDevice.encrypted", "rootBlockDevice.kmsKeyId", "maintenanceOptions", "disableApiStop"}
)
INSTANCE = Type(
    "aws:ec2/instance:Instance",
    "ec2",
    create=_run,
    after=_after,
    ready=_ready,
    read=_read,
    update={
        **dict.fromkeys(("instanceType", "ebsOptimized", "userData", "userDataBase64"), _change_stopped),
        "creditSpecification": _set_credits,
        "disableApiTermination": _attribute("disableApiTermination", "DisableApiTermination"),
        "iamInstanceProfile": _set_profile,
        "instanceInitiatedShutdownBehavior": _attribute(
            "instanceInitiatedShutdownBehavior", "InstanceInitiatedShutdownBehavior"
        ),
        "metadataOptions": _set_metadata,
        "monitoring": _set_monitoring,
        "rootBlockDevice": _change_root,
        "sourceDestCheck": _set_source_check,
        "volumeTags": _retag_volumes,
        "vpcSecurityGroupIds": _set_groups,
    },
    delete=_terminate,
    replace_on=_FIXED,
    replace_if=_replace_for_user_data,
    local=frozenset({"forceDestroy", "userDataReplaceOnChange"}),
    defaults={"sourceDestCheck": True},
    computed=frozenset(
        {
            "associatePublicIpAddress",
            "availabilityZone",
            "disableApiTermination",
            "ebsBlockDevices",
            "ebsOptimized",
        }
        | {
            "iamInstanceProfile",
            "instanceInitiatedShutdownBehavior",
            "keyName",
            "metadataOptions",
            "monitoring",
        }
        | {
            "placementGroup",
            "privateIp",
            "rootBlockDevice",
            "subnetId",
            "tenancy",
            "userData",
            "userDataBase64",
        }
        | {"vpcSecurityGroupIds", "ami", "instanceType"}
        | {f"rootBlockDevice.{one}" for one in ("encrypted", "iops", "kmsKeyId", "throughput", "volumeSize")}
        | {"rootBlockDevice.volumeType", "rootBlockDevice.deviceName", "rootBlockDevice.tagsAll"}
        | {"rootBlockDevice.volumeId", "rootBlockDevice.deleteOnTermination"}
        | {
            f"metadataOptions.{one}"
            for one in ("httpEndpoint", "httpProtocolIpv6", "httpPutResponseHopLimit")
        }
        | {"metadataOptions.httpTokens", "metadataOptions.instanceMetadataTags"}
    ),
    choices={
        "instanceInitiatedShutdownBehavior": ("stop", "terminate"),
        "metadataOptions.httpEndpoint": ("disabled", "enabled"),
        "metadataOptions.httpTokens": ("optional", "required"),
        "rootBlockDevice.volumeType": VOLUME_TYPES,
        "ebsBlockDevices.volumeType": VOLUME_TYPES,
        "tenancy": ("dedicated", "default", "host"),
    },
    foreign=frozenset({"associatePublicIpAddress", "publicDns", "publicIp"}),
    check=_check,
    tags=EC2,
    delete_seconds=1200,
)

TYPES = [INSTANCE]
