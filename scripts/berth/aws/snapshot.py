"""`snapshot`: an image of the machine as it is, which the next `up` can start from."""

import time
from datetime import UTC, datetime
from typing import Any

from infra.outputs import AwsVmDeployed
from rehearsal.errors import BerthError
from scripts.berth.aws import machines, watch
from scripts.berth.aws.clients import asking, ec2
from scripts.berth.aws.deployed import deployed
from scripts.berth.aws.watch import Progress
from scripts.berth.place import Place


def take(
    place: Place, env: str, shown: Progress, *, instance: str = "", reboot: bool = False, minutes: float = 60
) -> str:
    """Make the image and wait until it can be used; returns its id.

    Without a reboot the image is what a power cut would leave: journals are replayed when it starts.
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateImage.html
    """
    outputs = deployed(place, env)
    machine = machines.find(place, outputs, "machine", instance)
    client = ec2(place, outputs.region)
    now = datetime.now(UTC)
    tags: Any = [{"Key": key, "Value": value} for key, value in _tags(outputs, machine.id, now).items()]
    with asking("an image of the machine"):
        image = client.create_image(
            InstanceId=machine.id,
            Name=f"berth-{env}-{now:%Y%m%d-%H%M%S}",
            Description=f"berth: {env} as it was on {machine.id}",
            NoReboot=not reboot,
            TagSpecifications=[
                {"ResourceType": "image", "Tags": tags},
                {"ResourceType": "snapshot", "Tags": tags},
            ],
        )["ImageId"]
    shown.done(f"{image} of {machine}")
    _wait(client, image, shown, minutes)
    return image


def start_from(config: dict[str, Any], image: str) -> dict[str, Any]:
    """The values' `machine.image` for an image: what runs on it stays, where it was found goes."""
    machine = config.get("machine")
    present = machine.get("image") if isinstance(machine, dict) else None
    kept = present if isinstance(present, dict) else {}
    return {key: kept[key] for key in ("distribution", "profile") if key in kept} | {"id": image}


def _tags(outputs: AwsVmDeployed, instance: str, now: datetime) -> dict[str, str]:
    # No end of lifetime: an image is made to outlive its environment.
    return {
        "Name": f"berth-{outputs.environment}",
        "berth:environment": outputs.environment,
        "berth:managed-by": "berth",
        "berth:source": instance,
        "berth:base-image": outputs.image_id,
        "berth:created": f"{now:%Y-%m-%dT%H:%M:%SZ}",
    }


def _wait(client: Any, image: str, shown: Progress, minutes: float) -> None:
    until = time.monotonic() + minutes * 60
    while True:
        with asking(f"the image {image}"):
            found = client.describe_images(ImageIds=[image])["Images"]
            state = found[0]["State"] if found else "pending"
            if state == "available":
                return
            if state != "pending":
                reason = (found[0].get("StateReason") or {}).get("Message") or "no reason given"
                raise BerthError(f"the image {image} is {state}: {reason}", "Take another.")
            shown.now(f"{image}: pending{_progress(client, found)}")
        if time.monotonic() > until:
            raise BerthError(
                f"the image {image} is not available after {minutes:g} minutes",
                f"AWS goes on: `aws ec2 describe-images --image-ids {image}` tells when it is.",
            )
        watch.pause()


def _progress(client: Any, found: list[Any]) -> str:
    """How far its snapshots are; empty where AWS does not say yet."""
    mappings = found[0].get("BlockDeviceMappings", []) if found else []
    ids = [one["Ebs"]["SnapshotId"] for one in mappings if one.get("Ebs", {}).get("SnapshotId")]
    if not ids:
        return ""
    snapshots = client.describe_snapshots(SnapshotIds=ids)["Snapshots"]
    return ", snapshots " + " ".join(str(one.get("Progress") or "0%") for one in snapshots)
