"""A Pulumi project for one test, on an emulated account of its own; no other part of the rehearsal runs."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trial_project import Trial

from rehearsal import engine, environment, standins
from rehearsal.paths import Paths
from rehearsal.steps import Steps

HEAD = """
import pulumi
from pulumi_aws import Provider, ec2
"""


class AwsTrial(Trial):
    """A project whose resources are in the emulated account."""

    def __init__(self, folder: Path, environ: Mapping[str, str], endpoint: str) -> None:
        super().__init__(folder, environ)
        self.endpoint = endpoint

    def program(self, text: str = "") -> None:
        (self.folder / "__main__.py").write_text(HEAD + text)

    def client(self, service: str) -> Any:
        import boto3

        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
            aws_secret_access_key="secret",
        )

    def ask(self, path: str, body: Any = None) -> Any:
        """The account's administration: `inventory`, `faults`."""
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"{self.endpoint}/_berth/{path}", data=data, timeout=30) as answer:
            return json.load(answer)

    def resources(self) -> dict[str, dict[str, Any]]:
        """The state's resources by logical name."""
        exported = json.loads(self.pulumi("stack", "export"))
        return {one["urn"].rpartition("::")[2]: one for one in exported["deployment"]["resources"]}


@contextmanager
def account(log: Path) -> Iterator[str]:
    """The endpoint of an emulated account that lives as long as this."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    command = [sys.executable, "-m", "rehearsal.clouds.aws.serve", "--http", address]
    with log.open("w") as out, subprocess.Popen(command, stdout=out, stderr=out) as server:
        try:
            deadline = time.monotonic() + 60
            while not _answers(f"http://{address}/_berth/health"):
                assert server.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
            yield f"http://{address}"
        finally:
            server.terminate()


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except OSError:
        return False
    return True


def inside(state: Paths, endpoint: str) -> dict[str, str]:
    """The environment of a process in a rehearsal that consists of the engine and the account."""
    state.create()
    steps = Steps(logs=state.logs)
    standins.install(state)
    environment.prepare(state)
    made = environment.environment(
        state, programs=[engine.ensure(state, steps).bin_dir], access_key=("AKIAIOSFODNN7EXAMPLE", "secret")
    )
    variables = {
        name: value for name, value in made.over(os.environ).items() if name != "AWS_ENDPOINT_URL_S3"
    }
    return {**variables, "AWS_ENDPOINT_URL": endpoint}
