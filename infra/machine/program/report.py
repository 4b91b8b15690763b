"""What others can see of a bring-up: status.json and the log in the bucket, and marks on the console."""

# ruff: noqa: TC001 # a block for type checking would be shipped for nothing
from __future__ import annotations

import contextlib
import json
import time
from typing import Any

from .aws import Aws, AwsError
from .machine import Machine


def utc() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class Report:
    """One machine's report. Its own failures are logged and never end a bring-up."""

    def __init__(self, machine: Machine, aws: Aws, instance: str) -> None:
        self._machine = machine
        self._aws = aws
        self.instance = instance

    def mark(self, text: str) -> None:
        self._machine.say("berth: " + text)
        with contextlib.suppress(OSError), self._machine.path("/dev/console").open("w") as console:
            console.write(f"berth: {text}\n")

    def status(self, stage: str, done: list[dict[str, Any]], failed: str | None = None) -> None:
        content = {
            "instance_id": self.instance,
            "stage": stage,
            "done": done,
            "failed": failed,
            "updated": utc(),
        }
        self.upload("status.json", json.dumps(content).encode())

    def upload_log(self) -> None:
        self.upload("bringup.log", self._machine.log_file.read_bytes()[-1_000_000:])

    def upload(self, name: str, body: bytes) -> None:
        try:
            self._aws.put(f"machines/{self.instance}/{name}", body, tries=2)
        except AwsError as reason:
            self._machine.say(f"not uploaded: {reason}")
