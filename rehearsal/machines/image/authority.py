"""The rehearsal's authority in an initrd of its own, put in front of the image's.

The kernel unpacks one archive after the other (Documentation/driver-api/early-userspace/buffer-format.rst),
and a script in the image copies the certificate to where the system looks for it.
"""

import subprocess
from pathlib import Path

from rehearsal import ca
from rehearsal.machines.image import Image
from rehearsal.paths import Paths


def initrd(paths: Paths, image: Image) -> Path:
    """The initramfs for machines of this rehearsal: written where it is missing or no longer fits."""
    certificate = ca.ensure_ca(paths)
    target = paths.state / "machines" / "initrd.img"
    content = archive(
        {"berth-authority.crt": certificate.read_bytes(), "berth-authority.hash": _hash(certificate)}
    )
    content += image.initrd.read_bytes()
    if not target.exists() or target.read_bytes() != content:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(".partial")
        partial.write_bytes(content)
        partial.replace(target)
    return target


def archive(files: dict[str, bytes]) -> bytes:
    """A cpio archive (format newc) of plain files, padded so that another may follow."""
    out = b""
    for number, (name, content) in enumerate([*files.items(), ("TRAILER!!!", b"")], start=1):
        fields = [number, 0o100644, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0]
        out += b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        out += b"\0" * (-len(out) % 4) + content
        out += b"\0" * (-len(out) % 4)
    return out + b"\0" * (-len(out) % 512)


def _hash(certificate: Path) -> bytes:
    """The name under which OpenSSL looks for a certificate in a directory."""
    command = ["openssl", "x509", "-noout", "-subject_hash", "-in", str(certificate)]
    return subprocess.run(command, capture_output=True, check=True).stdout
