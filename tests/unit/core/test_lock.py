import os
from pathlib import Path

import pytest

from rehearsal.errors import BerthError
from rehearsal.lock import exclusive
from rehearsal.paths import Paths


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(cache=tmp_path / "cache", state=tmp_path / "state", run=tmp_path / "run")


def test_the_second_command_is_told_who_holds_the_lock(paths: Paths) -> None:
    with exclusive(paths), pytest.raises(BerthError) as refused, exclusive(paths):
        pass
    assert f"pid {os.getpid()}" in refused.value.message
    assert refused.value.hint


def test_the_lock_is_free_again_after_a_failure(paths: Paths) -> None:
    with pytest.raises(ZeroDivisionError), exclusive(paths):
        raise ZeroDivisionError
    with exclusive(paths):
        pass
