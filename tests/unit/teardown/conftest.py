from pathlib import Path

import pytest
import scripted_engine
from scripted_engine import ScriptedEngine
from teardown_fakes import Cloud, Listener

from scripts.berth import leaks


@pytest.fixture
def engine(tmp_path: Path) -> ScriptedEngine:
    return scripted_engine.made(tmp_path)


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Cloud:
    made = Cloud()
    monkeypatch.setattr(leaks, "find", made.find)
    monkeypatch.setattr(leaks, "delete", made.delete)
    return made


@pytest.fixture
def listener() -> Listener:
    return Listener()
