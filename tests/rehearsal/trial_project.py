"""A Pulumi project for one test, in the hands of the real engine inside the rehearsal."""

import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

HEAD = """
import pulumi
import pulumi_kubernetes as k8s

ns = k8s.core.v1.Namespace("ns", metadata={"name": "trial"})
"""


class Trial:
    """A Pulumi project of this test's own, and kubectl beside it."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.folder = folder
        self.environ = dict(environ)
        options = {"toolchain": "pip", "virtualenv": sys.prefix}
        settings = {"name": "trial", "runtime": {"name": "python", "options": options}}
        (folder / "Pulumi.yaml").write_text(json.dumps(settings))

    def program(self, text: str = "") -> None:
        (self.folder / "__main__.py").write_text(HEAD + text)

    def start(self, *argv: str, **environ: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            argv,
            cwd=self.folder,
            env={**self.environ, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
        )

    def run(self, *argv: str, fails: bool = False, **environ: str) -> str:
        process = self.start(*argv, **environ)
        try:
            output, _ = process.communicate(timeout=300)
        except subprocess.TimeoutExpired as late:
            process.send_signal(
                signal.SIGINT
            )  # the engine gives up its lock, so that other tests have theirs
            output, _ = process.communicate(timeout=120)
            pytest.fail(f"{' '.join(argv)} took longer than {late.timeout:.0f} s:\n{output}")
        assert (process.returncode != 0) == fails, output
        return output

    def pulumi(self, *arguments: str, fails: bool = False, **environ: str) -> str:
        command = ("pulumi", "-C", str(self.folder), "--non-interactive", *arguments)
        return self.run(*command, fails=fails, **environ)

    def up(self, *, fails: bool = False) -> str:
        return self.pulumi("up", "--yes", "--skip-preview", fails=fails)

    def object(self, kind: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            self.run("kubectl", "-n", "trial", "get", kind, name, "-o", "json")
        )
        return found

    def state(self, name: str) -> dict[str, Any]:
        exported = json.loads(self.pulumi("stack", "export"))
        resources: list[dict[str, Any]] = exported["deployment"]["resources"]
        return next(r for r in resources if r["urn"].endswith(f"::{name}"))
