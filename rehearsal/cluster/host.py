"""Questions to this machine that /proc answers, and short commands run on it."""

import socket
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from rehearsal.cluster.software import which
from rehearsal.errors import BerthError

PROC = Path("/proc")
LISTENING = "0A"


def command(argv: Sequence[str], *, stdin: str = "", check: bool = True) -> str:
    """Run a short command; returns its standard output.

    Raises:
        BerthError: it does not exist, or it failed and check is set.
    """
    program = which(argv[0])
    if program is None:
        raise BerthError(
            f"the program {argv[0]!r} is not on this machine",
            "`berth doctor` lists what is missing and how to get it.",
        )
    result = subprocess.run(
        [str(program), *argv[1:]], input=stdin, capture_output=True, text=True, check=False, timeout=60
    )
    if check and result.returncode:
        raise BerthError(f"`{' '.join(argv)}` failed: {result.stderr.strip() or result.stdout.strip()}")
    return result.stdout


def pids() -> Iterator[int]:
    """Every process."""
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            yield int(entry.name)


def argv_of(pid: int) -> list[str]:
    """A process's command line; empty for a kernel thread or one that has ended."""
    try:
        raw = (PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return []
    return [part.decode(errors="replace") for part in raw.split(b"\0") if part]


def shares_our_network(pid: int) -> bool:
    """Whether a process is in this process's network namespace."""
    try:
        return (PROC / str(pid) / "ns/net").readlink() == (PROC / "self/ns/net").readlink()
    except OSError:
        return False


@dataclass(frozen=True)
class Mount:
    """One line of mountinfo(5)."""

    root: str
    point: Path
    kind: str
    options: frozenset[str]


def mounts() -> list[Mount]:
    """Every mount of this mount namespace, in the order they were made."""
    return parse_mounts((PROC / "self/mountinfo").read_text())


def parse_mounts(text: str) -> list[Mount]:
    """Parse mountinfo(5)."""
    found = []
    for line in text.splitlines():
        left, _, right = line.partition(" - ")
        fields, tail = left.split(), right.split()
        point = fields[4].encode().decode("unicode_escape") if "\\" in fields[4] else fields[4]
        options = frozenset(tail[2].split(",")) if len(tail) > 2 else frozenset()
        found.append(Mount(root=fields[3], point=Path(point), kind=tail[0], options=options))
    return found


def mounts_below(*directories: Path) -> list[Path]:
    """Mount points at or under the directories, the newest first, as they have to be unmounted."""
    roots = [directory.resolve() for directory in directories]
    points = [m.point for m in mounts() if any(m.point == r or m.point.is_relative_to(r) for r in roots)]
    return points[::-1]


def port_holder(address: str, port: int) -> str | None:
    """Who listens on a TCP port in a way that keeps us from binding `address`; None where it is free."""
    for table in ("net/tcp", "net/tcp6"):
        try:
            lines = (PROC / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            host, _, number = fields[1].partition(":")
            if fields[3] == LISTENING and int(number, 16) == port and _overlaps(host, address):
                return _owner(fields[9])
    return None


def _overlaps(host: str, address: str) -> bool:
    if len(host) == 8:
        listening = IPv4Address(socket.ntohl(int(host, 16)))
        return listening in (IPv4Address(address), IPv4Address("0.0.0.0"))  # noqa: S104 - compared, not bound
    if not int(host, 16):
        return True
    mapped = "0000000000000000FFFF0000"
    return host.upper().startswith(mapped) and _overlaps(host[-8:], address)


def _owner(inode: str) -> str:
    wanted = f"socket:[{inode}]"
    for pid in pids():
        try:
            descriptors = list((PROC / str(pid) / "fd").iterdir())
        except OSError:
            continue
        for descriptor in descriptors:
            try:
                target = str(descriptor.readlink())
            except OSError:
                continue
            if target == wanted:
                return f"pid {pid} ({' '.join(argv_of(pid)) or 'unnamed'})"
    return "a process of another container or user"
