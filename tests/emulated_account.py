"""An emulated AWS account of a test's own: started on a free port, asked through its administration."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

START_SECONDS = 60


class EmulatedAccount:
    """One that runs."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def variables(self) -> dict[str, str]:
        """What SDKs need to work on it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def inventory(self) -> Any:
        """Every resource that exists, sorted."""
        return self._ask("inventory")

    def faults(self, rules: Sequence[Mapping[str, Any]]) -> None:
        """Inject these from now on, and no others."""
        self._ask("faults", list(rules))

    def injected(self) -> list[Mapping[str, Any]]:
        """The faults that were carried out since the rules were set."""
        answer = self._ask("faults")
        done: list[Mapping[str, Any]] = answer["done"] if isinstance(answer, dict) else []
        return done

    def reset(self) -> None:
        """As new."""
        self._ask("reset", {})

    def _ask(self, path: str, content: Any = None) -> Any:
        data = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(f"{self.endpoint}/_berth/{path}", data=data)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)


@contextmanager
def running(folder: Path, *options: str) -> Iterator[EmulatedAccount]:
    """An account that ends with the block; its log is in the folder. options: more for its command line."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    log = folder / "emulated-account.log"
    command = [sys.executable, "-m", "rehearsal.clouds.aws.serve", "--http", address, *options]
    with log.open("w") as out, subprocess.Popen(command, stdout=out, stderr=out) as server:
        try:
            _wait(server, f"http://{address}/_berth/health", log)
            yield EmulatedAccount(f"http://{address}")
        finally:
            server.terminate()


def _wait(server: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, "the emulated account does not answer"
            time.sleep(0.1)
        else:
            return
