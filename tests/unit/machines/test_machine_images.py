"""Which disks images get, and which disk a machine starts from."""

from pathlib import Path
from typing import Any, ClassVar

import pytest

from rehearsal.errors import BerthError
from rehearsal.machines import qemu, snapshot
from rehearsal.paths import Paths


class Reader:
    """An account with one image of its own and two of others."""

    known: ClassVar = {
        "ami-own": {"source_instance": "i-1", "disk": "debian-13"},
        "ami-debian": {"source_instance": None, "disk": "debian-13"},
        "ami-ubuntu": {"source_instance": None, "disk": "ubuntu-24.04"},
    }

    def own_images(self) -> list[str]:
        return ["ami-own"]

    def ask(self, method: str, path: str) -> dict[str, Any]:
        assert method == "GET"
        return self.known[path.removeprefix("images/")]


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, Path]]:
    made: list[tuple[Path, Path]] = []

    def flatten(source: Path, target: Path) -> None:
        made.append((source, target))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("disk")

    monkeypatch.setattr(qemu, "flatten", flatten)
    return made


def test_a_new_image_gets_the_disk_of_its_instance_once(
    paths: Paths, copies: list[tuple[Path, Path]]
) -> None:
    disk = qemu.files(paths, "i-1").disk
    disk.parent.mkdir(parents=True)
    disk.write_text("disk")
    reader: Any = Reader()
    snapshot.take_missing(paths, reader, lambda _: None)
    snapshot.take_missing(paths, reader, lambda _: None)
    assert copies == [(disk, snapshot.directory(paths) / "ami-own.qcow2")]
    assert snapshot.disk_of(paths, reader, "ami-own") == snapshot.directory(paths) / "ami-own.qcow2"


def test_an_image_whose_instance_is_gone_has_no_disk(paths: Paths, copies: list[tuple[Path, Path]]) -> None:
    reader: Any = Reader()
    snapshot.take_missing(paths, reader, lambda _: None)
    assert copies == []
    with pytest.raises(BerthError, match="is missing"):
        snapshot.disk_of(paths, reader, "ami-own")


def test_only_the_rehearsed_distribution_is_booted(paths: Paths) -> None:
    reader: Any = Reader()
    assert snapshot.disk_of(paths, reader, "ami-debian") is None
    with pytest.raises(BerthError, match=r"ubuntu-24\.04"):
        snapshot.disk_of(paths, reader, "ami-ubuntu")
