import json
import os
import socket
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from interrupted import Engine

from scripts.berth.pending import backend


@pytest.fixture
def place(engine: Engine, tmp_path: Path) -> Engine:
    return replace(engine, environ={**engine.environ, "PULUMI_BACKEND_URL": f"file://{tmp_path}"})


def lock(tmp_path: Path, **holder: Any) -> Path:
    file = tmp_path / ".pulumi" / "locks" / "organization" / "berth" / "dev" / "1.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"username": "me", "hostname": socket.gethostname(), **holder}))
    file.with_name("1.json.attrs").write_text("{}")
    return file


def dead() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_the_lock_of_a_dead_command_is_released(place: Engine, tmp_path: Path) -> None:
    pid = dead()
    file = lock(tmp_path, pid=pid)
    assert backend.mend(place, "other") == []
    assert backend.mend(place, "dev") == [f"me, pid {pid}"]
    assert list(file.parent.iterdir()) == []


def test_a_lock_of_another_host_stays(place: Engine, tmp_path: Path) -> None:
    file = lock(tmp_path, pid=dead(), hostname="elsewhere")
    assert backend.mend(place, "dev") == []
    assert file.exists()


def test_a_lock_of_a_living_engine_stays(place: Engine, tmp_path: Path) -> None:
    with subprocess.Popen(["bash", "-c", "exec -a pulumi sleep 60"]) as engine:
        file = lock(tmp_path, pid=engine.pid)
        cmdline = Path(f"/proc/{engine.pid}/cmdline")
        while b"pulumi" not in cmdline.read_bytes():
            pass
        assert backend.mend(place, "dev") == []
        engine.kill()
    assert file.exists()
    lock(tmp_path, pid=os.getpid())
    assert len(backend.mend(place, "dev")) == 1, "the pid has become another program's"


def test_a_file_written_by_half_goes_and_the_state_stays(place: Engine, tmp_path: Path) -> None:
    stacks = tmp_path / ".pulumi" / "stacks" / "berth"
    stacks.mkdir(parents=True)
    for name, text in {
        "dev.json": "{}",
        "dev.json.attrs": "",
        "dev.json.1.tmp": "{",
        "dev.json.bak": "{}",
        "dev.json.bak.attrs": '{"user.content_type":"text/plain"}',
        "device.json.attrs": "",
    }.items():
        (stacks / name).write_text(text)
    holder = lock(tmp_path, pid=dead(), hostname="elsewhere")
    backend.mend(place, "dev")
    assert (stacks / "dev.json.attrs").exists(), "somebody is at work"
    holder.unlink()
    backend.mend(place, "dev")
    left = sorted(file.name for file in stacks.iterdir())
    assert left == ["dev.json", "dev.json.bak", "dev.json.bak.attrs", "device.json.attrs"]


def test_a_backend_elsewhere_is_left_alone(engine: Engine) -> None:
    assert backend.directory(engine) is None
    assert backend.mend(engine, "dev") == []
    assert backend.checkpoint(engine, "dev") is None
