"""The machine under the rehearsal: what must hold before anything changes, and its distribution's packages.

Packages are only added. No service of theirs is started, now or at the next boot: the rehearsal runs the
programs itself, on addresses of its own.
"""

import contextlib
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rehearsal import addresses
from rehearsal.errors import BerthError
from rehearsal.paths import Paths
from rehearsal.steps import Step

GIB = 1 << 30
DISK = 12 * GIB
MEMORY = 4 * GIB
POLICY = Path("/usr/sbin/policy-rc.d")
_OURS = (
    "#!/bin/sh\n# Written by berth for the time of one installation: nothing starts services now.\nexit 101\n"
)
_BOOT = {"kmod"}  # whose services are the machine's own start
_ASIDE = POLICY.with_name("policy-rc.d.before-berth")


@dataclass(frozen=True)
class Plan:
    """What apt would do. asked: what is missing; packages: with dependencies; download: bytes."""

    asked: tuple[str, ...]
    packages: tuple[str, ...]
    download: int

    def __str__(self) -> str:
        others = len(set(self.packages) - set(self.asked))
        return (
            f"{', '.join(self.asked)}"
            + (f", and {others} that they depend on" if others else "")
            + (f" ({self.download / 2**20:.0f} MiB to download)" if self.download else "")
        )


def preflight(paths: Paths, *, built: bool = False) -> None:
    """Check what no step can mend, all at once, before anything is changed.

    built: everything is in place already, so that little disk is needed.

    Raises:
        BerthError: names every obstacle, with figures.
    """
    obstacles = [
        *_platform(),
        *disk_obstacles(paths, GIB if built else DISK),
        *_memory(),
        *_ports(paths),
        *([] if built else _network()),
    ]
    if obstacles:
        listed = "\n".join(f"  - {obstacle}" for obstacle in obstacles)
        raise BerthError(f"this machine cannot run a rehearsal yet:\n{listed}", "Nothing has been changed.")


def _platform() -> list[str]:
    obstacles = []
    if os.geteuid() != 0:
        obstacles.append("root is needed (containers, a network bridge, firewall rules): sudo ./scripts/up")
    if platform.machine() != "x86_64":
        obstacles.append(f"the CPU is {platform.machine()}; only x86-64 is supported")
    elif "sse4_2" not in _read("/proc/cpuinfo"):
        obstacles.append("the CPU lacks SSE4.2 (x86-64-v2), which numpy and torch need")
    if not shutil.which("apt-get"):
        obstacles.append("there is no apt-get: Debian 12, 13 or Ubuntu from 22.04 is needed")
    return obstacles


def disk_obstacles(paths: Paths, needed: int) -> list[str]:
    """Where disk space is lacking. What the cache and the state hold already counts as there."""
    lacking = []
    disks: dict[int, list[Path]] = {}
    for root in (paths.cache, paths.state):
        disks.setdefault(_existing(root).stat().st_dev, []).append(root)
    for roots in disks.values():
        share = needed // len(disks)
        free = shutil.disk_usage(_existing(roots[0])).free
        if free >= share:
            continue
        # What is there already need not come again; a little is needed for anything.
        wanted = max(share - sum(map(_size, roots)), GIB // 2)
        if free < wanted:
            lacking.append(
                f"{' and '.join(map(str, roots))}: {wanted / GIB:.1f} GiB of disk are needed, "
                f"{free / GIB:.1f} GiB are free; make {(wanted - free) / GIB:.1f} GiB more free, "
                "or set BERTH_CACHE and BERTH_STATE to directories on a larger disk"
            )
    return lacking


def _existing(path: Path) -> Path:
    return next(p for p in (path, *path.parents) if p.exists())


def _size(root: Path) -> int:
    """Bytes on disk below a directory, other file systems mounted there left out."""
    total = 0
    for directory, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not (Path(directory) / name).is_mount()]
        for name in files:
            with contextlib.suppress(OSError):
                total += (Path(directory) / name).lstat().st_blocks * 512
    return total


def _network() -> list[str]:
    """No route to anywhere and no proxy: said here, before each step would find out for itself."""
    proxies = any(name.lower() in {"http_proxy", "https_proxy", "all_proxy"} for name in os.environ)
    routes = [line.split() for line in _read("/proc/net/route").splitlines()[1:]]
    routes6 = [line.split() for line in _read("/proc/net/ipv6_route").splitlines()]
    default = any(r[1] == "00000000" for r in routes) or any(r[1] == "00" and r[9] != "lo" for r in routes6)
    if default or proxies:
        return []
    return ["there is no network: no default route, and no proxy is set (HTTPS_PROXY)"]


def _memory() -> list[str]:
    found = re.search(r"MemTotal:\s+(\d+) kB", _read("/proc/meminfo"))
    total = int(found[1]) * 1024 if found else MEMORY
    # A machine sold with 4 GiB shows a little less.
    if total < MEMORY * 0.9:
        return [f"{MEMORY / GIB:.0f} GiB of memory are needed; this machine has {total / GIB:.1f} GiB"]
    return []


def _ports(paths: Paths) -> list[str]:
    """Ports of ours on which another program listens for every address of the machine."""
    if (paths.run / "pids").is_dir():
        return []
    wanted = {
        addresses.API_SERVER_PORT: "the API server",
        addresses.REGISTRY_PORT: "the image registry",
        addresses.S3_PORT: "object storage",
        addresses.AWS_PORT: "the emulated AWS",
    }
    taken = listening_everywhere() & wanted.keys()
    return [
        f"port {port}, needed by {wanted[port]}, is in use: `ss -ltnp 'sport = :{port}'` names the program"
        for port in sorted(taken)
    ]


def listening_everywhere() -> set[int]:
    """TCP ports with a listener on a wildcard address (proc(5), net/tcp: state 0A)."""
    ports = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in _read(table).splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            address, _, port = local.partition(":")
            if state == "0A" and not address.strip("0"):
                ports.add(int(port, 16))
    return ports


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def missing(packages: Iterable[str]) -> list[str]:
    """Those that dpkg does not have installed, each once, in order."""
    wanted = sorted(set(packages))
    if not wanted:
        return []
    installed = _installed(wanted)
    return [name for name in wanted if name not in installed]


def plan(packages: Iterable[str]) -> Plan:
    """What installing would bring; changes nothing, needs no root. Sizes are 0 where apt has no lists yet."""
    wanted = sorted(set(packages))
    said = subprocess.run(
        [*_APT, "install", "--print-uris", *wanted],
        capture_output=True,
        text=True,
        check=False,
        env=_apt_environment(),
    ).stdout
    found = re.findall(r"^'[^']+' (\S+?)_\S+\.deb (\d+)", said, re.MULTILINE)
    return Plan(
        asked=tuple(wanted),
        packages=tuple(sorted(name for name, _ in found)),
        download=sum(int(size) for _, size in found),
    )


def install(packages: Iterable[str], step: Step, paths: Paths) -> list[str]:
    """Install packages, without recommendations; returns what is new, dependencies included.

    A package that dpkg has as installed although its caller misses its program is installed again.

    Raises:
        StepFailed: apt failed.
        BerthError: there is no apt, or this is not root.
    """
    wanted = sorted(set(packages))
    if not wanted:
        return []
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise BerthError(f"these packages are needed: {' '.join(wanted)}", "Install them as root, with apt.")
    env = _apt_environment()
    if "was interrupted" in step.run([*_APT, "--simulate", "install", *wanted], env=env, check=False):
        step.say("finishing an interrupted installation")
        step.run(["dpkg", "--configure", "-a"], env=env)
    if "E: " in step.run([*_APT, "--simulate", "install", *wanted], env=env, check=False):
        step.say("reading the package lists")
        step.run([*_APT, "update"], env=env)
    before = _installed()
    step.say(f"{len(wanted)} packages: {' '.join(wanted)}")
    with services_held():
        command = [*_APT, "install", "--reinstall", *wanted]
        said = step.run(command, env=env, on_line=_progress, check=False)
        if "\nE: " in f"\n{said}":
            # Most often the lists are older than the mirror.
            step.run([*_APT, "update"], env=env)
            step.run(command, env=env, on_line=_progress)
    new = sorted(_installed() - before)
    for name in sorted(set(new) - _BOOT):
        _disable_services(name, step)
    if new:
        with (paths.create().state / "apt-installed").open("a") as record:
            record.write("".join(f"{name}\n" for name in new))
    return new


_APT = (
    "apt-get",
    "--yes",
    "--no-install-recommends",
    "-o=DPkg::Lock::Timeout=300",
    "-o=Dpkg::Use-Pty=0",
    "-o=Acquire::Retries=2",
)


def _apt_environment() -> dict[str, str]:
    return os.environ | {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1", "LC_ALL": "C.UTF-8"}


def _progress(line: str) -> str | None:
    return line if line.startswith(("Get:", "Unpacking ", "Setting up ")) else None


@contextlib.contextmanager
def services_held() -> Iterator[None]:
    """Keep package scripts from starting services (Debian policy 9.3.3.1); what was there comes back."""
    try:
        present = POLICY.read_text()
    except FileNotFoundError:
        present = None
    # Ours can be there already, from a run that was killed: then the one set aside is the machine's.
    if present is not None and present != _OURS:
        POLICY.replace(_ASIDE)
    POLICY.write_text(_OURS)
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)
        if _ASIDE.exists():
            _ASIDE.replace(POLICY)


def _installed(patterns: Iterable[str] = ()) -> set[str]:
    """The installed ones among the packages that dpkg has heard of."""
    said = subprocess.run(
        ["dpkg-query", "-W", "-f=${Package} ${db:Status-Abbrev}\n", *patterns],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    return {line.split()[0] for line in said.splitlines() if line.split()[1:2] == ["ii"]}


def _disable_services(package: str, step: Step) -> None:
    """Keep a package's services from starting at the next boot."""
    listing = ["dpkg-query", "-L", package]
    files = subprocess.run(listing, capture_output=True, text=True, check=False).stdout
    unit = r"^(?:/usr)?/lib/systemd/system/([^/@]+\.(?:service|socket|timer))$"
    for name in re.findall(unit, files, re.MULTILINE):
        # On every Debian, with or without systemd, and respected by later upgrades of the package; made to be
        # called by the package's own scripts.
        env = os.environ | {"DPKG_MAINTSCRIPT_PACKAGE": package}
        step.run(["deb-systemd-helper", "disable", name], env=env, check=False)
    for script in re.findall(r"^/etc/init\.d/(\S+)$", files, re.MULTILINE):
        step.run(["update-rc.d", script, "disable"], check=False)
