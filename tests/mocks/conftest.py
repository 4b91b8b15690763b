"""Runs of programs that several files look at."""

import json
from pathlib import Path
from typing import Any

import pytest
import recorder
from recorder import Recording

_RECORDED: dict[str, Recording] = {}


@pytest.fixture(name="run_aws_vm")
def run_aws_vm_fixture(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Runs the program with some of the committed values changed; the same changes once."""

    def run(**changes: Any) -> Recording:
        name = json.dumps(changes, sort_keys=True)
        if name not in _RECORDED:
            values = {**recorder.values_of("aws-vm"), **changes}
            _RECORDED[name] = recorder.record("aws-vm", values, monkeypatch, tmp_path)
        return _RECORDED[name]

    return run
