"""EC2 instances: launches as AWS resolves and refuses them, spot requests, terminations, consoles."""

import base64
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rehearsal.clouds.aws import capacity, endings, launching, limits, settings
from rehearsal.clouds.aws.additions import answers
from rehearsal.clouds.aws.calls import AwsError, Call
from rehearsal.clouds.aws.emulator import backends
from rehearsal.clouds.aws.store import table

CONSOLE_BYTES = 64 * 1024  # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-console.html
_LAUNCH_TEMPLATE_ONLY = ("InstanceRequirements",)


@answers("ec2", "RunInstances")
def run_instances(call: Call) -> Mapping[str, Any]:
    """Launch what the request and its template say together."""
    template, version = _template(call)
    params = launching.merged(template, call.params)
    params = {key: value for key, value in params.items() if key not in _LAUNCH_TEMPLATE_ONLY}
    spot = launching.is_spot(params)
    instance_type = params.setdefault("InstanceType", "m1.small")
    count = int(params.get("MaxCount") or 1)
    zone = _zone(call, params)
    if zone:
        _require_offer(instance_type, zone)
    try:
        limits.require(instance_type, count, spot=spot, region=call.region)
    except LookupError:
        raise AwsError(
            "InvalidParameterValue", f"Invalid value '{instance_type}' for InstanceType."
        ) from None
    price = launching.max_price(params)
    if spot and price is not None and zone and price < (now := capacity.spot(instance_type, zone, _now())):
        raise AwsError(
            "SpotMaxPriceTooLow",
            f"Your Spot request price of {price:g} is lower than the minimum required Spot request "
            f"fulfillment price of {now:g}.",
        )
    params["BlockDeviceMappings"] = _devices(call, params)
    params["MinCount"] = params["MaxCount"] = count
    reply = call.moto(**params)
    ids = [instance["InstanceId"] for instance in reply["Instances"]]
    _complete(call, params, ids, version, spot=spot)
    described = call.moto_operation("DescribeInstances")(InstanceIds=ids)["Reservations"][0]
    return {**reply, "Instances": described["Instances"]}


def _template(call: Call) -> tuple[dict[str, Any], dict[str, str]]:
    """The data of the launch template that is asked for, and the tags that tell of it."""
    wanted = call.params.get("LaunchTemplate")
    if not wanted:
        return {}, {}
    key = {name: wanted[name] for name in ("LaunchTemplateId", "LaunchTemplateName") if wanted.get(name)}
    versions = call.moto_operation("DescribeLaunchTemplateVersions")(
        **key, Versions=[str(wanted.get("Version") or "$Default")]
    )["LaunchTemplateVersions"]
    if not versions:
        raise AwsError(
            "InvalidLaunchTemplateId.VersionNotFound",
            f"Could not find launch template version {wanted.get('Version')}",
        )
    found = versions[0]
    return found["LaunchTemplateData"], {
        "aws:ec2launchtemplate:id": found["LaunchTemplateId"],
        "aws:ec2launchtemplate:version": str(found["VersionNumber"]),
    }


def _zone(call: Call, params: Mapping[str, Any]) -> str | None:
    subnet = launching.subnet_of(params)
    if subnet is None:
        found = (params.get("Placement") or {}).get("AvailabilityZone")
        return str(found) if found else None
    return str(call.moto_operation("DescribeSubnets")(SubnetIds=[subnet])["Subnets"][0]["AvailabilityZone"])


def _require_offer(instance_type: str, zone: str) -> None:
    offered = capacity.zones(instance_type, zone[:-1])
    if offered and zone not in offered:
        raise AwsError(
            "Unsupported",
            f"Your requested instance type ({instance_type}) is not supported in your requested Availability "
            f"Zone ({zone}). Please retry your request by not specifying an Availability Zone or choosing "
            f"{', '.join(offered)}.",
        )


def _devices(call: Call, params: Mapping[str, Any]) -> list[dict[str, Any]]:
    image = params.get("ImageId")
    if not image:
        raise AwsError("MissingParameter", "The request must contain the parameter ImageId")
    found = call.moto_operation("DescribeImages")(ImageIds=[image])["Images"][0]
    encrypt = call.moto_operation("GetEbsEncryptionByDefault")()["EbsEncryptionByDefault"]
    return launching.devices(
        found["BlockDeviceMappings"], params.get("BlockDeviceMappings") or [], encrypt=encrypt
    )


def _complete(
    call: Call, params: Mapping[str, Any], ids: list[str], version: Mapping[str, str], *, spot: bool
) -> None:
    """What moto leaves out of a new instance."""
    given = {device["DeviceName"]: device["Ebs"] for device in params["BlockDeviceMappings"]}
    with backends() as backend:
        ec2 = backend("ec2", call.region)
        for number in ids:
            instance = ec2.get_instance(number)
            instance.add_tags(dict(version))
            instance.user_data = instance.user_data or None
            for interface in instance.nics.values():
                interface.delete_on_termination = _goes_with_the_instance(params, interface.device_index)
                interface.add_tags(launching.tags(params, "network-interface"))
            instance.security_groups = list(instance.nics[0].group_set)
            for name, device in instance.block_device_mapping.items():
                volume = ec2.get_volume(device.volume_id)
                if volume.volume_type == "gp3":
                    volume.iops = given.get(name, {}).get("Iops") or 3000
                    volume.throughput = given.get(name, {}).get("Throughput") or 125
            if spot:
                _request_of(call, params, instance)


def _goes_with_the_instance(params: Mapping[str, Any], index: int) -> bool:
    for interface in params.get("NetworkInterfaces") or []:
        if int(interface.get("DeviceIndex") or 0) == index and interface.get("NetworkInterfaceId"):
            return False
        if int(interface.get("DeviceIndex") or 0) == index and "DeleteOnTermination" in interface:
            return bool(interface["DeleteOnTermination"])
    return True


def _request_of(call: Call, params: Mapping[str, Any], instance: Any) -> None:
    """The spot request that a spot instance belongs to."""
    options = params["InstanceMarketOptions"].get("SpotOptions") or {}
    number = f"sir-{secrets.token_hex(4)}"
    instance.spot_instance_request_id = number
    instance.lifecycle = "spot"
    tags = launching.tags(params, "spot-instances-request")
    price = launching.max_price(params) or capacity.on_demand(instance.instance_type)
    table("spot requests")[number] = {
        "SpotInstanceRequestId": number,
        "SpotPrice": f"{price:.6f}",
        "Type": options.get("SpotInstanceType") or "one-time",
        "State": "active",
        "Status": {
            "Code": "fulfilled",
            "Message": "Your spot request is fulfilled.",
            "UpdateTime": _now(),
        },
        "InstanceId": instance.id,
        "InstanceInterruptionBehavior": options.get("InstanceInterruptionBehavior") or "terminate",
        "LaunchedAvailabilityZone": instance.availability_zone,
        "LaunchSpecification": {
            "ImageId": instance.image_id,
            "InstanceType": instance.instance_type,
            "SubnetId": instance.subnet_id,
        },
        "ProductDescription": "Linux/UNIX",
        "CreateTime": _now(),
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
        "region": call.region,
    }


@answers("ec2", "DescribeSpotInstanceRequests")
def spot_requests(call: Call) -> Mapping[str, Any]:
    """The spot requests behind instances, then moto's own."""
    ids = call.params.get("SpotInstanceRequestIds") or []
    filters = {entry["Name"]: entry["Values"] for entry in call.params.get("Filters") or []}
    keys = {
        "state": "State",
        "instance-id": "InstanceId",
        "spot-instance-request-id": "SpotInstanceRequestId",
        "type": "Type",
    }
    found = []
    for number, row in table("spot requests").items():
        tags = {f"tag:{tag['Key']}": tag["Value"] for tag in row["Tags"]}
        values = {**{name: row[key] for name, key in keys.items()}, **tags}
        asked_for = row["region"] == call.region and (not ids or number in ids)
        if asked_for and all(values.get(name) in wanted for name, wanted in filters.items()):
            found.append(row)
    missing = set(ids) - set(table("spot requests"))
    if missing:
        raise AwsError(
            "InvalidSpotInstanceRequestID.NotFound",
            f"The spot instance request ID '{', '.join(sorted(missing))}' does not exist",
        )
    return {"SpotInstanceRequests": found}


@answers("ec2", "CancelSpotInstanceRequests")
def cancel_spot_requests(call: Call) -> Mapping[str, Any]:
    """Cancel requests; their instances keep running."""
    cancelled = []
    for number in call.params["SpotInstanceRequestIds"]:
        row = table("spot requests").get(number)
        if row is None:
            raise AwsError(
                "InvalidSpotInstanceRequestID.NotFound",
                f"The spot instance request ID '{number}' does not exist",
            )
        if row["State"] in ("open", "active"):
            row["State"] = "cancelled"
        cancelled.append({"SpotInstanceRequestId": number, "State": row["State"]})
    return {"CancelledSpotInstanceRequests": cancelled}


@answers("ec2", "TerminateInstances")
def terminate_instances(call: Call) -> Mapping[str, Any]:
    """Terminate, and give back what only a living instance can hold."""
    reply = call.forward()
    for number in call.params["InstanceIds"]:
        endings.let_go(number, call.region, "instance-terminated-by-user")
    return reply


@answers("ec2", "GetConsoleOutput")
def console_output(call: Call) -> Mapping[str, Any]:
    """The end of what the rehearsed machine wrote to its console."""
    number = call.params["InstanceId"]
    call.moto_operation("DescribeInstances")(InstanceIds=[number])
    run = settings.current().run
    file = run / "machines" / f"{number}.console" if run else None
    content = file.read_bytes()[-CONSOLE_BYTES:] if file and file.is_file() else b""
    return {
        "InstanceId": number,
        "Output": base64.b64encode(content).decode(),
        "Timestamp": datetime.fromtimestamp(file.stat().st_mtime, UTC) if file and content else _now(),
    }


def _now() -> datetime:
    return datetime.now(UTC)


@answers("ec2", "CreateImage")
def create_image(call: Call) -> Mapping[str, Any]:
    """An image of an instance: its devices, and where it came from, so that its disk can be found."""
    tags = [
        specification
        for specification in call.params.get("TagSpecifications") or []
        if specification.get("ResourceType") == "image"
    ]
    number = call.params["InstanceId"]
    reply = call.forward(TagSpecifications=tags or None, BlockDeviceMappings=None, NoReboot=None)
    with backends() as backend:
        ec2 = backend("ec2", call.region)
        instance = ec2.get_instance(number)
        image = ec2.amis[reply["ImageId"]]
        image.root_device_name = instance.root_device_name
        image.root_device_type = "ebs"
        root = instance.block_device_mapping.get(instance.root_device_name)
        image.root_gib = root.size if root and root.size else 8
        image.boot_mode, image.hypervisor, image.image_location = (
            "uefi-preferred",
            "xen",
            f"self/{image.name}",
        )
        image.ebs_snapshot.add_tags(launching.tags(call.params, "snapshot"))
    return reply
