import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rehearsal import process, session, workspace
from rehearsal.errors import BerthError
from rehearsal.paths import Paths
from rehearsal.process import Daemon
from rehearsal.session import Choice, Record
from scripts.berth import inside


@pytest.fixture
def up(where: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Record]:
    """A rehearsal that is up, as far as `ready` looks: one daemon, and an API server that answers."""
    monkeypatch.setattr(session, "api_server_answers", lambda: True)
    process.start(where, Daemon(name="etcd", argv=["sleep", "60"]))
    where.kubeconfig.write_text("")
    workspace.shims(where).mkdir(parents=True)
    record = Record(
        fingerprint=session.fingerprint(),
        boot=session.boot(),
        choice=Choice(gpus=2),
        programs=(str(tmp_path),),
        daemons=("etcd",),
        access_keys={"local": ("id", "secret")},
        images={"train": "registry/train:1"},
    )
    session.save(where, record)
    yield record
    process.stop(where, "etcd")


def test_what_was_brought_up_is_found_again(where: Paths, up: Record) -> None:
    assert session.ready(where) == up
    assert session.ready(where, Choice(gpus=2)) == up
    assert session.record_file(where).stat().st_mode & 0o077 == 0, "the record holds a key"


def test_another_choice_needs_a_bring_up(where: Paths, up: Record) -> None:
    assert session.ready(where, Choice(gpus=4)) is None


def test_a_dead_daemon_needs_a_bring_up(where: Paths, up: Record) -> None:
    process.stop(where, "etcd")
    assert session.ready(where) is None


def test_a_reboot_needs_a_bring_up(where: Paths, up: Record) -> None:
    session.save(where, replace(up, boot="another"))
    assert session.ready(where) is None


def test_changed_code_needs_a_bring_up(where: Paths, up: Record) -> None:
    session.save(where, replace(up, fingerprint="another"))
    assert session.ready(where) is None


def test_a_silent_api_server_needs_a_bring_up(
    where: Paths, up: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "api_server_answers", lambda: False)
    assert session.ready(where) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"fingerprint": 1}'])
def test_a_damaged_record_counts_as_none(where: Paths, text: str) -> None:
    session.record_file(where).write_text(text)
    assert session.load(where) is None
    assert session.ready(where) is None


def test_flags_count_before_the_record_and_the_record_before_the_defaults(where: Paths, up: Record) -> None:
    assert inside.choose(where, "local", None, None) == Choice(gpus=2)
    assert inside.choose(where, "local", None, 0) == Choice(gpus=0)
    with pytest.raises(BerthError, match="kind of cluster"):
        inside.choose(where, "local", "minikube", None)


def test_the_number_of_gpus_comes_from_the_values(tmp_path: Path) -> None:
    (tmp_path / "stacks").mkdir()
    values = tmp_path / "stacks" / "Pulumi.x.yaml"
    values.write_text("config:\n  # berth:gpus: 9\n  berth:gpus: 3\n")
    assert inside.values_gpus("x", tmp_path) == 3
    values.write_text("config: {}\n")
    assert inside.values_gpus("x", tmp_path) == 0
    assert inside.values_gpus("absent", tmp_path) == 0


def test_a_shell_inside_the_rehearsal_finds_the_users_engine_behind_ours(
    where: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{workspace.shims(where)}:/usr/bin:/bin")
    inside.leave_shims_alone(where)
    path = subprocess.run(["sh", "-c", "echo $PATH"], capture_output=True, text=True, check=True).stdout
    assert path.strip() == "/usr/bin:/bin"


def test_a_refused_command_leaves_no_directories_and_a_log_is_kept(where: Paths) -> None:
    (where.run / "lock").touch()
    log = where.logs / "cluster.log"
    log.write_text("why")
    inside.remove_empty(where)
    assert log.exists()
    log.unlink()
    inside.remove_empty(where)
    assert not any(directory.exists() for directory in (where.cache, where.state, where.run))
