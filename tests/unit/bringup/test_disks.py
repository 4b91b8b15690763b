"""Which disk is the data volume, and that nothing with data on it is ever formatted."""

import json
from pathlib import Path
from typing import Any

import pytest
from bringup_parts import ScriptedMachine

from infra.machine.program import disks
from infra.machine.program.machine import Failed

GIB = 1 << 30


def disk(path: str, gib: int = 100, **about: Any) -> dict[str, Any]:
    usual = {"path": path, "type": "disk", "size": gib * GIB, "ro": False, "model": None, "fstype": None}
    return {**usual, "pttype": None, "label": None, "mountpoint": None, **about}


ROOT = disk("/dev/nvme0n1", 30, pttype="gpt", children=[{"path": "/dev/nvme0n1p1", "mountpoint": "/"}])
WHOLE_ROOT = disk("/dev/vda", 8, fstype="ext4", mountpoint="/")
INSTANCE_STORE = disk("/dev/nvme2n1", 100, model="Amazon EC2 NVMe Instance Storage")


@pytest.mark.parametrize("name", ["/dev/nvme1n1", "/dev/xvdf", "/dev/vdb", "/dev/sdf"])
def test_the_blank_disk_is_it_under_any_name(name: str) -> None:
    for root in (ROOT, WHOLE_ROOT):
        assert disks.choose([root, disk(name), INSTANCE_STORE], 100) == (name, True)


def test_a_disk_of_another_size_is_taken_only_when_it_is_the_only_blank_one() -> None:
    assert disks.choose([ROOT, disk("/dev/nvme1n1", 20)], 100) == ("/dev/nvme1n1", True)
    assert disks.choose([ROOT, disk("/dev/nvme1n1", 20), disk("/dev/nvme3n1", 100)], 100)[0] == "/dev/nvme3n1"


def test_one_that_berth_has_formatted_is_known_by_its_label_and_not_formatted() -> None:
    known = disk("/dev/nvme2n1", 50, fstype="ext4", label="berth-data")
    assert disks.choose([ROOT, disk("/dev/nvme1n1"), known], 100) == ("/dev/nvme2n1", False)
    mounted = {**known, "mountpoint": "/data"}
    assert disks.choose([ROOT, mounted], 100) == ("/dev/nvme2n1", False)


@pytest.mark.parametrize(
    "others",
    [
        [],
        [disk("/dev/nvme1n1", fstype="xfs")],
        [disk("/dev/nvme1n1", pttype="gpt")],
        [disk("/dev/nvme1n1", children=[{"path": "/dev/nvme1n1p1"}])],
        [disk("/dev/nvme1n1", mountpoint="/srv")],
        [disk("/dev/nvme1n1", ro=True)],
        [INSTANCE_STORE],
        [disk("/dev/nvme1n1"), disk("/dev/nvme2n1")],
        [disk(f"/dev/nvme{n}n1", fstype="ext4", label="berth-data") for n in (1, 2)],
    ],
)
def test_where_it_is_not_clear_nothing_is_chosen(others: list[dict[str, Any]]) -> None:
    with pytest.raises(Failed, match="no single disk can be the data volume of 100 GiB"):
        disks.choose([ROOT, *others], 100)


def test_the_table_of_file_systems_names_the_volume_once() -> None:
    text = "# static\nUUID=root / ext4 defaults 0 1\n"
    once = disks.fstab(text, "1234")
    assert once.startswith(text)
    assert once.count("/data") == 1
    assert disks.fstab(once, "1234") == once
    assert "UUID=1234" not in disks.fstab(once, "5678")


def _prepared(machine: ScriptedMachine, content: bytes, signature: tuple[int, str]) -> Path:
    device = machine.path("/dev/nvme1n1")
    device.parent.mkdir()
    device.write_bytes(content)
    listed = {"blockdevices": [disk("/dev/nvme1n1")]}
    machine.answers = {
        "lsblk": (0, json.dumps(listed)),
        "blkid -p /dev/nvme1n1": signature,
        "blkid -p -s UUID": (0, "1234"),
        "mountpoint": (1, ""),
    }
    return device


def test_a_blank_volume_is_formatted_and_mounted_by_its_uuid(machine: ScriptedMachine) -> None:
    _prepared(machine, bytes(4096), (2, ""))
    disks.prepare(machine, 100)
    assert any(command.startswith("mkfs.ext4") for command in machine.ran)
    assert machine.ran[-1] == "mount /data"
    assert "UUID=1234 /data" in machine.read("/etc/fstab")
    assert machine.path("/data/scratch").stat().st_mode & 0o7777 == 0o1777


@pytest.mark.parametrize(
    ("content", "signature"), [(bytes(512) + b"data", (2, "")), (bytes(4096), (0, "LVM2_member"))]
)
def test_a_volume_with_anything_on_it_is_not_formatted(
    machine: ScriptedMachine, content: bytes, signature: tuple[int, str]
) -> None:
    device = _prepared(machine, content, signature)
    with pytest.raises(Failed, match="is not formatted"):
        disks.prepare(machine, 100)
    assert not any(command.startswith("mkfs") for command in machine.ran)
    assert device.read_bytes() == content
