"""Docker: its data on the data volume, NVIDIA's runtime in it, the login, the images.

https://docs.docker.com/engine/daemon/
https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html
"""

# ruff: noqa: TC001, TC003 # a block for type checking would be shipped for nothing
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .aws import Aws
from .disks import MOUNT
from .machine import Failed, Machine

SETTINGS = "/etc/docker/daemon.json"
ROOT = "/var/lib/docker"
NEW_ROOT = MOUNT + "/docker"
CONTAINERD = ("/etc/containerd/conf.d/99-nvidia.toml", "/etc/containerd/config.toml")


def settings(text: str, data_root: str | None) -> str:
    """daemon.json with ours added and whatever else it says kept. Raises Failed."""
    try:
        content = json.loads(text or "{}")
    except ValueError as reason:
        raise Failed(f"{SETTINGS} is no JSON: {reason}") from None
    content.setdefault("log-opts", {"max-size": "10m", "max-file": "3"})
    if data_root:
        content["data-root"] = data_root
        # Docker 29 keeps a new installation's images in containerd's own directory, which is not data-root.
        content.setdefault("features", {})["containerd-snapshotter"] = False
    return json.dumps(content, indent=2) + "\n"


def move_root(machine: Machine) -> None:
    """Have docker's data on the data volume; what it has already is copied, and removed only by `start`.

    A volume that comes with docker's data, from a snapshot, keeps it.
    """
    text = machine.read(SETTINGS)
    wanted = settings(text, NEW_ROOT)
    if wanted == text:
        return
    old, new = machine.path(ROOT), machine.path(NEW_ROOT)
    if _has_content(old):
        machine.attempt("systemctl", "stop", "docker.socket", "docker.service")
        if not _has_content(new):
            partial = machine.path(MOUNT + "/docker.partial")
            machine.run("rm", "-rf", str(partial))
            machine.run("cp", "-a", str(old), str(partial))
            if new.exists():
                new.rmdir()
            partial.rename(new)
        old.rename(machine.path(ROOT + ".moved"))
    machine.write(SETTINGS, wanted)


def _has_content(directory: Path) -> bool:
    return directory.is_dir() and any(directory.iterdir())


def add_runtime(machine: Machine) -> None:
    """Have NVIDIA's runtime in docker and containerd, and docker start with the machine."""
    if "nvidia" not in json.loads(machine.read(SETTINGS) or "{}").get("runtimes", {}):
        machine.run("nvidia-ctk", "runtime", "configure", "--runtime=docker")
    if not any("nvidia" in machine.read(name) for name in CONTAINERD):
        machine.run("nvidia-ctk", "runtime", "configure", "--runtime=containerd")
    if not machine.path("/etc/systemd/system/multi-user.target.wants/docker.service").exists():
        machine.run("systemctl", "add-wants", "--no-reload", "multi-user.target", "docker.service")


def start(machine: Machine) -> None:
    """Have docker run with the settings of its file."""
    content = json.loads(machine.read(SETTINGS) or "{}")
    machine.run("systemctl", "start", "docker.service")
    if not _as_set(machine, content):
        machine.run("systemctl", "restart", "containerd.service", "docker.service")
        if not _as_set(machine, content):
            raise Failed("docker does not run with the settings of " + SETTINGS)
    moved = machine.path(ROOT + ".moved")
    if moved.exists():
        machine.run("systemd-run", "--quiet", "--nice=19", "rm", "-rf", str(moved))  # it may take its time


def _as_set(machine: Machine, content: dict[str, Any]) -> bool:
    form = "{{.DockerRootDir}}{{range $name, $_ := .Runtimes}} {{$name}}{{end}}"
    status, text = machine.attempt("docker", "info", "--format", form)
    root, *runtimes = text.rpartition("\n")[2].split() or [""]  # warnings come before
    same = root == content.get("data-root", ROOT)
    return not status and same and set(content.get("runtimes", {})) <= set(runtimes)


def log_in(machine: Machine, aws: Aws, registry: str) -> None:
    """Let root pull from the environment's ECR repositories for twelve hours."""
    login = {"auths": {registry: {"auth": aws.registry_token()}}}
    machine.write("/root/.docker/config.json", json.dumps(login) + "\n", 0o600)


def pull(machine: Machine, images: list[str]) -> None:
    """Have the images; those that are here are not asked for."""
    for image in images:
        if machine.attempt("docker", "image", "inspect", "--format", "{{.Id}}", image)[0]:
            machine.run("docker", "pull", "--quiet", image)
