"""Whether KVM really runs a stock kernel here: found out by booting one, once per boot of this machine.

/dev/kvm may be there and hang every guest, as where the machine is itself a guest of a kernel that only
emulates it.
"""

import json
import subprocess
import time
from pathlib import Path

from rehearsal.machines.image import Image
from rehearsal.paths import Paths

KVM = ("-accel", "kvm", "-cpu", "host")
# thread=multi: a thread for each CPU. What is off would make software choose instructions that an interpreter
# is slow at. Measured: string moves (erms, fsrm) copy at an eighth of the speed of plain ones, AVX halves
# SHA-256 and takes AES-GCM to an eighth; five-level paging costs a walk more.
_SLOW = ("la57", "avx", "avx2", "fma", "f16c", "vaes", "vpclmulqdq", "erms", "fsrm")
TCG = (
    "-accel",
    "tcg,thread=multi,tb-size=512",
    "-cpu",
    ",".join(["max", *(f"{name}=off" for name in _SLOW)]),
)
LIMIT = 12.0  # seconds; with KVM it takes one
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_STUCK = b"KVM internal error"  # QEMU stops the guest and waits
_REACHED = "Attempted to kill init"  # /bin/true has ended: the whole kernel has started


def choose(paths: Paths, image: Image) -> tuple[str, ...]:
    """QEMU's arguments for the accelerator, from the record of an earlier probe where there is one."""
    record = paths.cache / "machines" / "accelerator.json"
    boot = _BOOT.read_text().strip()
    try:
        known = json.loads(record.read_text())
        if known["boot"] == boot:
            return KVM if known["kvm"] else TCG
    except (OSError, ValueError, KeyError):
        pass
    works = Path("/dev/kvm").exists() and boots(image, KVM, record.with_suffix(".log"))
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps({"boot": boot, "kvm": works}))
    return KVM if works else TCG


def boots(image: Image, accelerator: tuple[str, ...], log: Path) -> bool:
    """Whether a kernel gets to its first program within `LIMIT` seconds."""
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [
        *("qemu-system-x86_64", "-machine", "q35,usb=off,vmport=off", *accelerator, "-m", "512", "-smp", "2"),
        *("-nodefaults", "-display", "none", "-no-reboot", "-serial", f"file:{log}"),
        *("-kernel", str(image.kernel), "-initrd", str(image.initrd)),
        *("-append", "console=ttyS0 rdinit=/bin/true panic=-1"),
    ]
    said = log.with_suffix(".stderr")
    with said.open("wb") as errors:
        try:
            guest = subprocess.Popen(command, stdout=errors, stderr=errors, stdin=subprocess.DEVNULL)
        except OSError:
            return False
    until = time.monotonic() + LIMIT
    while guest.poll() is None and time.monotonic() < until and _STUCK not in said.read_bytes():
        time.sleep(0.1)
    guest.kill()
    guest.wait()
    return log.exists() and _REACHED in log.read_text(errors="replace")
