"""What the metadata service answers, as paths and contents. Pure.

Categories: docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-metadata.html (those that a Linux
instance with one interface has).
"""

import json
from datetime import UTC, datetime
from typing import Any

from rehearsal.machines.model import Instance, Interruption, Subnet
from rehearsal.machines.network.names import host_name, internal_domain

# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html: versions are
# directories with the same content as far as anything here goes.
VERSIONS = ("1.0", "2009-04-04", "2016-09-02", "2018-09-24", "2021-01-03", "2021-03-23", "2024-04-11")
_ZONE_IDS = {zone: f"use1-az{number}" for number, zone in enumerate("abcdef", start=1)}


def tree(
    instance: Instance,
    subnet: Subnet,
    *,
    user_data: bytes | None = None,
    role: str | None = None,
    credentials: dict[str, Any] | None = None,
    interruption: Interruption | None = None,
    noticed: float = 0.0,
) -> dict[str, bytes]:
    """Every leaf below a version, such as `meta-data/instance-id`.

    role, credentials: of the instance's profile; what `iam/security-credentials/<role>` answers.
    noticed: when the interruption was announced, in seconds since the epoch.
    """
    leaves: dict[str, str] = {
        f"meta-data/{name}": value for name, value in _meta_data(instance, subnet).items() if value
    }
    if instance.profile and role and credentials:
        arn, profile_id = instance.profile
        updated = credentials.get("LastUpdated", "")
        leaves["meta-data/iam/info"] = json.dumps(
            {
                "Code": "Success",
                "LastUpdated": updated,
                "InstanceProfileArn": arn,
                "InstanceProfileId": profile_id,
            }
        )
        leaves[f"meta-data/iam/security-credentials/{role}"] = json.dumps(credentials, indent=2)
    if interruption is not None:
        leaves |= {f"meta-data/{name}": value for name, value in _notice(interruption, noticed).items()}
    leaves["dynamic/instance-identity/document"] = json.dumps(_identity(instance), indent=2)
    found = {name: value.encode() for name, value in leaves.items()}
    if user_data is not None:
        found["user-data"] = user_data
    return found


def answer(leaves: dict[str, bytes], path: str) -> bytes | None:
    """The content at a path below a version, or the listing of a directory; None where there is nothing."""
    wanted = path.strip("/")
    if wanted in leaves:
        return leaves[wanted]
    prefix = f"{wanted}/" if wanted else ""
    below = [name.removeprefix(prefix) for name in leaves if name.startswith(prefix)]
    entries = {name.split("/")[0] + ("/" if "/" in name else "") for name in below}
    if not entries:
        return None
    if wanted == "meta-data/public-keys":
        # The one listing that is no list of names (`0=name`).
        name = leaves[f"{wanted}/0/_name"].decode()
        return f"0={name}".encode()
    return "\n".join(sorted(entries - {"_name"})).encode()


def _meta_data(instance: Instance, subnet: Subnet) -> dict[str, str]:
    private = f"{host_name(instance.address)}.{internal_domain(instance.region)}"
    public = instance.public_address or ""
    public_name = _public_name(public, instance.region) if public else ""
    groups = "\n".join(name for _, name in instance.groups)
    leaves = {
        "ami-id": instance.image,
        "ami-launch-index": "0",
        "ami-manifest-path": "(unknown)",
        "block-device-mapping/ami": "xvda",
        "block-device-mapping/root": "/dev/xvda",
        "hostname": private,
        "instance-action": "none",
        "instance-id": instance.id,
        "instance-life-cycle": "spot" if instance.spot else "on-demand",
        "instance-type": instance.type,
        "local-hostname": private,
        "local-ipv4": instance.address,
        "mac": instance.mac,
        "placement/availability-zone": instance.zone,
        "placement/availability-zone-id": _ZONE_IDS.get(instance.zone[-1:], ""),
        "placement/region": instance.region,
        "public-hostname": public_name,
        "public-ipv4": public,
        "reservation-id": instance.reservation,
        "security-groups": groups,
        "services/domain": "amazonaws.com",
        "services/partition": "aws",
    }
    leaves |= {
        f"block-device-mapping/ebs{number}": volume.device.removeprefix("/dev/")
        for number, volume in enumerate(instance.volumes, start=1)
    }
    interface = {
        "device-number": "0",
        "local-hostname": private,
        "local-ipv4s": instance.address,
        "mac": instance.mac,
        "owner-id": instance.account,
        "public-hostname": public_name,
        "public-ipv4s": public,
        "security-groups": groups,
        "security-group-ids": "\n".join(group for group, _ in instance.groups),
        "subnet-id": subnet.id,
        "subnet-ipv4-cidr-block": subnet.cidr,
        "vpc-id": subnet.vpc,
        "vpc-ipv4-cidr-block": subnet.vpc_cidr,
        "vpc-ipv4-cidr-blocks": subnet.vpc_cidr,
    }
    leaves |= {f"network/interfaces/macs/{instance.mac}/{name}": value for name, value in interface.items()}
    if instance.key:
        leaves |= {"public-keys/0/_name": instance.key[0], "public-keys/0/openssh-key": instance.key[1]}
    if instance.tags_in_metadata:
        leaves |= {f"tags/instance/{key}": value for key, value in instance.tags}
    return leaves


def _notice(interruption: Interruption, noticed: float) -> dict[str, str]:
    """docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html."""
    end = _utc(interruption.at)
    return {
        "spot/instance-action": json.dumps({"action": "terminate", "time": end}),
        "spot/termination-time": end,
        "events/recommendations/rebalance": json.dumps({"noticeTime": _utc(noticed)}),
    }


def _identity(instance: Instance) -> dict[str, Any]:
    return {
        "accountId": instance.account,
        "architecture": "x86_64",
        "availabilityZone": instance.zone,
        "billingProducts": None,
        "devpayProductCodes": None,
        "imageId": instance.image,
        "instanceId": instance.id,
        "instanceType": instance.type,
        "kernelId": None,
        "marketplaceProductCodes": None,
        "pendingTime": instance.launched,
        "privateIp": instance.address,
        "ramdiskId": None,
        "region": instance.region,
        "version": "2017-09-30",
    }


def _public_name(address: str, region: str) -> str:
    domain = "compute-1" if region == "us-east-1" else f"{region}.compute"
    return f"ec2-{address.replace('.', '-')}.{domain}.amazonaws.com"


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
