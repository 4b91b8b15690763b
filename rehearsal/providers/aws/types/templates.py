"""Key pairs and launch templates."""

from typing import Any, Final

from rehearsal.providers.aws.api import Api
from rehearsal.providers.aws.ec2 import where
from rehearsal.providers.aws.shapes import camel
from rehearsal.providers.aws.table import Autoname, Tagging, Type
from rehearsal.providers.aws.tagging import EC2, specification, tag_map
from rehearsal.providers.plugin.model import Values

# Key pair


def _import_key(api: Api, new: Values) -> str:
    made = api.call(
        "import_key_pair",
        KeyName=new["keyName"],
        PublicKeyMaterial=str(new["publicKey"]).encode(),
        TagSpecifications=specification("key-pair", new),
    )
    return str(made["KeyName"])


def _read_key(api: Api, name: str, known: Values) -> Values | None:
    del known
    found = api.one("describe_key_pairs", "KeyPairs", KeyNames=[name], IncludePublicKey=True)
    if found is None:
        return None
    public = found.get("PublicKey")
    return {
        "arn": api.arn(f"key-pair/{name}"),
        "fingerprint": found.get("KeyFingerprint", ""),
        "keyName": found["KeyName"],
        "keyPairId": found.get("KeyPairId", ""),
        "keyType": found.get("KeyType", ""),
        **({"publicKey": public.strip()} if public else {}),
        "tags": tag_map(found.get("Tags")),
    }


def _same_key(old: Any, new: Any) -> bool:
    """A comment and spaces around a key mean nothing to AWS."""
    return str(old).split()[:2] == str(new).split()[:2]


KEY_PAIR = Type(
    "aws:ec2/keyPair:KeyPair",
    "ec2",
    create=_import_key,
    read=_read_key,
    delete=lambda api, name, _: api.call("delete_key_pair", KeyName=name),
    find=lambda api, new: [
        one["KeyName"]
        for one in api.all("describe_key_pairs", "KeyPairs", Filters=where(key_name=new["keyName"]))
    ],
    replace_on=frozenset({"keyName", "keyNamePrefix", "publicKey"}),
    autoname=Autoname(prop="keyName", prefix="keyNamePrefix"),
    same={"publicKey": _same_key},
    tags=Tagging(
        write=lambda api, _, known, tags: EC2.write(api, known["keyPairId"], known, tags),
        remove=lambda api, _, known, keys: EC2.remove(api, known["keyPairId"], known, keys),
    ),
)

# Launch template

_DATA: Final = (
    *("blockDeviceMappings", "capacityReservationSpecification", "cpuOptions", "creditSpecification"),
    *("disableApiStop", "disableApiTermination", "ebsOptimized", "enclaveOptions", "hibernationOptions"),
    *("iamInstanceProfile", "imageId", "instanceInitiatedShutdownBehavior", "instanceMarketOptions"),
    *("instanceRequirements", "instanceType", "kernelId", "keyName", "licenseSpecifications"),
    *("maintenanceOptions", "metadataOptions", "monitoring", "networkInterfaces"),
    *("networkPerformanceOptions", "placement", "privateDnsNameOptions", "ramDiskId", "securityGroupNames"),
    *("tagSpecifications", "userData", "vpcSecurityGroupIds"),
)
_RENAMED: Final = {"securityGroupNames": "securityGroups", "vpcSecurityGroupIds": "securityGroupIds"}
_AS_TEXT: Final = frozenset(
    {"associateCarrierIpAddress", "associatePublicIpAddress", "deleteOnTermination", "ebsOptimized"}
    | {"encrypted", "primaryIpv6"}
)
_OF_INTERFACES: Final = {
    "securityGroups": "groups",
    "ipv4Addresses": "privateIpAddresses",
    "ipv4AddressCount": "secondaryPrivateIpAddressCount",
}


def _data(new: Values) -> Values:
    """`LaunchTemplateData` with the API's names, in camelCase still."""
    data = {_RENAMED.get(key, key): new[key] for key in _DATA if key in new}
    if "networkInterfaces" in data:
        data["networkInterfaces"] = [_interface(one) for one in data["networkInterfaces"]]
    if "tagSpecifications" in data:
        data["tagSpecifications"] = [
            {**one, "tags": [{"key": key, "value": value} for key, value in (one.get("tags") or {}).items()]}
            for one in data["tagSpecifications"]
        ]
    return data


def _interface(values: Values) -> Values:
    renamed = {_OF_INTERFACES.get(key, key): value for key, value in values.items()}
    addresses = renamed.get("privateIpAddresses")
    if addresses:
        renamed["privateIpAddresses"] = [
            {"privateIpAddress": one, "primary": index == 0} for index, one in enumerate(addresses)
        ]
    if renamed.get("ipv6Addresses"):
        renamed["ipv6Addresses"] = [{"ipv6Address": one} for one in renamed["ipv6Addresses"]]
    return renamed


def _properties(data: dict[str, Any]) -> Values:
    """The properties that a version's data are made of."""
    back = {value: key for key, value in _RENAMED.items()}
    found = {back.get(key, key): value for key, value in camel(data).items()}
    of_interfaces = {value: key for key, value in _OF_INTERFACES.items()}
    for interface in found.get("networkInterfaces") or ():
        for key in list(interface):
            interface[of_interfaces.get(key, key)] = interface.pop(key)
        for key, part in (("ipv4Addresses", "privateIpAddress"), ("ipv6Addresses", "ipv6Address")):
            if interface.get(key):
                interface[key] = [one[part] for one in interface[key]]
    for one in found.get("tagSpecifications") or ():
        one["tags"] = tag_map(one.get("tags"))
    kept: Values = _as_stored({key: value for key, value in found.items() if key in _DATA})
    return kept


def _as_stored(value: Any) -> Any:
    """With the flags that can also be unset as text, which is what the original stores."""
    if isinstance(value, list):
        return [_as_stored(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: str(inner).lower() if key in _AS_TEXT and isinstance(inner, bool) else _as_stored(inner)
        for key, inner in value.items()
    }


def _create_template(api: Api, new: Values) -> str:
    made = api.call(
        "create_launch_template",
        LaunchTemplateName=new["name"],
        VersionDescription=new.get("description"),
        **api.fill("create_launch_template", {"launchTemplateData": _data(new)}, "launchTemplateData"),
        TagSpecifications=specification("launch-template", new),
    )
    return str(made["LaunchTemplate"]["LaunchTemplateId"])


def _new_version(api: Api, template: str, old: Values, new: Values) -> None:
    data = api.fill(
        "create_launch_template_version", {"launchTemplateData": _data(new)}, "launchTemplateData"
    )
    made = api.call(
        "create_launch_template_version",
        LaunchTemplateId=template,
        VersionDescription=new.get("description"),
        **data,
    )
    if new.get("updateDefaultVersion"):
        _use(api, template, made["LaunchTemplateVersion"]["VersionNumber"])
    elif new.get("defaultVersion") != old.get("defaultVersion"):
        _set_default(api, template, old, new)


def _use(api: Api, template: str, version: int) -> None:
    api.call("modify_launch_template", LaunchTemplateId=template, DefaultVersion=str(version))


def _set_default(api: Api, template: str, old: Values, new: Values) -> None:
    del old
    if new.get("updateDefaultVersion"):
        found = api.one("describe_launch_templates", "LaunchTemplates", LaunchTemplateIds=[template]) or {}
        _use(api, template, found["LatestVersionNumber"])
    elif new.get("defaultVersion"):
        _use(api, template, new["defaultVersion"])


def _read_template(api: Api, template: str, known: Values) -> Values | None:
    del known
    found = api.one("describe_launch_templates", "LaunchTemplates", LaunchTemplateIds=[template])
    if found is None:
        return None
    latest = api.one(
        "describe_launch_template_versions",
        "LaunchTemplateVersions",
        LaunchTemplateId=template,
        Versions=["$Latest"],
    )
    version = latest or {}
    return {
        **_properties(version.get("LaunchTemplateData") or {}),
        "arn": api.arn(f"launch-template/{template}"),
        "defaultVersion": found["DefaultVersionNumber"],
        "description": version.get("VersionDescription") or "",
        "latestVersion": found["LatestVersionNumber"],
        "name": found["LaunchTemplateName"],
        "tags": tag_map(found.get("Tags")),
    }


LAUNCH_TEMPLATE = Type(
    "aws:ec2/launchTemplate:LaunchTemplate",
    "ec2",
    create=_create_template,
    read=_read_template,
    update={
        **dict.fromkeys((*_DATA, "description"), _new_version),
        **dict.fromkeys(("defaultVersion", "updateDefaultVersion"), _set_default),
    },
    delete=lambda api, template, _: api.call("delete_launch_template", LaunchTemplateId=template),
    find=lambda api, new: [
        one["LaunchTemplateId"]
        for one in api.all(
            "describe_launch_templates", "LaunchTemplates", Filters=where(launch_template_name=new["name"])
        )
    ],
    replace_on=frozenset({"name", "namePrefix"}),
    autoname=Autoname(longest=128),
    computed=frozenset({"defaultVersion"}),
    changes_on_update=frozenset({"defaultVersion", "latestVersion"}),
    choices={
        "instanceInitiatedShutdownBehavior": ("stop", "terminate"),
        "metadataOptions.httpTokens": ("optional", "required"),
        "metadataOptions.httpEndpoint": ("disabled", "enabled"),
        "blockDeviceMappings.ebs.volumeType": ("gp2", "gp3", "io1", "io2", "sc1", "st1", "standard"),
    },
    tags=EC2,
    gone=frozenset({"InvalidLaunchTemplateId.VersionNotFound"}),
)

TYPES = [KEY_PAIR, LAUNCH_TEMPLATE]
