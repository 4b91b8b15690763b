import io
import signal
import sys
import threading
from pathlib import Path

import pytest
from rich.console import Console

from rehearsal.errors import BerthError
from rehearsal.steps import StepFailed, Steps


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def steps(tmp_path: Path, out: io.StringIO) -> Steps:
    return Steps(logs=tmp_path / "logs", console=Console(file=out, width=200))


def test_a_step_says_what_it_does_and_how_long_it_took(steps: Steps, out: io.StringIO) -> None:
    with steps.step("Build the engine", expected="about 2 minutes") as step:
        step.result = "v3.200.0"
    assert "Build the engine (about 2 minutes)" in out.getvalue()
    assert "done Build the engine" in out.getvalue()
    assert "v3.200.0" in out.getvalue()
    assert [name for name, _ in steps.timings] == ["Build the engine"]


def test_a_failed_command_shows_the_end_of_its_log_and_how_to_repeat_it(steps: Steps, tmp_path: Path) -> None:
    program = "print('first'); print('the reason'); raise SystemExit(3)"
    with pytest.raises(StepFailed) as failed, steps.step("Compile it") as step:
        step.run([sys.executable, "-c", program])
    assert "status 3" in failed.value.message
    assert "the reason" in failed.value.message
    assert sys.executable in failed.value.hint, "the command that repeats the step"
    assert str(tmp_path / "logs" / "compile-it.log") in failed.value.hint
    assert "the reason" in (tmp_path / "logs" / "compile-it.log").read_text()


def test_a_missing_program_is_named(steps: Steps) -> None:
    with pytest.raises(BerthError, match="no-such-program"), steps.step("x") as step:
        step.run(["no-such-program"])


def test_input_environment_and_output_pass_through(steps: Steps) -> None:
    program = "import os, sys; print(sys.stdin.read() + os.environ['A'])"
    with steps.step("x") as step:
        assert step.run([sys.executable, "-c", program], stdin="in-", env={"A": "1"}) == "in-1\n"


def test_a_cancelled_step_ends_its_command(steps: Steps) -> None:
    started = threading.Event()

    def line(text: str) -> str:
        started.set()
        return text

    def cancel() -> None:
        started.wait(30)
        steps.cancelled.set()

    threading.Thread(target=cancel, daemon=True).start()
    program = "import signal; print('up', flush=True); signal.pause()"
    with pytest.raises(StepFailed) as failed, steps.step("wait") as step:
        step.run([sys.executable, "-c", program], on_line=line)
    assert f"status {-signal.SIGTERM}" in failed.value.message
