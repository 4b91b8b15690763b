import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal import process, service
from rehearsal.errors import BerthError
from rehearsal.paths import Paths
from rehearsal.process import Daemon

SLEEPER = Daemon(name="sleeper", argv=["sleep", "60"])


@pytest.fixture
def paths(tmp_path: Path) -> Iterator[Paths]:
    made = Paths(cache=tmp_path / "cache", state=tmp_path / "state", run=tmp_path / "run").create()
    yield made
    for name in process.names(made):
        process.stop(made, name)


def test_what_runs_and_answers_is_left_alone(paths: Paths) -> None:
    assert service.ensure(paths, SLEEPER, healthy=lambda: True)
    pid = process.pid_of(paths, "sleeper")
    assert not service.ensure(paths, SLEEPER, healthy=lambda: True)
    assert process.pid_of(paths, "sleeper") == pid


def test_a_changed_input_restarts(paths: Paths, tmp_path: Path) -> None:
    certificate = tmp_path / "certificate"
    certificate.write_text("old")
    service.ensure(paths, SLEEPER, healthy=lambda: True, inputs=[certificate])
    certificate.write_text("new")
    assert service.ensure(paths, SLEEPER, healthy=lambda: True, inputs=[certificate])


def test_one_that_does_not_answer_any_more_is_restarted(paths: Paths) -> None:
    service.ensure(paths, SLEEPER, healthy=lambda: True)
    answers = iter([False, True])
    assert service.ensure(paths, SLEEPER, healthy=lambda: next(answers))


def test_one_that_ends_at_once_shows_its_log(paths: Paths) -> None:
    broken = Daemon(name="broken", argv=[sys.executable, "-c", "raise SystemExit('no such setting')"])
    with pytest.raises(BerthError, match="no such setting"):
        service.ensure(paths, broken, healthy=lambda: False)


def test_one_that_never_answers_is_stopped(paths: Paths) -> None:
    with pytest.raises(BerthError, match="did not answer"):
        service.ensure(paths, SLEEPER, healthy=lambda: False, timeout=0.2)
    assert process.pid_of(paths, "sleeper") is None


def test_a_port_in_use_is_named(paths: Paths) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(BerthError, match=f"port {port} of 127.0.0.1 is in use"):
            service.ensure(paths, SLEEPER, healthy=lambda: True, listens=("127.0.0.1", port))
    assert process.pid_of(paths, "sleeper") is None


def test_an_address_that_the_machine_lacks_is_named(paths: Paths) -> None:
    with pytest.raises(BerthError, match=r"does not have the address 192\.0\.2\.1"):
        service.ensure(paths, SLEEPER, healthy=lambda: True, listens=("192.0.2.1", 80))
