"""Fixtures of the bring-up's tests; what they are made of is in bringup_parts."""

from pathlib import Path

import pytest
from bringup_parts import FakeAws, ScriptedMachine


@pytest.fixture
def machine(tmp_path: Path) -> ScriptedMachine:
    return ScriptedMachine(tmp_path)


@pytest.fixture
def aws() -> FakeAws:
    return FakeAws()
