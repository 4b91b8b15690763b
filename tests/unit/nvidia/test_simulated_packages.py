"""NVIDIA's package sources as simulated: signed, understood by apt, honest about themselves, and faithful."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rehearsal.machines import nvidia
from rehearsal.machines.nvidia import table
from rehearsal.paths import Paths
from rehearsal.steps import Steps

pytestmark = pytest.mark.skipif(bool(nvidia.packages()), reason="gpg or dpkg-deb is not on this machine")

BOOT = Path("/proc/sys/kernel/random/boot_id").read_text().strip()


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("nvidia")
    paths = Paths(cache=root / "cache", state=root / "state", run=root / "run")
    with Steps(logs=root / "logs").step("simulated packages") as step:
        made = nvidia.ensure(paths, step)
        assert nvidia.ensure(paths, step) == made
    return made


@pytest.fixture(scope="module")
def unpacked(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the newest toolkit and the 580 driver install."""
    root = tmp_path_factory.mktemp("installed")
    for pattern in ("*/nvidia-driver-cuda_580*", "*/nvidia-container-toolkit-base_1.20*"):
        (package,) = tree.rglob(pattern.removeprefix("*/"))
        subprocess.run(["dpkg-deb", "--extract", package, root], check=True)
    return root


def test_every_package_says_that_it_is_simulated(tree: Path) -> None:
    for index in tree.rglob("Packages"):
        for paragraph in index.read_text().split("\n\n"):
            fields = dict(line.partition(": ")[::2] for line in paragraph.splitlines())
            assert fields["Version"].endswith("+berth.simulated")
            assert fields["Description"].startswith("Simulated by berth, not NVIDIA's")
            assert (index.parent / fields["Filename"]).is_file()
            assert "+" not in fields["Filename"]


def test_the_key_that_signed_is_not_kept(tree: Path) -> None:
    assert not [path for path in tree.parent.rglob("*") if "private" in path.name or "gnupg" in path.name]


@pytest.mark.skipif(not shutil.which("apt-get"), reason="this machine has no apt")
def test_apt_trusts_both_and_takes_the_branch_that_is_pinned(tree: Path, tmp_path: Path) -> None:
    (keyring,) = tree.rglob("cuda-keyring_1.1-1_all.deb")
    subprocess.run(["dpkg-deb", "--extract", keyring, tmp_path], check=True)
    shutil.copy(tree / table.TOOLKIT_KEY, tmp_path / "toolkit.asc")
    lines = [
        f"deb [signed-by={tmp_path / table.KEYRING}] file:{tree / table.CUDA}/ /",
        f"deb [signed-by={tmp_path / 'toolkit.asc'}] file:{tree / table.TOOLKIT}/ /",
    ]
    (tmp_path / "sources.list").write_text("\n".join(lines) + "\n")
    (tmp_path / "preferences").write_text("Package: *nvidia*\nPin: version 580.*\nPin-Priority: 1001\n")
    for name in ("lists/partial", "cache/archives/partial", "parts"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "status").touch()
    settings = {
        "Dir::Etc::SourceList": tmp_path / "sources.list",
        "Dir::Etc::SourceParts": tmp_path / "parts",
        "Dir::Etc::Preferences": tmp_path / "preferences",
        "Dir::Etc::PreferencesParts": tmp_path / "parts",
        "Dir::State::Lists": tmp_path / "lists",
        "Dir::State::Status": tmp_path / "status",
        "Dir::Cache": tmp_path / "cache",
        "APT::Architecture": "amd64",
        "APT::Architectures": "amd64",
        "APT::Sandbox::User": "root",
        "APT::Update::Error-Mode": "any",
        "Debug::NoLocking": "true",
    }
    options = [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]

    def apt(*arguments: str) -> str:
        done = subprocess.run(["apt-get", *options, *arguments], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    apt("update")
    wanted = ["nvidia-driver-cuda", "nvidia-kernel-open-dkms", "nvidia-container-toolkit=1.20.0-1*"]
    planned = apt("install", "--simulate", *wanted, "nvidia-container-toolkit-base=1.20.0-1*")
    installed = sorted(line.split()[1:3] for line in planned.splitlines() if line.startswith("Inst "))
    assert ["nvidia-driver-cuda", "(580.173.02-1+berth.simulated"] in installed
    assert ["nvidia-container-toolkit", "(1.20.0-1+berth.simulated"] in installed


def smi(unpacked: Path, state: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """nvidia-smi with its state somewhere else."""
    script = (
        (unpacked / "usr/bin/nvidia-smi").read_text().replace("/var/lib/berth-simulated-nvidia", str(state))
    )
    script = script.replace("/sys/class/dmi/id/product_name", str(state / "type"))
    return subprocess.run(["sh", "-s", "--", *arguments], input=script, capture_output=True, text=True)


def built(state: Path, boot: str) -> None:
    kernel = subprocess.run(["uname", "-r"], capture_output=True, text=True).stdout.strip()
    (state / f"built-{kernel}").write_text(f"{boot}\n")


def test_nvidia_smi_works_only_after_a_reboot(unpacked: Path, tmp_path: Path) -> None:
    assert smi(unpacked, tmp_path, "-L").returncode == 9
    built(tmp_path, BOOT)
    assert "couldn't communicate" in smi(unpacked, tmp_path).stdout
    built(tmp_path, "an-earlier-boot")
    done = smi(unpacked, tmp_path, "-L")
    assert done.returncode == 0
    assert done.stdout.startswith("GPU 0: Tesla T4 (simulated) (UUID: GPU-")


def test_nvidia_smi_answers_as_nvidias_does(unpacked: Path, tmp_path: Path) -> None:
    built(tmp_path, "an-earlier-boot")
    table_text = smi(unpacked, tmp_path).stdout
    assert "Driver Version: 580.173.02" in table_text
    assert "CUDA Version: 13.0" in table_text
    query = "--query-gpu=name,driver_version,memory.total"
    assert smi(unpacked, tmp_path, query, "--format=csv,noheader").stdout == (
        "Tesla T4 (simulated), 580.173.02, 15360 MiB\n"
    )
    assert smi(unpacked, tmp_path, query, "--format=csv,noheader,nounits").stdout.endswith(", 15360\n")
    assert smi(unpacked, tmp_path, query, "--format=csv").stdout.startswith(
        "name, driver_version, memory.total\n"
    )
    (tmp_path / "type").write_text("g5.48xlarge\n")
    names = smi(unpacked, tmp_path, "--query-gpu=name", "--format=csv,noheader").stdout.splitlines()
    assert names == ["NVIDIA A10G (simulated)"] * 8


def ctk(unpacked: Path, runtime: str, config: Path) -> None:
    program = unpacked / "usr/bin/nvidia-ctk"
    arguments = ["runtime", "configure", f"--runtime={runtime}", f"--config={config}"]
    subprocess.run([sys.executable, program, *arguments], check=True, capture_output=True)


def test_the_runtime_is_added_to_docker_and_everything_else_stays(unpacked: Path, tmp_path: Path) -> None:
    file = tmp_path / "daemon.json"
    file.write_text('{"data-root": "/data/docker"}')
    ctk(unpacked, "docker", file)
    content = json.loads(file.read_text())
    assert content["data-root"] == "/data/docker"
    assert content["runtimes"]["nvidia"]["path"] == "nvidia-container-runtime"


@pytest.mark.parametrize(
    "before", ["", "version = 2\n", 'imports = ["/a.toml"]\nversion = 2\n', "imports = []\n"]
)
def test_containerd_imports_the_runtime_once_and_keeps_its_other_imports(
    unpacked: Path, tmp_path: Path, before: str
) -> None:
    import tomllib

    file = tmp_path / "config.toml"
    if before:
        file.write_text(before)
    ctk(unpacked, "containerd", file)
    once = file.read_text()
    ctk(unpacked, "containerd", file)
    assert file.read_text() == once
    content = tomllib.loads(once)
    assert content["imports"][0] == f"{tmp_path}/conf.d/*.toml"
    assert content["imports"][1:] == (["/a.toml"] if "a.toml" in before else [])
    drop_in = tomllib.loads((tmp_path / "conf.d/99-nvidia.toml").read_text())
    runtimes = drop_in["plugins"]["io.containerd.grpc.v1.cri"]["containerd"]["runtimes"]
    assert runtimes["nvidia"]["options"]["BinaryName"] == "/usr/bin/nvidia-container-runtime"


def inject(
    unpacked: Path, bundle: Path, environment: list[str], works: bool
) -> tuple[int, dict[str, object]]:
    bundle.mkdir(exist_ok=True)
    config = bundle / "config.json"
    config.write_text(json.dumps({"process": {"env": environment}, "mounts": []}))
    smi_stub = bundle / "nvidia-smi"
    smi_stub.write_text(f"#!/bin/sh\nexit {0 if works else 9}\n")
    smi_stub.chmod(0o755)
    program = (unpacked / "usr/lib/berth-simulated-nvidia/inject.py").read_text()
    done = subprocess.run(
        [sys.executable, "-", "--root", "/x", "create", "--bundle", str(bundle), "id"],
        input=program.replace("/usr/bin/nvidia-smi", str(smi_stub)),
        text=True,
        capture_output=True,
    )
    content: dict[str, object] = json.loads(config.read_text())
    return done.returncode, content


def test_only_containers_that_ask_for_gpus_get_them(unpacked: Path, tmp_path: Path) -> None:
    for asking in ([], ["NVIDIA_VISIBLE_DEVICES=void"], ["NVIDIA_VISIBLE_DEVICES="]):
        assert inject(unpacked, tmp_path, asking, works=True) == (
            0,
            {"process": {"env": asking}, "mounts": []},
        )
    status, content = inject(unpacked, tmp_path, ["A=1", "NVIDIA_VISIBLE_DEVICES=all"], works=True)
    assert status == 0
    assert len(content["mounts"]) == 2  # type: ignore[arg-type]


def test_a_container_that_asks_fails_where_the_driver_does_not_work(unpacked: Path, tmp_path: Path) -> None:
    status, content = inject(unpacked, tmp_path, ["NVIDIA_VISIBLE_DEVICES=all"], works=False)
    assert status == 1
    assert content["mounts"] == []
