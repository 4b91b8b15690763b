"""From a RunInstances request and a launch template to what is launched: pure functions over dictionaries.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/launch-instances-from-launch-template.html: a parameter of
the request replaces the template's; tags, devices and the network interface are merged.
"""

from collections.abc import Iterable, Mapping
from typing import Any

Params = dict[str, Any]


def merged(template: Mapping[str, Any], request: Mapping[str, Any]) -> Params:
    """The request with what its launch template says where the request is silent."""
    result: Params = {**template, **{key: value for key, value in request.items() if key != "LaunchTemplate"}}
    for key, name in (("BlockDeviceMappings", "DeviceName"), ("TagSpecifications", "ResourceType")):
        if template.get(key) and request.get(key):
            result[key] = _by_name(template[key], request[key], name)
    if result.get("NetworkInterfaces") and request.get("SubnetId") and not request.get("NetworkInterfaces"):
        # The group's subnet goes into the template's interface: both at once is refused by moto and by AWS.
        first = {**result["NetworkInterfaces"][0], "SubnetId": request["SubnetId"]}
        result["NetworkInterfaces"] = [first, *result["NetworkInterfaces"][1:]]
        del result["SubnetId"]
    return result


def devices(
    image: Iterable[Mapping[str, Any]], wanted: Iterable[Mapping[str, Any]], *, encrypt: bool
) -> list[Params]:
    """The image's block devices with the request's settings over them; encrypt: the account's default."""
    made = []
    for device in _by_name(image, wanted, "DeviceName"):
        if device.get("NoDevice") is not None or "Ebs" not in device:
            continue
        disk = {"DeleteOnTermination": True, "VolumeType": "gp3", **device["Ebs"]}
        if encrypt:
            disk["Encrypted"] = True
        made.append({**device, "Ebs": disk})
    return made


def tags(params: Mapping[str, Any], kind: str) -> dict[str, str]:
    """The tags which a request gives to one kind of resource."""
    return {
        tag["Key"]: tag.get("Value", "")
        for specification in params.get("TagSpecifications") or []
        if specification.get("ResourceType") == kind
        for tag in specification.get("Tags") or []
    }


def is_spot(params: Mapping[str, Any]) -> bool:
    """Whether the request asks for spot capacity."""
    return (params.get("InstanceMarketOptions") or {}).get("MarketType") == "spot"


def max_price(params: Mapping[str, Any]) -> float | None:
    """The highest spot price that the request accepts, in USD an hour; None: up to the on-demand price."""
    price = ((params.get("InstanceMarketOptions") or {}).get("SpotOptions") or {}).get("MaxPrice")
    return float(price) if price else None


def subnet_of(params: Mapping[str, Any]) -> str | None:
    """The subnet that the request names."""
    interfaces = params.get("NetworkInterfaces") or [{}]
    found = params.get("SubnetId") or interfaces[0].get("SubnetId")
    return str(found) if found else None


def _by_name(base: Iterable[Mapping[str, Any]], over: Iterable[Mapping[str, Any]], name: str) -> list[Params]:
    rows: dict[str, Params] = {entry[name]: dict(entry) for entry in base}
    for entry in over:
        known = rows.get(entry[name], {})
        row = {**known, **entry}
        if "Ebs" in known and "Ebs" in entry:
            row["Ebs"] = {**known["Ebs"], **entry["Ebs"]}
        if "Tags" in known and "Tags" in entry:
            tags_of = {tag["Key"]: tag for tag in (*known["Tags"], *entry["Tags"])}
            row["Tags"] = list(tags_of.values())
        rows[entry[name]] = row
    return list(rows.values())
