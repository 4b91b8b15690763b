"""The last stage: is this the machine that was ordered? Checks, and an inventory of versions."""

# ruff: noqa: TC003 # a block for type checking would be shipped for nothing
from __future__ import annotations

import email.utils
import json
import os
import re
import time
from collections.abc import Callable
from typing import Any

from .aws import Aws, AwsError
from .disks import MOUNT
from .machine import Failed, Machine

SKEW = 5.0
FREE = 2 << 30
Smoke = dict[str, Any]


def container(image: str, *command: str) -> list[str]:
    """`docker run` of a command in an image that sees every GPU."""
    return [
        *("docker", "run", "--rm", "--network=none", "--runtime=nvidia", "--read-only", "--tmpfs=/tmp"),
        "--cpu-shares=128",  # the workloads have begun
        *("--env=NVIDIA_VISIBLE_DEVICES=all", "--env=NVIDIA_DRIVER_CAPABILITIES=compute,utility"),
        *("--entrypoint", command[0], image, *command[1:]),
    ]


def gpus(machine: Machine, plan: dict[str, Any]) -> str:
    """Driver and GPUs, as nvidia-smi counts them."""
    query = "--query-gpu=name,driver_version,memory.total"
    lines = machine.run("nvidia-smi", query, "--format=csv,noheader").splitlines()
    wanted = plan["accelerator"].lower()
    if len(lines) < plan["gpus"] or not all(wanted in line.lower() for line in lines):
        raise Failed(f"{plan['gpus']} {plan['accelerator']} ordered, found: {'; '.join(lines)}")
    return "; ".join(lines)


def smoke(machine: Machine, plan: dict[str, Any]) -> Smoke:
    """`python -m workloads.smoke` in the training image: its last line is JSON."""
    image = plan["images"]["train"]
    status, text = machine.attempt(*container(image, "python3", "-m", "workloads.smoke"), seconds=600)
    try:
        return dict(json.loads(text.splitlines()[-1]))
    except (IndexError, ValueError):
        raise Failed(f"the smoke test ended with status {status}: {text[-400:]}") from None


def seen_in_container(found: Smoke, count: int) -> str:
    seen = found.get("gpus") or []
    if len(seen) < count:
        raise Failed(f"a container sees {len(seen)} GPUs of {count}: {found.get('nvidia_smi')}")
    return ", ".join(seen)


def torch_computes(found: Smoke) -> str:
    if not found.get("passed"):
        raise Failed(str(found.get("detail")))
    return str(found.get("detail"))


def disk(machine: Machine, plan: dict[str, Any]) -> str:
    where = MOUNT if plan["data_gib"] else "/"
    stat = os.statvfs(machine.path(where))
    free = stat.f_bavail * stat.f_frsize
    if plan["data_gib"]:
        machine.run("mountpoint", "-q", where)
    if free < FREE:
        raise Failed(f"{where} has {free} bytes free")
    return f"{where}: {free / (1 << 30):.1f} GiB free"


def clock(date: str, now: float) -> str:
    """This machine's clock against a service's Date header, which counts whole seconds."""
    if not date:
        raise Failed("no service has told the time")
    skew = abs(now - email.utils.parsedate_to_datetime(date).timestamp() - 0.5)
    if skew > SKEW:
        raise Failed(f"the clock is off by {skew:.1f} s")
    return f"within {SKEW:.0f} s of S3"


def bucket(aws: Aws, instance: str) -> str:
    """Write, read back."""
    key, body = f"machines/{instance}/probe", os.urandom(16).hex().encode()
    try:
        aws.put(key, body)
        if aws.get(key) != body:
            raise Failed("the bucket gave back something else")
    except AwsError as reason:
        raise Failed(str(reason)) from None
    return "written and read back"


def first(pattern: str, text: str) -> str | None:
    found = re.search(pattern, text)
    return found.group(1) if found else None


def inventory(machine: Machine, plan: dict[str, Any], found: Smoke) -> dict[str, str | None]:
    """Versions; None for what a machine does not have."""
    known: dict[str, str | None] = {
        "kernel": os.uname().release,
        "distribution": first(r'PRETTY_NAME="?([^"\n]*)', machine.read("/etc/os-release")),
        "bringup": plan["program"],
    }
    if plan["role"] != "machine":
        return known
    smi = machine.attempt("nvidia-smi")[1]
    docker = machine.attempt("docker", "version", "--format", "{{.Server.Version}}")[1]
    return {
        "driver": first(r"Driver Version: *([\d.]+)", smi),
        "cuda": first(r"CUDA (?:UMD )?Version: *([\d.]+)", smi),
        "toolkit": first(r"version ([\d.]+)", machine.attempt("nvidia-ctk", "--version")[1]),
        "docker": first(r"([\d.]+\S*)$", docker),
        "containerd": first(r" v?(\d[\w.]*)", machine.attempt("containerd", "--version")[1]),
        "torch": found.get("torch"),
        **known,
    }


def run(machine: Machine, aws: Aws, plan: dict[str, Any], instance: str) -> dict[str, Any]:
    """The whole of it, as conformance.json has it."""
    found: Smoke = {}
    checks: list[dict[str, Any]] = []

    def check(name: str, verdict: Callable[[], str]) -> None:
        try:
            checks.append({"name": name, "passed": True, "detail": verdict()})
        except Failed as reason:
            checks.append({"name": name, "passed": False, "detail": str(reason)})

    check("bucket", lambda: bucket(aws, instance))
    check("clock", lambda: clock(aws.date, time.time()))
    check("disk", lambda: disk(machine, plan))
    if plan["role"] == "machine":
        check("nvidia-smi", lambda: gpus(machine, plan))

        def in_container() -> str:
            found.update(smoke(machine, plan))
            return seen_in_container(found, plan["gpus"])

        check("container", in_container)
        check("torch", lambda: torch_computes(found))
    return {
        "passed": all(entry["passed"] for entry in checks),
        "checks": checks,
        "inventory": inventory(machine, plan, found),
    }
