"""The disks of images that were made of rehearsed instances: `<state>/machines/images/<ami>.qcow2`.

As EC2 does unless told otherwise, the machine is shut down for it and started again afterwards
(docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateImage.html). Only the root disk is kept: the data
volume holds nothing that must survive.
"""

import time
from collections.abc import Callable
from pathlib import Path

from rehearsal.errors import BerthError
from rehearsal.machines import image, qemu
from rehearsal.machines.account import Reader
from rehearsal.paths import Paths

SHUTDOWN_SECONDS = 60.0


def directory(paths: Paths) -> Path:
    """Where the disks are."""
    return paths.state / "machines" / "images"


def take_missing(paths: Paths, reader: Reader, say: Callable[[str], None]) -> None:
    """Copy the disks of images that have none yet, of instances whose disks are still there."""
    for ami in reader.own_images():
        target = directory(paths) / f"{ami}.qcow2"
        if target.exists():
            continue
        source = reader.ask("GET", f"images/{ami}")["source_instance"]
        if source and qemu.files(paths, source).disk.exists():
            _shut_down(paths, source)
            try:
                qemu.flatten(qemu.files(paths, source).disk, target)
            except BerthError as problem:
                say(f"image {ami} of {source}: {problem}")
                continue
            say(f"image {ami} of {source}: {target.stat().st_size >> 20} MiB")


def disk_of(paths: Paths, reader: Reader, ami: str) -> Path | None:
    """What a machine of an image starts from; None for the cached image of the distribution.

    Raises:
        BerthError: there is no such disk in a rehearsal.
    """
    own = directory(paths) / f"{ami}.qcow2"
    if own.exists():
        return own
    known = reader.ask("GET", f"images/{ami}")
    if known["source_instance"]:
        raise BerthError(f"the disk of image {ami} is missing", "It went with the instance it was made of.")
    if known["disk"] != image.NAME:
        raise BerthError(
            f"a rehearsal has no disk for image {ami} ({known['disk']}): its machine is not booted",
            f"Only {image.NAME} is rehearsed with real machines.",
        )
    return None


def _shut_down(paths: Paths, instance_id: str) -> None:
    if qemu.pid(paths, instance_id) is not None:
        qemu.press_power_button(paths, instance_id)
        until = time.monotonic() + SHUTDOWN_SECONDS
        while qemu.pid(paths, instance_id) is not None and time.monotonic() < until:
            time.sleep(0.2)
    # Without its record, it counts as one that has never run: it is started again.
    qemu.kill(paths, instance_id)
