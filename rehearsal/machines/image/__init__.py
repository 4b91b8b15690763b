"""The disk image that rehearsed machines start from, made of the distribution's packages.

Kept in `<cache>/machines/images/<fingerprint>/`: `disk.qcow2` (one ext4 file system, no partitions), the
kernel unpacked (`vmlinux` boots fastest, by its PVH entry) and the initramfs. It holds nothing of one
rehearsal, so all share it: the authority comes by `authority.initrd`, the rest by the metadata service.
"""

import fcntl
import hashlib
import os
import shutil
import struct
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rehearsal.errors import BerthError
from rehearsal.images import base
from rehearsal.images.build import base_tag
from rehearsal.machines.image import layers
from rehearsal.paths import Paths
from rehearsal.steps import Step, Steps

HERE = Path(__file__).parent
FILES = HERE / "files"
RECIPE = HERE / "recipe.toml"
NAME = "debian-13"
_FORMAT = "1"  # to be counted up when the code below makes something else of the same recipe


@dataclass(frozen=True, kw_only=True)
class Image:
    """The files of one disk image."""

    disk: Path
    kernel: Path
    initrd: Path


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """recipe.toml."""

    suite: str
    components: list[str]
    size: str
    packages: list[str]
    installed: list[str]
    enabled: list[str]
    disabled: list[str]
    masked: list[str]
    exclude: list[str]


def recipe() -> Recipe:
    """The committed recipe."""
    return Recipe(**tomllib.loads(RECIPE.read_text()))


def fingerprint() -> str:
    """Sixteen hexadecimal digits for what the image is made of."""
    digest = hashlib.sha256(f"{_FORMAT} {base_tag()}".encode())
    for file in [RECIPE, *sorted(path for path in FILES.rglob("*") if path.is_file())]:
        digest.update(f"{file.relative_to(HERE)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def find(paths: Paths) -> Image | None:
    """The image of this checkout, where it has been made."""
    directory = _home(paths) / fingerprint()
    image = Image(
        disk=directory / "disk.qcow2", kernel=directory / "vmlinux", initrd=directory / "initrd.img"
    )
    return image if image.disk.exists() else None


def ensure(paths: Paths, steps: Steps) -> Image:
    """The image, made where it is missing; others are removed.

    Raises:
        StepFailed: a package cannot be had, or the disk is full.
    """
    found = find(paths)
    if found:
        return found
    with _alone(paths), steps.step("machine image", expected="about two minutes") as step:
        found = find(paths)
        if found:
            return found
        final = _home(paths) / fingerprint()
        partial = final.with_name(f".{final.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        try:
            root = partial / "root"
            _bootstrap(recipe(), root, step)
            _kernel(root, partial, step)
            layers.put(root, base.ensure(paths, base_tag(), step), step)
            _disk(recipe(), root, partial / "disk.qcow2", step)
            shutil.rmtree(final, ignore_errors=True)
            partial.replace(final)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        for old in final.parent.iterdir():
            if old.is_dir() and old != final:
                shutil.rmtree(old, ignore_errors=True)
        image = find(paths)
        if image is None:
            raise BerthError("the machine image came out empty", f"The log {step.log} says why.")
        step.result = f"{image.disk.stat().st_size / 1e6:.0f} MB"
        return image


@contextmanager
def _alone(paths: Paths) -> Iterator[None]:
    """Wait for another command that makes the image in the same cache."""
    _home(paths).mkdir(parents=True, exist_ok=True)
    with (_home(paths) / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _home(paths: Paths) -> Path:
    return paths.cache / "machines" / "images"


def _bootstrap(wanted: Recipe, root: Path, step: Step) -> None:
    """A root directory with the packages and our files."""
    step.say("downloading and unpacking packages")
    hooks = [
        f'cp -r --no-preserve=ownership "{FILES}/." "$1/"',
        'chmod 755 "$1/etc/initramfs-tools/scripts/init-bottom/rehearsal-authority"',
        f'chroot "$1" systemctl disable {" ".join(wanted.disabled)}',
        f'chroot "$1" systemctl mask {" ".join(wanted.masked)}',
        f'chroot "$1" systemctl enable {" ".join(wanted.enabled)}',
        'chroot "$1" update-initramfs -u -k all',
        # As in the distribution's image: the machine fetches the lists that it needs.
        'rm -rf "$1"/var/cache/apt/archives/*.deb "$1"/var/cache/apt/*.bin "$1"/var/lib/apt/lists/*',
        # Each machine makes its own, and its own identity.
        'rm -f "$1"/etc/ssh/ssh_host_* "$1/etc/hostname"',
    ]
    step.run(
        [
            # What it mounts in the directory goes with it, however it ends.
            *("unshare", "--mount", "mmdebstrap"),
            "--mode=root",
            "--variant=minbase",
            "--format=directory",
            "--architectures=amd64",
            f"--components={','.join(wanted.components)}",
            f"--include={','.join(wanted.packages + wanted.installed)}",
            *(f"--dpkgopt=path-exclude={pattern}" for pattern in wanted.exclude),
            "--dpkgopt=force-unsafe-io",
            '--aptopt=APT::Install-Recommends "false"',
            *base.proxies(),
            *([f"--keyring={base.KEYRING}"] if base.KEYRING.exists() else []),
            *(f"--customize-hook={hook}" for hook in hooks),
            "--skip=cleanup/apt",
            wanted.suite,
            str(root),
            *base.mirrors(wanted.suite, wanted.components),
        ],
        env=os.environ | {"LC_ALL": "C.UTF-8"},
        on_line=base.progress,
    )


def _kernel(root: Path, target: Path, step: Step) -> None:
    """The kernel unpacked from its bzImage, and the initramfs."""
    step.say("unpacking the kernel")
    (packed,) = (root / "boot").glob("vmlinuz-*")
    (initrd,) = (root / "boot").glob("initrd.img-*")
    shutil.copyfile(initrd, target / "initrd.img")
    archive = target / "vmlinux.zst"
    archive.write_bytes(payload(packed.read_bytes()))
    step.run(["zstd", "-dq", "--rm", str(archive)])


def payload(bzimage: bytes) -> bytes:
    """The compressed kernel in a bzImage, without the size that follows it.

    Fields of https://docs.kernel.org/arch/x86/boot.html: setup_sects, payload_offset, payload_length.
    """
    offset, length = struct.unpack_from("<II", bzimage, 0x248)
    begin = (bzimage[0x1F1] + 1) * 512 + offset
    return bzimage[begin : begin + length - 4]


def _disk(wanted: Recipe, root: Path, disk: Path, step: Step) -> None:
    step.say("writing the disk")
    raw = disk.with_suffix(".raw")
    options = ["-F", "-q", "-L", "root", "-d", str(root)]
    step.run(["mkfs.ext4", *options, str(raw), wanted.size])
    shutil.rmtree(root)
    step.run(["qemu-img", "convert", "-O", "qcow2", str(raw), str(disk)])
    raw.unlink()
