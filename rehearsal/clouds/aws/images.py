"""The machine images of the account (data/images.json): those that the environments and their profiles name.

Owners, naming patterns and root devices are the vendors'; ids, dates and serials are made up.
Debian: https://wiki.debian.org/Cloud/AmazonEC2Image/Trixie, Ubuntu: https://documentation.ubuntu.com/aws/,
Deep Learning: https://docs.aws.amazon.com/dlami/latest/devguide/, EKS:
https://docs.aws.amazon.com/eks/latest/userguide/retrieve-ami-id.html
"""

from functools import cache
from typing import Any

from rehearsal.clouds.aws.emulator import backends, data


@cache
def catalogue() -> list[dict[str, Any]]:
    """Images, each with `moto` (what moto keeps), `root_gib`, `disk` (what boots), `user`, `parameters`."""
    images: list[dict[str, Any]] = data("images.json")
    return images


def origin(ami: str) -> dict[str, Any]:
    """The catalogue's image that an image stems from, through the instances in between."""
    for image in catalogue():
        if image["moto"]["ami_id"] == ami:
            return image
    with backends() as backend:
        made = backend("ec2").amis[ami]
    return origin(made.instance.image_id)
