"""Starts what the machine is for; the units themselves come with the user-data."""

# ruff: noqa: TC001 # a block for type checking would be shipped for nothing
from __future__ import annotations

import secrets
from typing import Any

from .machine import Machine

TOKEN = "/etc/berth/jupyter.token"  # noqa: S105 # the name of a file
SCRATCH = "/data/scratch"
USER = 65532  # of the images


def start(machine: Machine, plan: dict[str, Any], instance: str) -> None:
    """Have every unit of the plan enabled and running; one that has done its work is left alone."""
    for name in ("train", "serve"):
        directory = machine.path(f"{SCRATCH}/{name}")
        if not directory.exists():
            directory.mkdir(parents=True)
            directory.chmod(0o1777)
    if "berth-jupyter.service" in plan["units"] and not machine.path(TOKEN).exists():
        token = secrets.token_urlsafe(32)
        machine.write(TOKEN, token + "\n", 0o600)
        machine.write("/etc/berth/jupyter.env", f"JUPYTER_TOKEN={token}\n", 0o600)
    machine.write("/etc/berth/instance.env", f"INSTANCE={instance}\n")
    machine.run("systemctl", "enable", "--quiet", "--no-reload", *plan["units"])
    machine.run("systemctl", "start", "--no-block", *plan["units"])


def stop(machine: Machine, plan: dict[str, Any]) -> None:
    """End what `start` started, but for the watch on the GPUs; training writes a checkpoint first."""
    working = [name for name in plan["units"] if name != "berth-usage.service"]
    if working:
        machine.run("systemctl", "stop", *working)
