"""An emulated account for the tests of this folder, and the plugin on it."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from aws_plugin import AwsPlugin


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The endpoint of an account of these tests' own."""
    address = f"127.0.0.1:{_free_port()}"
    log = tmp_path_factory.mktemp("account") / "log"
    command = [sys.executable, "-m", "rehearsal.clouds.aws.serve", "--http", address]
    settings = {
        "AWS_ENDPOINT_URL": f"http://{address}",
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "BERTH_CACHE": str(tmp_path_factory.mktemp("cache")),
    }
    before = {key: os.environ.get(key) for key in settings}
    with log.open("w") as out, subprocess.Popen(command, stdout=out, stderr=out) as server:
        try:
            _wait(server, f"http://{address}/_berth/health", log)
            os.environ.update(settings)
            yield f"http://{address}"
        finally:
            server.terminate()
            for key, value in before.items():
                os.environ.pop(key) if value is None else os.environ.__setitem__(key, value)


def _wait(server: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return


@pytest.fixture(scope="session")
def shared_plugin(account: str) -> AwsPlugin:
    """One plugin for tests that leave nothing behind: its clients take a while to make."""
    return AwsPlugin(region="us-east-1", defaultTags='{"tags": {"owner": "tests", "environment": "unit"}}')


@pytest.fixture
def plugin(account: str) -> AwsPlugin:
    """A plugin of this test's own."""
    return AwsPlugin(region="us-east-1")
