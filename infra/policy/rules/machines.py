"""Machines: their disks are encrypted, and their credentials are given to callers with a session alone.

CloudWatch Logs, ECR and SNS encrypt what they store in any case; there is nothing to switch on. A topic with
the key alias/aws/sns could even not be written to by budgets and alarms.
https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
"""

from collections.abc import Iterator

from infra.policy.model import UNKNOWN, Resource, Rule, has_unknown, is_true

INSTANCE = "aws:ec2/instance:Instance"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
CONFIGURATION = "aws:ec2/launchConfiguration:LaunchConfiguration"
_ENCRYPTED = (
    "aws:ebs/volume:Volume",
    "aws:ebs/snapshotCopy:SnapshotCopy",
    "aws:efs/fileSystem:FileSystem",
    "aws:ec2/amiCopy:AmiCopy",
)
_BY_DEFAULT = "aws:ebs/encryptionByDefault:EncryptionByDefault"


def encrypted(resource: Resource) -> Iterator[str]:
    if resource.type in _ENCRYPTED and not is_true(resource.at("encrypted")):
        yield "is not encrypted; set encrypted to true"
    if resource.type == _BY_DEFAULT and resource.at("enabled") is False:
        yield "turns encryption of new volumes off"
    if resource.type in (INSTANCE, CONFIGURATION):
        if not is_true(resource.at("rootBlockDevice", "encrypted")):
            yield "its root volume is not encrypted; set root_block_device.encrypted to true"
        for device in resource.each("ebsBlockDevices"):
            if not is_true(device.get("encrypted")):
                yield f"its volume {device.get('deviceName')} is not encrypted; set encrypted to true"
    if resource.type == TEMPLATE:
        yield from _template_devices(resource)


def _template_devices(resource: Resource) -> Iterator[str]:
    mappings = resource.at("blockDeviceMappings")
    volumes = [one for one in resource.each("blockDeviceMappings") if one.get("ebs")]
    if not volumes and not has_unknown(mappings):
        yield "leaves its root volume as the image has it; name it in block_device_mappings, encrypted"
    for one in volumes:
        if one["ebs"] is not UNKNOWN and not is_true(one["ebs"].get("encrypted")):
            yield f"its volume {one.get('deviceName')} is not encrypted; set ebs.encrypted to true"


def sessions_only(resource: Resource) -> Iterator[str]:
    if resource.type not in (INSTANCE, TEMPLATE, CONFIGURATION) or resource.at("launchTemplate"):
        return
    tokens = resource.at("metadataOptions", "httpTokens")
    off = resource.at("metadataOptions", "httpEndpoint") == "disabled"
    if tokens not in ("required", UNKNOWN) and not off:
        yield (
            "gives its credentials to any request that reaches the metadata service; set "
            "metadata_options.http_tokens to required (IMDSv2)"
        )


ENCRYPTION = Rule(
    name="encryption", description="Volumes, snapshots and file systems are encrypted.", resource=encrypted
)
IMDS_V2 = Rule(
    name="imds-v2", description="The instance metadata service wants a session token.", resource=sessions_only
)
