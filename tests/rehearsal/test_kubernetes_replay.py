"""The program behind the recordings, run by the real engine through the stand-in on a real API server.

The engine logs what it asked and what it was answered; both must be what the real plugin answered, apart from
what differs from run to run and from the table in `plugin_recordings`.
"""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from plugin_recordings import FOLDER, PHASES, engine_log, normalised, numbered, recorded, unexpected

pytestmark = pytest.mark.rehearsal

# Command, phase of the program. What a controller does after a write is not the plugin's business.
COMMANDS = {
    "01-preview": (["preview"], "1"),
    "02-up": (["up", "--yes", "--skip-preview"], "1"),
    "03-preview-noop": (["preview"], "1"),
    "04-preview-change": (["preview"], "2"),
    "06-up-change": (["up", "--yes", "--skip-preview"], "2"),
    "08-up-labelremoved": (["up", "--yes", "--skip-preview"], "3"),
    "09-refresh": (["refresh", "--yes", "--skip-preview"], "3"),
}
CONTROLLERS = (".properties.status", ".properties.metadata.managedFields", ".properties.metadata.annotations")
FAILED_THERE = ("Update", "svc", 0)
NOT_OURS = {"Handshake", "GetPluginInfo"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("refproj")
    options = {"toolchain": "pip", "virtualenv": sys.prefix}
    settings = {"name": "refproj", "runtime": {"name": "python", "options": options}}
    (made / "Pulumi.yaml").write_text(json.dumps(settings))
    (made / "__main__.py").write_text((FOLDER / "program.py").read_text())
    return made


def test_all_phases_are_answered_as_recorded(
    environ: Mapping[str, str], run: Callable[..., Any], folder: Path
) -> None:
    pulumi = ("pulumi", "-C", str(folder), "--non-interactive")
    run(*pulumi, "stack", "init", "replay")
    wrong: list[object] = []
    try:
        for phase in PHASES:
            command, number = COMMANDS[phase]
            log = folder / f"{phase}.json"
            settings = (f"PHASE={number}", f"PULUMI_DEBUG_GRPC={log}")
            run("env", *settings, *pulumi, *command, "-s", "replay")
            wrong += _compare(phase, log)
    finally:
        run("env", "PHASE=3", *pulumi, "destroy", "--yes", "-s", "replay")
        run(*pulumi, "stack", "rm", "--yes", "replay")
    assert not wrong, json.dumps(wrong, indent=1)


def _compare(phase: str, log: Path) -> list[object]:
    theirs, ours = numbered(recorded(phase)), numbered(engine_log(log))
    wrong: list[object] = []
    if set(theirs) != set(ours):
        wrong.append({"phase": phase, "asked otherwise": sorted(map(str, set(theirs) ^ set(ours)))})
    for key in sorted(set(theirs) & set(ours)):
        if key[0] in NOT_OURS or (key == FAILED_THERE and phase == "04-preview-change"):
            continue
        found = unexpected(theirs[key], ours[key].response)
        paths = [path for path in found if not path.startswith(CONTROLLERS)]
        if paths:
            wrong.append({"phase": phase, "key": key, "paths": paths, "ours": normalised(ours[key].response)})
    return wrong
