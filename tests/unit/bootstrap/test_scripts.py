"""The shell scripts on a machine of stubs: each obstacle gets one clear message and leaves nothing behind."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from rehearsal.paths import CHECKOUT

# Enough of a system for the scripts; no python, apt-get or root but what a test puts there.
TOOLS = "bash cat df dirname flock fold grep head id mktemp rm sed sha256sum tail uname"


class Machine:
    """A checkout with scripts and locks only, and a PATH with only what is stubbed."""

    def __init__(self, root: Path) -> None:
        self.checkout = root / "checkout"
        self.bin = root / "bin"
        self.home = root / "home"
        for directory in (self.checkout, self.bin, self.home):
            directory.mkdir()
        for name in ("scripts", "requirements", "stacks"):
            shutil.copytree(CHECKOUT / name, self.checkout / name, symlinks=True)
        shutil.copy(CHECKOUT / "pyproject.toml", self.checkout)
        for tool in TOOLS.split():
            found = shutil.which(tool)
            if found:
                (self.bin / tool).symlink_to(found)
        self.stub("id", "echo 0")
        self.stub("uname", "echo x86_64")
        self.stub("df", "echo Avail; echo 99999")
        self.stub("apt-get", f'echo "$*" >> {root}/apt-calls')
        self.apt_calls = root / "apt-calls"

    def stub(self, name: str, script: str) -> None:
        (self.bin / name).unlink(missing_ok=True)
        (self.bin / name).write_text(f"#!/bin/bash\n{script}\n")
        (self.bin / name).chmod(0o755)

    def run(self, script: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        env = {"PATH": str(self.bin), "HOME": str(self.home), **variables}
        command = [str(self.checkout / script), *arguments]
        return subprocess.run(command, env=env, text=True, capture_output=True, check=False)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda m: m.stub("id", "echo 1000"), "root is needed"),
        (lambda m: m.stub("uname", "echo aarch64"), "the CPU is aarch64; only x86-64 is supported"),
        (lambda m: (m.bin / "apt-get").unlink(), "there is no apt-get"),
        (lambda m: m.stub("df", "echo Avail; echo 200"), "needs 1500 MiB of disk"),
    ],
    ids=["root", "cpu", "apt", "disk"],
)
def test_an_unfit_machine_is_told_why(
    machine: Machine, break_it: Callable[[Machine], object], said: str
) -> None:
    break_it(machine)
    before = sorted(machine.checkout.rglob("*"))
    done = machine.run("scripts/up")
    assert done.returncode == 1
    assert said in done.stderr
    assert "Nothing has been changed." in done.stderr
    assert sorted(machine.checkout.rglob("*")) == before
    assert not machine.apt_calls.exists()


def test_every_obstacle_is_told_at_once(machine: Machine) -> None:
    machine.stub("id", "echo 1000")
    machine.stub("uname", "echo riscv64")
    told = machine.run("scripts/up").stderr
    assert "root is needed" in told
    assert "riscv64" in told


def test_a_dry_run_on_a_bare_machine_shows_the_plan_and_changes_nothing(machine: Machine) -> None:
    machine.stub("apt-cache", '[ "$2" = python3 ] && echo "  Candidate: 3.11.2-1"')
    machine.stub("dpkg", "exit 0")
    before = sorted(machine.checkout.rglob("*"))
    done = machine.run("scripts/up", "--dry-run")
    assert done.returncode == 0, done.stderr
    for part in ("python3 python3-venv", "containerd", "kubernetes", "Disk: 12 GiB", "Expected time"):
        assert part in done.stdout
    assert done.stdout.endswith("Nothing has been changed.\n")
    assert sorted(machine.checkout.rglob("*")) == before
    assert not machine.apt_calls.exists()


def test_a_machine_without_a_suitable_python_is_told_so(machine: Machine) -> None:
    machine.stub("python3", '[ "$1" = --version ] && echo "Python 3.9.2" || exit 1')
    machine.stub("apt-cache", 'echo "  Candidate: 3.9.2-3"')
    machine.stub("dpkg", "exit 1")
    # The distribution of the machine that the test runs on must not help.
    scripts = machine.checkout / "scripts" / "lib" / "machine.sh"
    scripts.write_text(scripts.read_text().replace("/etc/os-release", str(machine.home / "os-release")))
    (machine.home / "os-release").write_text("ID=debian\nVERSION_ID=11\n")
    done = machine.run("scripts/up")
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed; Python 3.9.2" in done.stderr


@pytest.mark.skipif(not shutil.which("dpkg"), reason="versions are compared by dpkg")
def test_ubuntu_22_gets_the_newer_python_that_its_archive_has(machine: Machine) -> None:
    machine.stub("python3", "exit 1")
    machine.stub(
        "apt-cache",
        'case "$2" in python3) echo "  Candidate: 3.10.6-1~22.04" ;;'
        ' python3.11) echo "  Candidate: 3.11.0~rc1-1~22.04" ;; *) echo "  Candidate: (none)" ;; esac',
    )
    (machine.bin / "dpkg").symlink_to(shutil.which("dpkg") or "")
    assert "python3.11 python3.11-venv" in machine.run("scripts/up", "--dry-run").stdout


PYTHON = """
case "$1 $2" in
"-m venv") mkdir=; echo "making $3"; {mkdir} -p "$3/bin"; {cp} {self} "$3/bin/python" ;;
"-m pip") echo "pip: {pip}" >&2; exit {status} ;;
esac
"""


def test_without_a_network_the_half_made_environment_is_removed(machine: Machine) -> None:
    machine.stub("python3", "")
    script = PYTHON.format(
        mkdir=shutil.which("mkdir"),
        cp=shutil.which("cp"),
        self=machine.bin / "python3",
        pip="Temporary failure in name resolution",
        status=1,
    )
    machine.stub("python3", script)
    done = machine.run("scripts/up")
    assert done.returncode == 1
    assert "Temporary failure in name resolution" in done.stderr
    assert "uv could not be installed" in done.stderr
    assert "Is there a network?" in done.stderr
    assert not (machine.checkout / ".venv").exists()


def test_the_missing_venv_module_is_brought_by_apt_for_this_very_python(machine: Machine) -> None:
    machine.stub(
        "python3",
        'case "$*" in *ensurepip*) exit 1 ;; *venv*) [[ $* = *print* ]] && echo python3.12-venv ;; esac',
    )
    assert "python3.12-venv" in machine.run("scripts/up", "--dry-run").stdout


def test_pips_index_is_used_for_uv_too(machine: Machine) -> None:
    (machine.home / ".config" / "pip").mkdir(parents=True)
    (machine.home / ".config" / "pip" / "pip.conf").write_text("[global]\nindex-url = http://mirror/simple\n")
    shown = f'. "{machine.checkout}/scripts/lib/bootstrap.sh"; use_index; echo "$UV_DEFAULT_INDEX"'
    env = {"PATH": str(machine.bin), "HOME": str(machine.home)}
    for extra, expected in (({}, "http://mirror/simple"), ({"PIP_INDEX_URL": "http://own"}, "http://own")):
        done = subprocess.run(
            ["/bin/bash", "-c", shown], env=env | extra, text=True, capture_output=True, check=True
        )
        assert done.stdout.strip() == expected


def ready(machine: Machine) -> Path:
    """A virtual environment whose stamp fits; `berth` in it records its arguments."""
    tools = machine.checkout / ".venv" / "bin"
    tools.mkdir(parents=True)
    for name, script in (("python", "exit 0"), ("uv", "exit 0"), ("berth", 'echo "berth $*"')):
        (tools / name).write_text(f"#!/bin/bash\n{script}\n")
        (tools / name).chmod(0o755)
    policy = machine.checkout / "infra" / "policy" / ".venv" / "bin"
    policy.mkdir(parents=True)
    (policy / "python").symlink_to(tools / "python")
    locks = [*(f"requirements/{name}.txt" for name in ("bootstrap", "dev", "policy")), "pyproject.toml"]
    sums = subprocess.run(["sha256sum", *locks], cwd=machine.checkout, capture_output=True, check=True)
    (machine.checkout / ".venv" / ".locks").write_bytes(f"{machine.checkout}\n".encode() + sums.stdout)
    (tools / "activate").write_text(f"VIRTUAL_ENV={machine.checkout}/.venv\n")
    return tools


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "berth rehearse up local"),
        (("--gpus", "2"), "berth rehearse up local --gpus 2"),
        (("aws-vm",), "berth rehearse up aws-vm"),
        (("local", "--dry-run"), "berth rehearse up local --dry-run"),
    ],
)
def test_up_hands_over_to_berth_once_python_is_ready(
    machine: Machine, arguments: tuple[str, ...], expected: str
) -> None:
    ready(machine)
    done = machine.run("scripts/up", *arguments)
    assert done.stdout.strip() == expected
    assert done.stderr == "", "nothing is set up twice"


def test_down_hands_over_to_berth(machine: Machine) -> None:
    ready(machine)
    assert machine.run("scripts/down", "--purge").stdout.strip() == "berth rehearse down local --purge"


def test_a_policy_pack_without_its_environment_gets_one(machine: Machine) -> None:
    tools = ready(machine)
    (machine.checkout / "infra" / "policy" / ".venv" / "bin" / "python").unlink()
    calls = machine.checkout / "uv-calls"
    (tools / "uv").write_text(f'#!/bin/bash\necho "$*" >> {calls}\n')
    machine.stub("python3", "")
    assert "Policy pack's libraries" in machine.run("scripts/up").stderr
    made, _ = [line for line in calls.read_text().splitlines() if "infra/policy" in line]
    assert made.startswith("venv")


def test_a_changed_lock_makes_the_environment_stale(machine: Machine) -> None:
    ready(machine)
    with (machine.checkout / "requirements" / "dev.txt").open("a") as lock:
        lock.write("# changed\n")
    machine.stub("python3", "")
    said = machine.run("scripts/up").stderr
    assert "Python libraries" in said
    assert "Virtual environment" not in said, "what is installed is kept"


def test_a_moved_checkout_gets_a_new_environment(machine: Machine) -> None:
    tools = ready(machine)
    (tools / "activate").write_text("VIRTUAL_ENV=/elsewhere/.venv\n")
    (machine.checkout / ".venv" / ".locks").write_text("/elsewhere\n")
    machine.stub("python3", "[[ $* != *'pip install'* ]]")
    assert "Virtual environment" in machine.run("scripts/up").stderr


def test_down_on_a_clean_machine_has_nothing_to_do(machine: Machine) -> None:
    places = {name: str(machine.home / name) for name in ("BERTH_RUN", "BERTH_STATE", "BERTH_CACHE")}
    (machine.home / "BERTH_CACHE").mkdir()
    done = machine.run("scripts/down", **places)
    assert (done.returncode, done.stderr) == (0, "There is no rehearsal on this machine.\n")
    assert (machine.home / "BERTH_CACHE").exists()
    machine.run("scripts/down", "--purge", **places)
    assert not (machine.home / "BERTH_CACHE").exists()


def test_down_needs_root(machine: Machine) -> None:
    machine.stub("id", "echo 1000")
    done = machine.run("scripts/down")
    assert done.returncode == 1
    assert "root is needed" in done.stderr


@pytest.mark.skipif(
    not shutil.which("shellcheck"), reason="shellcheck is not installed; ./scripts/test brings it"
)
def test_shellcheck_passes() -> None:
    scripts = [*(CHECKOUT / "scripts" / "lib").glob("*.sh"), CHECKOUT / ".ci" / "run"]
    scripts += [CHECKOUT / "scripts" / name for name in ("up", "down", "test", "check")]
    subprocess.run(["shellcheck", "--external-sources", *scripts], check=True)


@pytest.mark.parametrize("name", ["scripts/up", "scripts/down", "scripts/test", "scripts/check", ".ci/run"])
def test_a_script_can_be_run(name: str) -> None:
    assert os.access(CHECKOUT / name, os.X_OK)
