"""The plugin as a process: it starts fast, prints its port, and ends when the engine says so."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2

from rehearsal.providers.plugin import wire

COMMAND = [sys.executable, "-P", "-m", "rehearsal.providers.kubernetes"]


@pytest.fixture
def process() -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(COMMAND, stdout=subprocess.PIPE, text=True) as started:
        yield started
        started.kill()


def _stub(process: "subprocess.Popen[str]") -> Any:
    assert process.stdout
    port = int(process.stdout.readline())
    return wire.provider_pb2_grpc.ResourceProviderStub(grpc.insecure_channel(f"127.0.0.1:{port}"))


def test_it_has_the_version_of_the_sdk(process: "subprocess.Popen[str]") -> None:
    info = _stub(process).GetPluginInfo(empty_pb2.Empty())
    assert info.version == version("pulumi-kubernetes")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_at_once_when_it_is_told_to(process: "subprocess.Popen[str]", number: int) -> None:
    stub = _stub(process)
    stub.GetPluginInfo(empty_pb2.Empty())
    started = time.monotonic()
    process.send_signal(number)
    assert process.wait(5) == 0
    assert time.monotonic() - started < 2, "the engine waits for every plugin at the end of a run"


def test_it_does_not_outlive_an_engine_that_was_killed(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen({COMMAND!r}, stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    engine = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert engine.stdout
    child = int(engine.stdout.readline())
    engine.kill()
    engine.wait()
    engine.stdout.close()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}/stat").exists() and " Z " not in Path(f"/proc/{child}/stat").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_what_a_preview_without_a_change_does_not_need_is_not_imported() -> None:
    code = "import json, sys, rehearsal.providers.kubernetes.__main__; print(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"pulumi", "kubernetes", "urllib3", "requests", "yaml", "rich", "typer", "importlib.metadata"}
    assert not heavy & set(json.loads(done.stdout)), "start-up is a part of every command"


def test_a_cancelled_wait_ends(process: "subprocess.Popen[str]") -> None:
    stub = _stub(process)
    stub.Cancel(empty_pb2.Empty())
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(5) == 0
