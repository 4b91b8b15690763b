import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rehearsal.lock import exclusive
from rehearsal.paths import Paths
from rehearsal.workspace import environments
from scripts.berth import __main__ as command_line

BERTH = [sys.executable, "-m", "scripts.berth"]


def berth(*arguments: str, check: int | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*BERTH, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    if check is not None:
        assert done.returncode == check, done.stderr + done.stdout
    return done


def test_an_unknown_environment_is_refused_with_the_known_ones(where: Paths, no_account: None) -> None:
    for words in (["up", "nope"], ["rehearse", "up", "nope"], ["rehearse", "preview", "nope"]):
        done = berth(*words, check=1)
        assert "there is no environment 'nope'" in done.stderr
        assert ", ".join(environments()) in done.stderr
    assert not (where.state / "session.json").exists()
    assert not (where.run / "lock").exists(), "a refused command must leave nothing behind"


def test_an_account_needs_an_engine(where: Paths, no_account: None) -> None:
    done = berth("up", "local", check=1)
    assert "no `pulumi` on PATH" in done.stderr
    assert "berth rehearse up local" in done.stderr, "say how to go on without an account"


def test_an_account_needs_a_login(
    where: Paths, no_account: None, fake_pulumi: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{fake_pulumi.parent}:/usr/bin:/bin")
    done = berth("preview", "local", check=1)
    assert "not logged in" in done.stderr
    assert "pulumi login" in done.stderr


def test_commands_act_on_the_ambient_account(
    where: Paths, no_account: None, fake_pulumi: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{fake_pulumi.parent}:/usr/bin:/bin")
    monkeypatch.setenv("PULUMI_BACKEND_URL", "file:///elsewhere")
    done = berth("preview", "local", "--plain", "--json", check=0)
    words = done.stdout.split()
    assert words[:4] == ["args:", "preview", "--stack", "local"]
    assert words[-1] == "--json"
    assert json.loads(berth("outputs", "local", "--json").stdout) == {"predict_url": "http://service"}


def test_without_a_rehearsal_its_outputs_say_how_to_start_one(where: Paths, no_account: None) -> None:
    for words in (["rehearse", "outputs", "local"], ["rehearse", "verify", "local"]):
        done = berth(*words, check=1)
        assert "no rehearsal on this machine" in done.stderr
        assert "berth rehearse up local" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="a rehearsal needs root")
def test_a_second_command_is_told_who_holds_the_lock(where: Paths, no_account: None) -> None:
    with exclusive(where):
        done = berth("rehearse", "up", "local", check=1)
    assert f"pid {os.getpid()}" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rehearse", "up", "local", "--cluster", "minikube"], "no kind of cluster 'minikube'"),
        (["rehearse", "up", "local", "--gpus", "-1"], "--gpus"),
        (["rehearse", "up", "local", "--colour"], "--colour"),
        (["fly"], "fly"),
        (["up"], "ENV"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    where: Paths, no_account: None, words: list[str], message: str
) -> None:
    done = berth(*words)
    assert done.returncode in {1, 2}
    assert message in done.stderr


def test_a_bug_leaves_its_traceback_in_a_file(
    where: Paths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(**_: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(command_line, "app", broken)
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    assert ended.value.code == 70
    said = capsys.readouterr().err
    assert "ZeroDivisionError: oops" in said
    assert "Traceback" not in said
    (log,) = where.logs.glob("crash-*.log")
    assert str(log) in said
    assert "Traceback" in log.read_text()


@pytest.mark.parametrize("interrupted", [KeyboardInterrupt(), 130])
def test_an_interruption_says_how_to_go_on(
    interrupted: BaseException | int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def app(**_: object) -> int:
        if isinstance(interrupted, BaseException):
            raise interrupted
        return interrupted

    monkeypatch.setattr(command_line, "app", app)
    monkeypatch.setattr(sys, "argv", ["berth", "rehearse", "up", "local"])
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    assert ended.value.code == 130
    assert "To go on: berth rehearse up local" in capsys.readouterr().err


def test_it_starts_quickly() -> None:
    began = time.process_time_ns(), time.monotonic()
    code = "import time, scripts.berth.__main__; print(time.process_time())"
    took = min(
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(3)
    )
    assert took < 0.4, f"{took:.2f} s of CPU time before a command begins ({began})"


def test_nothing_slow_is_imported_at_the_start() -> None:
    code = "import sys, scripts.berth.__main__; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    slow = {"numpy", "boto3", "pulumi", "kubernetes", "yaml", "requests", "cryptography", "pydantic"}
    assert not slow & set(done.stdout.split())
