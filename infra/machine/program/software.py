"""Packages by apt or dnf, in one transaction; the kernel's headers; and whether the driver works.

The plan's `software` says what to install and from where; this module only knows how.
"""

from __future__ import annotations

import os
import tempfile
import urllib.error
import urllib.request
from typing import Any

from .machine import Failed, Machine

APT = (
    "apt-get",
    "-q",
    "-y",
    "-o",
    "Dpkg::Use-Pty=0",
    "-o",
    "Dpkg::Options::=--force-confold",
    "-o",
    "Acquire::Retries=5",
    "-o",
    "Acquire::Languages=none",
    "-o",
    "APT::Update::Error-Mode=any",
    "-o",
    "DPkg::Lock::Timeout=300",  # a fresh Ubuntu runs its own upgrades for minutes
)
# What apt and dnf say of a header package that the archive no longer has.
UNKNOWN = ("Unable to locate package", "Unable to find a match", "has no installation candidate")


def missing(manager: str, wanted: list[str], listing: str) -> list[str]:
    """Those of wanted (`name` or `name=version`) that are not installed.

    listing: for apt the lines `name version status`, as `installed` asks dpkg-query; for dnf those names
    that rpm does not know.
    """
    if manager == "dnf":
        absent = set(listing.split("\n"))
        return [name for name in wanted if name in absent]
    have = {}
    for line in listing.splitlines():
        name, version, status = [*line.split(), "", "", ""][:3]
        if status == "installed":
            have[name] = version
    split = [entry.partition("=") for entry in wanted]
    return [
        entry
        for entry, (name, _, version) in zip(wanted, split)  # noqa: B905 # Python 3.9 has no strict
        if name not in have or not has_version(have[name], version)
    ]


def has_version(installed: str, wanted: str) -> bool:
    """Whether an installed version is the wanted one; `1.2*` is any that begins so, empty is any."""
    return installed.startswith(wanted[:-1]) if wanted.endswith("*") else wanted in ("", installed)


def installed(machine: Machine, manager: str, wanted: list[str]) -> str:
    """The listing that `missing` reads."""
    if manager == "dnf":
        return "\n".join(name for name in wanted if machine.attempt("rpm", "-q", name)[0])
    names = [entry.partition("=")[0] for entry in wanted]
    form = "${Package} ${Version} ${db:Status-Status}\\n"
    return machine.attempt("dpkg-query", "-W", "-f", form, *names)[1]


def install(machine: Machine, plan: dict[str, Any]) -> None:
    """Have every package of the plan, and the headers of the running kernel where a driver is built."""
    manager = plan["manager"]
    wanted = missing(manager, plan["packages"], installed(machine, manager, plan["packages"]))
    kernel = os.uname().release
    headers = [name.replace("{kernel}", kernel) for name in plan["headers"]]
    if headers and machine.path(f"/lib/modules/{kernel}/build").exists():
        headers = []
    if not wanted and not headers:
        return
    _add_sources(machine, plan)
    if manager == "dnf":
        for module in plan["modules"]:
            machine.run("dnf", "-y", "module", "enable", module)
        command: tuple[str, ...] = ("dnf", "-y", "install")
    else:
        command = (*APT, "--no-install-recommends", "install")
        # Where only NVIDIA's packages are missing, their own lists may do, which are a thousandth of all.
        alone = not headers and all("nvidia" in name for name in wanted)
        if alone and _lists_of(machine, plan["sources"]) and not machine.attempt(*command, *wanted)[0]:
            return
        machine.run(*APT, "update")
    status, text = machine.attempt(*command, *headers, *wanted)
    if status and headers and any(said in text for said in UNKNOWN):
        # The archive keeps the headers of its newest kernel only: take both, and the one reboot starts it.
        status, text = machine.attempt(*command, *plan["kernel"], *wanted)
    if status:
        raise Failed("the packages cannot be installed: " + "\n".join(text.splitlines()[-12:]))


def _lists_of(machine: Machine, sources: list[str]) -> bool:
    """Have apt fetch the lists of these files of sources.list.d only; whether it could."""
    apart = "/var/lib/berth/sources"
    for name in sources:
        machine.write(f"{apart}/{name}", machine.read(f"/etc/apt/sources.list.d/{name}"))
    only = (f"Dir::Etc::SourceParts={machine.path(apart)}", "Dir::Etc::SourceList=/dev/null")
    options = [part for option in (*only, "APT::Get::List-Cleanup=0") for part in ("-o", option)]
    return not machine.attempt(*APT, *options, "update")[0]


def _add_sources(machine: Machine, plan: dict[str, Any]) -> None:
    for path, text in plan["files"].items():
        machine.write(path, text)
    for path, url in plan["downloads"].items():
        if not machine.path(path).exists():
            machine.write(path, fetch(url).decode())
    for url in plan["debs"]:
        _install_deb(machine, url)


def fetch(url: str) -> bytes:
    """A document over HTTPS, with the machine's own trust. Raises Failed."""
    try:
        with urllib.request.urlopen(url, timeout=60) as response:
            return bytes(response.read())
    except (OSError, urllib.error.URLError) as reason:
        raise Failed(f"{url}: {reason}") from None


def _install_deb(machine: Machine, url: str) -> None:
    name = url.rpartition("/")[2].partition("_")[0].replace(".deb", "")
    if missing("apt", [name], installed(machine, "apt", [name])):
        with tempfile.NamedTemporaryFile(suffix=".deb") as file:
            file.write(fetch(url))
            file.flush()
            machine.run("dpkg", "-i", file.name)


def driver_works(machine: Machine) -> bool:
    """Whether nvidia-smi reaches the driver, after a try to load it."""
    if not machine.attempt("nvidia-smi", "-L")[0]:
        return True
    machine.attempt("modprobe", "nvidia")
    return not machine.attempt("nvidia-smi", "-L")[0]
