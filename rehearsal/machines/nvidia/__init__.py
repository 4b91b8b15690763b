"""NVIDIA's package sources as a rehearsal has them: small simulated packages under NVIDIA's own names.

`ensure` makes one directory per host name, laid out as the vendor's servers are; whoever serves it does so by
that name. The key that signs is made for each build and then thrown away; the packages carry its public half.
"""

import gzip
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from email.utils import formatdate
from pathlib import Path
from typing import Self

from rehearsal.machines.nvidia import table
from rehearsal.machines.nvidia.table import Package
from rehearsal.paths import Paths
from rehearsal.steps import Step

HOSTS = ("developer.download.nvidia.com", "nvidia.github.io")
_SIGNER = "berth rehearsal, simulated packages"


def packages() -> list[str]:
    """The distribution's packages that are missing on this machine."""
    needed = {"gpg": "gpg", "gpg-agent": "gpg-agent", "dpkg-deb": "dpkg"}
    return [package for program, package in needed.items() if not shutil.which(program)]


def ensure(paths: Paths, step: Step) -> Path:
    """The directory with a folder per host name of HOSTS, built unless it is there.

    Raises:
        StepFailed: a program failed.
    """
    target = paths.cache / "machines" / "packages" / _digest()
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix=".packages-", dir=target.parent) as work,
        tempfile.TemporaryDirectory(prefix="berth-") as home,  # a short path: gpg-agent's socket is in it
    ):
        root = Path(work) / "root"
        with _Key(Path(home), step) as key:
            for where, wanted in (
                (table.CUDA, [*table.drivers(), table.keyring(key.public)]),
                (table.TOOLKIT, table.toolkits()),
            ):
                _repository(root / where, wanted, key, step)
            # The address at which NVIDIA tells people to get it has the version without our mark.
            made = root / table.CUDA / table.keyring(key.public).filename
            shutil.copy(made, made.with_name("cuda-keyring_1.1-1_all.deb"))
            (root / table.TOOLKIT_KEY).write_bytes(key.armored)
        root.chmod(0o755)
        root.replace(target)
    for old in target.parent.iterdir():
        if old != target and not old.name.startswith("."):
            shutil.rmtree(old)
    return target


class _Key:
    """A signing key for as long as a build lasts."""

    def __init__(self, home: Path, step: Step) -> None:
        self._home = home
        self._step = step

    def __enter__(self) -> Self:
        self._gpg("--passphrase", "", "--quick-generate-key", _SIGNER, "ed25519", "sign", "never")
        binary, armored = self._home / "public.gpg", self._home / "public.asc"
        self._gpg("--output", str(binary), "--export", _SIGNER)
        self._gpg("--armor", "--output", str(armored), "--export", _SIGNER)
        self.public, self.armored = binary.read_bytes(), armored.read_bytes()
        return self

    def __exit__(self, *_reason: object) -> None:
        subprocess.run(
            ["gpgconf", "--homedir", str(self._home), "--kill", "gpg-agent"], check=False, capture_output=True
        )

    def sign(self, release: Path) -> None:
        """Write InRelease beside a Release file."""
        self._gpg("--clearsign", "--output", str(release.with_name("InRelease")), str(release))

    def _gpg(self, *arguments: str) -> None:
        self._step.run(["gpg", "--homedir", str(self._home), "--batch", "--yes", "--quiet", *arguments])


def _repository(folder: Path, wanted: Iterable[Package], key: _Key, step: Step) -> None:
    """A flat repository: https://wiki.debian.org/DebianRepository/Format#Flat_Repository_Format."""
    folder.mkdir(parents=True)
    index = "\n".join(_build(package, folder, step) for package in wanted).encode()
    files = {"Packages": index, "Packages.gz": gzip.compress(index, mtime=0)}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    sums = "".join(
        f" {hashlib.sha256(content).hexdigest()} {len(content)} {name}\n" for name, content in files.items()
    )
    release = folder / "Release"
    release.write_text(
        f"Origin: berth rehearsal\nLabel: simulated\nArchitectures: amd64\n"
        f"Date: {formatdate(usegmt=True)}\nSHA256:\n{sums}"
    )
    key.sign(release)


def _build(package: Package, folder: Path, step: Step) -> str:
    """Build a package into folder; returns its paragraph of the index."""
    step.say(package.filename)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        root = Path(work)
        root.chmod(0o755)
        for name, content in package.files.items():
            _write(root / name, content, executable="/bin/" in name)
        _write(root / "DEBIAN" / "control", package.control().encode(), executable=False)
        for name, content in package.scripts.items():
            _write(root / "DEBIAN" / name, content, executable=True)
        file = folder / package.filename
        # Hardly compressed: unpacking costs more than the bytes on an emulated processor.
        step.run(["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(root), str(file)])
    content = file.read_bytes()
    return (
        f"{package.control()}Filename: ./{package.filename}\nSize: {len(content)}\n"
        f"SHA256: {hashlib.sha256(content).hexdigest()}\n"
    )


def _write(path: Path, content: bytes, *, executable: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o755 if executable else 0o644)


def _digest() -> str:
    """Follows everything that a build is made of."""
    here = Path(__file__).resolve().parent
    digest = hashlib.sha256()
    for path in sorted(file for file in here.rglob("*") if file.suffix != ".pyc" and file.is_file()):
        digest.update(path.relative_to(here).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
