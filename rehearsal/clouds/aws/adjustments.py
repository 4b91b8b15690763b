"""The few places where moto's models themselves are replaced, each with the reason."""

import importlib
from collections.abc import Iterator
from typing import Any

from rehearsal import addresses
from rehearsal.clouds.aws.images import catalogue

ELASTIC = range(10, 128)
EPHEMERAL = range(128, 250)


def apply() -> None:
    """Replace them; called once, in front of the first request."""
    amis: Any = importlib.import_module("moto.ec2.models.amis")
    interfaces: Any = importlib.import_module("moto.ec2.models.elastic_network_interfaces")

    # Its own images are a random sample of old ones; ours are those that an environment asks for.
    amis.AmiBackend._load_amis = _load_images  # noqa: SLF001
    amis.Ami.block_device_mappings = property(_image_devices)
    # Groups launch in their own time, as on AWS, not within the call that changes them: see groups.py.
    scaling: Any = importlib.import_module("moto.autoscaling.models")
    scaling.FakeAutoScalingGroup.set_desired_capacity = _set_desired_capacity
    scaling.FakeAutoScalingGroup.replace_autoscaling_group_instances = lambda *_: None
    # Addresses which are given to machines must be routable in the rehearsal.
    ephemeral = _addresses(EPHEMERAL)
    interfaces.random_public_ip = lambda: next(ephemeral)


def _load_images(backend: Any) -> None:
    from moto.core.parse import default_timestamp_parser
    from moto.ec2.models.amis import Ami

    for image in catalogue():
        settings = dict(image["moto"])
        settings["creation_date"] = default_timestamp_parser(settings["creation_date"])
        made: Any = Ami(backend, **settings)
        made.root_gib = image["root_gib"]
        backend.amis[made.id] = made


def _image_devices(image: Any) -> list[dict[str, Any]]:
    """Every image of today has a gp3 root; moto says standard, 15 GiB, kept at termination."""
    return [
        {
            "DeviceName": image.root_device_name,
            "Ebs": {
                "SnapshotId": image.ebs_snapshot.id,
                "VolumeSize": getattr(image, "root_gib", 8),
                "DeleteOnTermination": True,
                "VolumeType": "gp3",
                "Encrypted": False,
            },
        }
    ]


def _set_desired_capacity(group: Any, wanted: int | None) -> None:
    group.desired_capacity = group.min_size if wanted is None else wanted


def _addresses(last: range) -> Iterator[str]:
    while True:
        for number in last:
            yield str(addresses.ELASTIC[number])
