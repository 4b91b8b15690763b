"""What a rehearsal keeps for the account: its key, and the link to the simulated packages."""

from pathlib import Path

import pytest

from rehearsal.clouds import aws
from rehearsal.clouds.aws import settings
from rehearsal.machines import nvidia
from rehearsal.paths import Paths
from rehearsal.steps import Steps


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(cache=tmp_path / "cache", state=tmp_path / "state", run=tmp_path / "run").create()


def test_the_key_is_random_private_and_kept(paths: Paths) -> None:
    key, secret = aws.credentials(paths)
    file = paths.state / "aws" / "credentials"
    assert key.startswith("AKIA")
    assert len(key) == 20
    assert file.stat().st_mode & 0o077 == 0
    assert aws.credentials(paths) == (key, secret)
    assert settings.read_keys(file) == {key: secret}
    file.unlink()
    assert aws.credentials(paths) != (key, secret)


def test_new_packages_do_not_mean_a_new_account(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvidia, "packages", list)
    with Steps(logs=paths.logs).step("try") as step:
        for name in ("first", "second"):
            target = paths.cache / name
            target.mkdir()
            monkeypatch.setattr(nvidia, "ensure", lambda *_, found=target: found)
            link = aws._sources(paths, step)
            assert link == paths.state / "aws" / "sources", "the path in the daemon's arguments stays"
            assert link.resolve() == target


def test_nobody_answers_where_nothing_runs() -> None:
    assert aws.health("http://127.0.0.1:9") is None
