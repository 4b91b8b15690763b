"""Private files: who may read them, and when they are written."""

import stat
from pathlib import Path

import pytest

from rehearsal.files import write_private


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_private_file_and_its_new_directory_are_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "secret"
    assert write_private(file, "one")
    assert (file.read_text(), mode(file), mode(file.parent)) == ("one", 0o600, 0o700)
    assert list(file.parent.iterdir()) == [file], "a part of it was left"


def test_a_directory_that_exists_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    write_private(tmp_path / "secret", "one")
    assert mode(tmp_path) == 0o755, "others may need to read what else is there"


def test_a_private_file_is_written_only_where_it_differs(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    write_private(file, "one")
    before = file.stat().st_ino
    assert not write_private(file, "one")
    assert file.stat().st_ino == before
    assert write_private(file, "two")
    assert file.read_text() == "two"


def test_a_file_that_others_can_read_becomes_private(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("one")
    file.chmod(0o644)
    assert write_private(file, "one")
    assert mode(file) == 0o600


@pytest.mark.parametrize("there", [b"on", b"\xff"], ids=["half", "not text"])
def test_what_an_interruption_left_is_written_over(tmp_path: Path, there: bytes) -> None:
    file, partial = tmp_path / "secret", tmp_path / ".secret.partial"
    file.write_bytes(there)
    partial.write_text("half")
    partial.chmod(0o644)
    assert write_private(file, "one")
    assert (file.read_text(), mode(file), partial.exists()) == ("one", 0o600, False)
