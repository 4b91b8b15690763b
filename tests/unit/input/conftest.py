"""A shell that is logged in to Pulumi, whose engine only writes down what it is asked, and to no cloud."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from rehearsal.paths import CHECKOUT
from scripts.berth import __main__ as command_line
from scripts.berth import place

# What a command may ask before it has refused: these change nothing.
READ_ONLY = ("whoami", "stack ls", "stack output", "stack export", "version", "config")


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """How a command ended. said: on either output. asked: of the engine, but for what changes nothing.

    written: the values files that it changed.
    """

    status: int
    said: str
    asked: list[str]
    written: list[str]


@pytest.fixture
def berth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Refusal]:
    """Runs a command line as the shell would, in this process."""
    for name in [*os.environ]:
        if name.startswith(("PULUMI_", "BERTH_", "AWS_")):
            monkeypatch.delenv(name)
    for name in ("cache", "state", "run", "home", "engine"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(f"BERTH_{name.upper()}", str(tmp_path / name))
    # What commands write goes into a copy.
    checkout = tmp_path / "checkout"
    shutil.copytree(CHECKOUT / "stacks", checkout / "stacks", symlinks=True)
    monkeypatch.setattr(place, "CHECKOUT", checkout)
    calls, engine = tmp_path / "calls", tmp_path / "engine" / "pulumi"
    engine.write_text(
        f"""#!/bin/bash
shift 2  # -C DIR
echo "$*" >> {calls}
case "$*" in
"stack ls"*) echo '[]' ;;
"stack output"*) echo '{{}}' ;;
"stack export"*) echo '{{"version": 3, "deployment": {{}}}}' ;;
esac
"""
    )
    engine.chmod(0o755)
    calls.touch()
    monkeypatch.setenv("PATH", f"{engine.parent}:/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PULUMI_BACKEND_URL", "file:///elsewhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: str) -> Refusal:
        monkeypatch.setattr("sys.argv", ["berth", *words])
        with pytest.raises(SystemExit) as ended:
            command_line.main()
        done = capsys.readouterr()
        asked = [line for line in calls.read_text().splitlines() if not line.startswith(READ_ONLY)]
        committed = {file.name: file.read_bytes() for file in (CHECKOUT / "stacks").glob("*.yaml")}
        return Refusal(
            status=int(ended.value.code or 0),
            said=" ".join(f"{done.err} {done.out}".split()),
            asked=asked,
            written=[
                name
                for name, content in committed.items()
                if (checkout / "stacks" / name).read_bytes() != content
            ],
        )

    return run
