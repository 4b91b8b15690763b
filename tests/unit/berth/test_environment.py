import subprocess
from pathlib import Path

from rehearsal import workspace
from rehearsal.environment import Environment, environment, prepare
from rehearsal.paths import Paths


def inside(where: Paths, environ: dict[str, str]) -> Environment:
    return environment(where, programs=[Path("/engine")], access_key=("ID", "it's secret"), environ=environ)


def test_nothing_of_a_real_account_is_left() -> None:
    environ = {
        "AWS_PROFILE": "work",
        "AWS_SESSION_TOKEN": "t",
        "AWS_REGION": "eu-west-1",
        "GOOGLE_APPLICATION_CREDENTIALS": "/key.json",
        "OS_CLOUD": "lab",
        "PULUMI_ACCESS_TOKEN": "pul-1",
        "PULUMI_CONFIG_PASSPHRASE": "mine",
        "DOCKER_CONFIG": "/home/me/.docker",
        "HOME": "/root",
        "PATH": "/usr/bin",
        "HOSTNAME": "h",
        "PULUMI_DEBUG_GRPC": "/log",
    }
    where = Paths(cache=Path("/c"), state=Path("/s"), run=Path("/r"))
    seen = inside(where, environ).over(environ)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "GOOGLE_APPLICATION_CREDENTIALS", "OS_CLOUD"):
        assert name not in seen
    for name in ("PULUMI_ACCESS_TOKEN", "PULUMI_CONFIG_PASSPHRASE", "DOCKER_CONFIG"):
        assert name not in seen
    assert seen["AWS_REGION"] == "us-east-1"
    assert seen["AWS_CONFIG_FILE"] == "/dev/null", "a profile in the home directory must not join in"
    assert seen["HOME"] == "/root"
    assert seen["PULUMI_DEBUG_GRPC"] == "/log", "variables that debug the engine stay the user's"


def test_the_exports_work_with_eval(where: Paths) -> None:
    environ = {"PATH": "/usr/bin:/bin", "AWS_PROFILE": "work"}
    text = inside(where, environ).exports(environ)
    script = f'{text}\necho "$AWS_SECRET_ACCESS_KEY|${{AWS_PROFILE-gone}}|$PATH|$BERTH_REHEARSAL"'
    out = subprocess.run(["sh", "-c", script], env=environ, capture_output=True, text=True, check=True).stdout
    secret, profile, path, mark = out.strip().split("|")
    assert (secret, profile, mark) == ("it's secret", "gone", "1")
    assert path == f"{workspace.shims(where)}:/engine:/usr/bin:/bin"


def test_entering_twice_does_not_grow_the_path(where: Paths) -> None:
    once = inside(where, {"PATH": "/usr/bin"}).variables["PATH"]
    assert inside(where, {"PATH": once}).variables["PATH"] == once


def test_the_passphrase_is_random_private_and_kept(where: Paths) -> None:
    prepare(where)
    file = where.state / "passphrase"
    first = file.read_text()
    assert len(first) >= 32
    assert file.stat().st_mode & 0o777 == 0o600
    prepare(where)
    assert file.read_text() == first, "another passphrase would make the state unreadable"
