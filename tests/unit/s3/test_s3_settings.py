import os
from pathlib import Path

import pytest

from rehearsal.clouds import s3
from rehearsal.paths import Paths


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(cache=tmp_path / "cache", state=tmp_path / "state", run=tmp_path / "run").create()


def test_credentials_are_random_kept_and_private(paths: Paths) -> None:
    made = s3.credentials(paths)
    assert s3.credentials(paths) == made
    file = paths.state / "s3" / "credentials.json"
    assert file.stat().st_mode & 0o077 == 0
    file.unlink()
    assert s3.credentials(paths) != made


def test_damaged_credentials_are_made_again(paths: Paths) -> None:
    s3.credentials(paths)
    (paths.state / "s3" / "credentials.json").write_text('{"access_key_id": ')
    assert s3.credentials(paths).secret_access_key


def test_the_secret_is_not_on_the_command_line(paths: Paths) -> None:
    daemon = s3._daemon(paths, Path("/versitygw"))
    secret = s3.credentials(paths).secret_access_key
    assert secret not in " ".join(daemon.argv)
    assert daemon.env
    assert daemon.env["ROOT_SECRET_ACCESS_KEY"] == secret


def test_metadata_goes_to_files_where_attributes_are_not_kept(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "not supported")

    monkeypatch.setattr(os, "setxattr", refuse)
    assert "--sidecar" in s3._daemon(paths, Path("/versitygw")).argv


def test_nothing_runs_in_a_fresh_place(paths: Paths) -> None:
    assert not s3.is_running(paths)
    s3.stop(paths)
