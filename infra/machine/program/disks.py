"""The data volume: found, formatted only where it is blank, mounted by UUID. Pure but for `prepare`."""

from __future__ import annotations

import json
import os
from typing import Any

from .machine import Failed, Machine

MOUNT = "/data"
LABEL = "berth-data"
COLUMNS = "PATH,TYPE,SIZE,RO,MODEL,FSTYPE,PTTYPE,LABEL,MOUNTPOINT"
# They vanish with the instance:
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/InstanceStorage.html
EPHEMERAL = "Instance Storage"
BLANK = 1 << 20


def choose(devices: list[dict[str, Any]], gib: int) -> tuple[str, bool]:
    """From `lsblk --json`: the data volume's path, and whether it has to be formatted.

    A volume that this program has formatted is known by its label. Else it is the only blank disk of the
    size asked for, or the only blank one. Names tell nothing: /dev/sdf may be nvme1n1, xvdf or vdb.

    Raises:
        Failed: there is none, or more than one.
    """
    disks = [
        disk
        for disk in devices
        if disk["type"] == "disk"
        and not disk.get("children")
        and disk.get("ro") not in (True, "1")
        and disk.get("mountpoint") in (None, MOUNT)
        and EPHEMERAL not in (disk.get("model") or "")
        and int(disk["size"]) >= 1 << 28
        and not disk["path"].startswith(("/dev/zram", "/dev/fd"))
    ]
    known = [disk for disk in disks if disk.get("label") == LABEL]
    if len(known) == 1:
        return str(known[0]["path"]), False
    blank = [disk for disk in disks if not disk.get("fstype") and not disk.get("pttype")]
    fitting = [disk for disk in blank if int(disk["size"]) == gib << 30]
    for found in (fitting, blank):
        if not known and len(found) == 1:
            return str(found[0]["path"]), True
    seen = ", ".join(
        "{} ({} bytes, {})".format(d["path"], d["size"], d.get("fstype") or d.get("pttype") or "blank")
        for d in disks
    )
    raise Failed(f"no single disk can be the data volume of {gib} GiB: {seen or 'there is none'}")


def fstab(text: str, uuid: str) -> str:
    """The table with the data volume's line, once."""
    lines = [line for line in text.splitlines() if line.split()[1:2] != [MOUNT]]
    lines.append(f"UUID={uuid} {MOUNT} ext4 defaults,noatime,nofail,x-systemd.device-timeout=60 0 2")
    return "\n".join(lines) + "\n"


def prepare(machine: Machine, gib: int) -> None:
    """Have the data volume mounted at MOUNT. Raises Failed."""
    listed = json.loads(machine.run("lsblk", "--json", "--bytes", "--output", COLUMNS))
    path, blank = choose(listed["blockdevices"], gib)
    if blank:
        _ensure_blank(machine, path)
        machine.run("mkfs.ext4", "-q", "-m", "0", "-L", LABEL, path)
    uuid = machine.run("blkid", "-p", "-s", "UUID", "-o", "value", path)
    if machine.write("/etc/fstab", fstab(machine.read("/etc/fstab"), uuid)):
        machine.run("systemctl", "daemon-reload")
    machine.path(MOUNT).mkdir(exist_ok=True)
    if machine.attempt("mountpoint", "-q", MOUNT)[0]:
        machine.run("mount", MOUNT)
    for name, mode in (("docker", 0o710), ("scratch", 0o1777)):
        directory = machine.path(f"{MOUNT}/{name}")
        directory.mkdir(exist_ok=True)
        directory.chmod(mode)


def _ensure_blank(machine: Machine, path: str) -> None:
    """A second look, past udev's memory: no signature of any kind, and nothing at the beginning."""
    status, text = machine.attempt("blkid", "-p", path)
    if status != 2:
        raise Failed(f"{path} is not formatted, because something is on it: {text}")
    with machine.path(path).open("rb") as disk:
        if any(disk.read(BLANK)):
            raise Failed(f"{path} is not formatted, because its first MiB is not empty")
    os.sync()
