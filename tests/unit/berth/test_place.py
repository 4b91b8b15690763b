import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rehearsal.errors import BerthError
from scripts.berth import stack
from scripts.berth.place import Place


@pytest.fixture
def place(fake_pulumi: Path, tmp_path: Path) -> Place:
    return Place(
        engine=str(fake_pulumi), environ=dict(os.environ), project=tmp_path, rehearsed=True, values=tmp_path
    )


def test_a_failed_deployment_shows_the_end_of_its_log_and_how_to_repeat_it(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BERTH_REHEARSAL", raising=False)
    log = tmp_path / "logs" / "up.log"
    with pytest.raises(BerthError) as caught:
        stack.deploy(place, "bad", log, yes=True)
    assert "error: the job failed" in caught.value.message
    assert str(log) in caught.value.hint
    assert "berth rehearse up bad" in caught.value.hint


def test_the_engines_display_is_passed_on_and_logged(
    place: Place, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert place.run("preview", "--stack", "x", log=tmp_path / "log") == 0
    assert capfd.readouterr().out == "args: preview --stack x\n"
    assert (tmp_path / "log").read_text() == "args: preview --stack x\n"


def test_outputs_are_read_once_and_again_after_the_engine_has_run(place: Place, fake_pulumi: Path) -> None:
    calls = fake_pulumi.parent / "calls"
    program = fake_pulumi.read_text().replace('case "$*"', f'echo "$*" >> {calls}\ncase "$*"')
    fake_pulumi.write_text(program)
    assert place.outputs("local") == place.outputs("local") == {"predict_url": "http://service"}
    assert calls.read_text().count("stack output") == 1
    place.run("preview", "--stack", "local")
    place.outputs("local")
    assert calls.read_text().count("stack output") == 2


def test_a_missing_stack_says_how_to_deploy_it(place: Place) -> None:
    assert place.has_stack("local")
    with pytest.raises(BerthError, match="has not been deployed"):
        place.require_stack("other")


def test_an_interrupted_engine_may_save_its_state_and_is_heard_to_its_end(
    fake_pulumi: Path, tmp_path: Path
) -> None:
    code = f"""
import os
from pathlib import Path
from scripts.berth.place import Place
root = Path("/")
engine = {str(fake_pulumi)!r}
place = Place(engine=engine, environ=dict(os.environ), project=root, rehearsed=True, values=root)
place.run("up", "--stack", "slow", log=Path({str(tmp_path / "log")!r}))
"""
    command = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert command.stdout is not None
    assert command.stdout.readline() == b"working\n"
    began = time.monotonic()
    command.send_signal(signal.SIGINT)
    out, _ = command.communicate(timeout=20)
    assert out == b"cancelled\n", "one signal, and what the engine says of it is shown"
    assert time.monotonic() - began < 5
    assert command.returncode != 0


def test_resources_are_counted_by_kind_without_components_and_providers() -> None:
    resources = [
        {"type": "pulumi:pulumi:Stack", "custom": False},
        {"type": "berth:workload:TrainingJob", "custom": False},
        {"type": "pulumi:providers:kubernetes", "custom": True},
        {"type": "kubernetes:batch/v1:Job", "custom": True},
        {"type": "kubernetes:core/v1:Secret", "custom": True},
        {"type": "kubernetes:core/v1:Secret", "custom": True},
    ]
    assert stack.kinds({"deployment": {"resources": resources}}) == {"Job": 1, "Secret": 2}
    assert not stack.kinds({"deployment": {"resources": None}})
