import json
import os
import subprocess
import time
from importlib.metadata import version
from pathlib import Path

from rehearsal import process, recovery, standins
from rehearsal.paths import Paths


def lock_of(where: Paths, pid: int) -> Path:
    lock = where.state / "backend" / ".pulumi" / "locks" / "organization" / "berth" / "local" / "x.json"
    lock.parent.mkdir(parents=True)
    lock.write_text(json.dumps({"pid": pid, "username": "root"}))
    return lock


def test_the_lock_of_a_dead_command_is_removed(where: Paths) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    lock = lock_of(where, dead.pid)
    assert recovery.release_stale_locks(where) == ["local"]
    assert not lock.exists()


def test_a_lock_whose_pid_now_belongs_to_another_program_is_removed(where: Paths) -> None:
    lock = lock_of(where, os.getpid())
    assert recovery.release_stale_locks(where) == ["local"]
    assert not lock.exists()


def test_an_orphaned_engine_is_ended_gently(where: Paths, tmp_path: Path) -> None:
    script = "trap 'touch saved; exit 0' INT; touch up; while :; do sleep 0.05; done"
    # A shell started in the background ignores SIGINT unless it is in a session of its own.
    engine = subprocess.Popen(["bash", "-c", script], cwd=tmp_path, start_new_session=True)
    while not (tmp_path / "up").exists():
        assert engine.poll() is None
    recovery.remember_engine(where, engine.pid)
    assert recovery.end_orphaned_engine(where)
    assert (tmp_path / "saved").exists(), "the engine must get the chance to save its state"
    assert process.pid_of(where, recovery.ENGINE) is None
    assert not recovery.end_orphaned_engine(where)


def test_the_stand_in_has_the_version_of_the_sdk(where: Paths, tmp_path: Path) -> None:
    plugins = where.state / "pulumi" / "plugins"
    (plugins / "resource-kubernetes-v1.0.0").mkdir(parents=True)
    launchers = standins.install(where, tmp_path)
    names = [f"resource-{name}-v{version(f'pulumi-{name}')}" for name in ("aws", "kubernetes")]
    assert sorted(launcher.parent.name for launcher in launchers) == names
    assert all(os.access(launcher, os.X_OK) for launcher in launchers)
    assert sorted(entry.name for entry in plugins.iterdir()) == names


def test_plugins_of_a_killed_engine_are_found_and_those_of_a_living_one_are_left(
    where: Paths, tmp_path: Path
) -> None:
    program = tmp_path / "pulumi-resource-x"
    program.write_text("#!/bin/bash\nread\n")
    program.chmod(0o755)
    for parent in ("shell", "pulumi"):
        (tmp_path / parent).write_text(f"#!/bin/bash\n{program}; true\n")
        (tmp_path / parent).chmod(0o755)

    def plugin(parent: str, home: Path) -> subprocess.Popen[bytes]:
        environ = os.environ | {"PULUMI_HOME": str(home / "pulumi")}
        return subprocess.Popen([tmp_path / parent], env=environ, stdin=subprocess.PIPE)

    def children(pid: int) -> int:
        """Plugins that a shell has started; a shell that has only forked is not one yet."""
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return sum(b"pulumi-resource-x" in Path(f"/proc/{child}/cmdline").read_bytes() for child in found)

    ours, others, living = (
        plugin("shell", where.state),
        plugin("shell", tmp_path),
        plugin("pulumi", where.state),
    )
    try:
        until = time.monotonic() + 30
        while any(children(engine.pid) != 1 for engine in (ours, others, living)):
            assert time.monotonic() < until, "the engines did not start their plugins"
            time.sleep(0.05)
        (found,) = recovery.orphaned_plugins(where)
        parent = Path(f"/proc/{found}/stat").read_text().rpartition(")")[2].split()[1]
        assert int(parent) == ours.pid
    finally:
        for process_ in (ours, others, living):
            process_.communicate()
