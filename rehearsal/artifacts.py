"""Programs that a rehearsal needs and no package manager has: downloaded where that works, else built.

A program's directory under `<cache>/bin` is named by the hash of everything that determines its content, and
appears whole or not at all, so that an interrupted build leaves nothing behind that looks finished.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rehearsal.errors import BerthError
from rehearsal.paths import CHECKOUT, Paths
from rehearsal.steps import Step

GO_VERSION = (1, 26, 4)
CONNECT_SECONDS = 5.0
SIZES = ".sizes.json"


@dataclass(frozen=True, kw_only=True)
class Release:
    """An official download: a plain program or a .tar.gz.

    checksum_url: a file with the SHA-256, alone or as lines `<sum>  <file name>`.
    members: program name to path in the archive; empty for a plain program.
    """

    url: str
    checksum_url: str
    members: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class GoProgram:
    """A program built from a Go module of ours.

    module: the directory with go.mod and go.sum.
    packages: program name to package path.
    links: further names under which a program is to be found: link name to program name.
    releases: tried in front of the build; all of them together must bring every program and link.
    """

    name: str
    module: Path
    packages: Mapping[str, str]
    ldflags: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    links: Mapping[str, str] | None = None
    releases: tuple[Release, ...] = ()
    expected: str = ""


def key(program: GoProgram) -> str:
    """A hash over the module's files and the build's settings (16 hex digits)."""
    digest = hashlib.sha256()
    for path in sorted(program.module.rglob("*")):
        if path.is_file() and path.suffix in {".go", ".mod", ".sum"}:
            digest.update(f"{path.relative_to(program.module)}\0".encode())
            digest.update(path.read_bytes())
    settings = (
        sorted(program.packages.items()),
        program.ldflags,
        program.tags,
        sorted((program.links or {}).items()),
    )
    digest.update(repr(settings).encode())
    return digest.hexdigest()[:16]


def directory(program: GoProgram, paths: Paths) -> Path:
    """Where the program is, or will be."""
    return paths.bin / f"{program.name}-{key(program)}"


def present(program: GoProgram, paths: Paths) -> bool:
    """Whether every program and link is there, as long as it was when it was put there."""
    where = directory(program, paths)
    names = (*program.packages, *(program.links or {}))
    return all(os.access(where / name, os.X_OK) for name in names) and _unshortened(where)


def _unshortened(where: Path) -> bool:
    """Whether no file has another size than was written down: a full disk or a crash cuts files short."""
    try:
        sizes = json.loads((where / SIZES).read_text())
        return all((where / name).stat().st_size == size for name, size in sizes.items())
    except FileNotFoundError:
        return not (where / SIZES).exists()
    except (OSError, ValueError, AttributeError):
        return False


def ensure(program: GoProgram, paths: Paths, step: Step) -> Path:
    """Bring a program; returns its directory.

    Raises:
        BerthError: no network, a checksum that does not match, or no Go toolchain.
        StepFailed: the build failed.
    """
    final = directory(program, paths)
    with _locked(paths.bin / f".{program.name}.lock"):
        if present(program, paths):
            return final
        with _staging(final) as partial:
            if not _download_all(program, partial, step):
                _build(program, partial, paths, step)
            for link, target in (program.links or {}).items():
                if not (partial / link).exists():
                    (partial / link).symlink_to(target)
        for old in paths.bin.glob(f"{program.name}-*"):
            if old != final and re.fullmatch(r"[0-9a-f]{16}", old.name.removeprefix(f"{program.name}-")):
                shutil.rmtree(old, ignore_errors=True)
    return final


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _staging(final: Path) -> Iterator[Path]:
    partial = Path(tempfile.mkdtemp(prefix=f".{final.name}.", dir=final.parent))
    try:
        yield partial
        sizes = {file.name: file.stat().st_size for file in partial.iterdir() if file.is_file()}
        (partial / SIZES).write_text(json.dumps(sizes))
        partial.chmod(0o755)
        shutil.rmtree(final, ignore_errors=True)
        partial.replace(final)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _download_all(program: GoProgram, into: Path, step: Step) -> bool:
    for release in program.releases:
        step.say(f"looking for {release.url}")
        try:
            fetch_release(release, into)
        except (urllib.error.URLError, TimeoutError, ConnectionError) as reason:
            with step.log.open("a") as log:
                log.write(f"{release.url} cannot be had ({reason}): building from source\n")
            return False
    return bool(program.releases)


def fetch_release(release: Release, into: Path) -> None:
    """Download one release, verify its checksum, unpack its members.

    Raises:
        BerthError: the checksum does not match; nothing of the download is kept.
        URLError, TimeoutError, ConnectionError: it cannot be had.
    """
    file_name = release.url.rpartition("/")[2]
    with urllib.request.urlopen(release.checksum_url, timeout=CONNECT_SECONDS) as response:
        expected = _checksum_for(file_name, response.read().decode())
    target = into / file_name
    digest = hashlib.sha256()
    with urllib.request.urlopen(release.url, timeout=CONNECT_SECONDS) as response, target.open("wb") as file:
        while block := response.read(1 << 20):
            digest.update(block)
            file.write(block)
    if digest.hexdigest() != expected:
        target.unlink()
        raise BerthError(
            f"the checksum of {release.url} does not match: expected {expected}, got {digest.hexdigest()}",
            "The download was damaged or altered and has been removed. Run the command again; "
            "if it persists, do not use that network.",
        )
    if not release.members:
        target.chmod(0o755)
        return
    with tarfile.open(target) as archive:
        for name, member in release.members.items():
            try:
                source = archive.extractfile(member)
            except KeyError:
                source = None
            if source is None:
                raise BerthError(f"{release.url} has no program {member!r}")
            with (into / name).open("wb") as file:
                shutil.copyfileobj(source, file)
            (into / name).chmod(0o755)
    target.unlink()


def _checksum_for(file_name: str, text: str) -> str:
    for line in text.splitlines():
        fields = line.split()
        if len(fields) == 1 or (len(fields) == 2 and fields[1].lstrip("*./") == file_name):
            return fields[0].lower()
    raise BerthError(f"the published checksums do not list {file_name}")


def _build(program: GoProgram, into: Path, paths: Paths, step: Step) -> None:
    go = go_toolchain(paths, step)
    settings = build_environment(paths)
    # No -trimpath: with it, modules that replace versions share no compiled packages with one another.
    ldflags = " ".join(("-s", "-w", *program.ldflags))
    for name, package in program.packages.items():
        step.say(f"compiling {name}")
        compiled = 0

        def count(line: str, name: str = name) -> str | None:
            nonlocal compiled
            if line.startswith("go: downloading"):
                return f"downloading {line.split()[2]}"
            compiled += 1
            return f"compiling {name}: {compiled} packages"

        step.run(
            [
                go, "build", "-v", "-p", "2", "-buildvcs=false",
                f"-tags={','.join(program.tags)}", f"-ldflags={ldflags}", "-o", into / name, package,
            ],
            cwd=program.module,
            env=settings,
            on_line=count,
        )  # fmt: skip


def build_environment(paths: Paths) -> dict[str, str]:
    """The environment of a Go build: caches of our own, no cgo, no toolchain download."""
    return os.environ | {
        "GOMODCACHE": str(paths.cache / "go" / "mod"),
        "GOCACHE": str(paths.cache / "go" / "build"),
        "GOFLAGS": "-modcacherw",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "CGO_ENABLED": "0",
    }


def drop_build_caches(paths: Paths) -> None:
    """Remove what only a build needs (about 3 GB); the programs stay."""
    shutil.rmtree(paths.cache / "go", ignore_errors=True)


def go_toolchain(paths: Paths, step: Step) -> str:
    """A `go` that is new enough: on PATH, else the one that a package on PyPI ships."""
    for candidate in filter(None, (shutil.which("go"), "/usr/local/go/bin/go")):
        if _go_version(candidate) >= GO_VERSION:
            return candidate
    home = paths.cache / "toolchain"
    program = home / "bin" / "go"
    if _go_version(str(program)) >= GO_VERSION:
        return str(program)
    step.say("installing a Go toolchain")
    uv = CHECKOUT / ".venv" / "bin" / "uv"
    python = CHECKOUT / ".venv" / "bin" / "python"
    step.run([uv, "venv", "--clear", "--python", python, home])
    lock = CHECKOUT / "requirements" / "toolchain.txt"
    step.run([uv, "pip", "install", "--python", home / "bin" / "python", "--require-hashes", "-r", lock])
    _go_version.cache_clear()
    if _go_version(str(program)) < GO_VERSION:
        raise BerthError(
            f"no Go toolchain of at least {'.'.join(map(str, GO_VERSION))} could be had",
            "Install Go from your distribution or from go.dev, so that `go version` works.",
        )
    return str(program)


@cache
def _go_version(program: str) -> tuple[int, ...]:
    try:
        # GOTOOLCHAIN=local: the version of this very program, not of one that it would download.
        text = subprocess.run(
            [program, "version"],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"GOTOOLCHAIN": "local"},
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return (0,)
    found = re.search(r"go(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(part or 0) for part in found.groups()) if found else (0,)
