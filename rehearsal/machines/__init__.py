"""Real virtual machines for rehearsed instances: a controller boots what the emulated account says there is.

`image/` makes the disk they start from, `network/` plays VPC and Internet, `metadata/` answers at
169.254.169.254, `reconcile.py` decides, `controller.py` is the daemon, `nvidia/` stands for NVIDIA's
package sources. Importing this package is cheap; the parts are imported where they are used.
"""

import contextlib
import os
import shutil
import signal
import sys
from pathlib import Path

from rehearsal import addresses, process, service
from rehearsal.cluster.host import argv_of, pids
from rehearsal.errors import BerthError
from rehearsal.paths import CHECKOUT, Paths
from rehearsal.process import Daemon
from rehearsal.steps import Steps

NAME = "machines"
_PROGRAMS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "mmdebstrap": "mmdebstrap",
    "mkfs.ext4": "e2fsprogs",
    "dnsmasq": "dnsmasq-base",
    "nft": "nftables",
    "ip": "iproute2",
    "zstd": "zstd",
    "openssl": "openssl",
}
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def packages() -> list[str]:
    """The distribution's packages that are missing on this machine."""
    missing = [package for program, package in _PROGRAMS.items() if not shutil.which(program)]
    from rehearsal.machines import nvidia

    missing += nvidia.packages()
    return missing if _KEYRING.exists() else [*missing, "debian-archive-keyring"]


def ensure_image(paths: Paths, steps: Steps) -> None:
    """Have the disk image that machines start from, in the cache.

    Raises:
        StepFailed: a package cannot be had, or the disk is full.
    """
    from rehearsal.machines import image

    image.ensure(paths, steps)


def ensure_running(paths: Paths, steps: Steps) -> None:
    """Have the controller running, and machines for the instances that there are.

    Raises:
        BerthError: it does not start; with the end of its log.
    """
    from rehearsal.machines import accel, image
    from rehearsal.machines.controller import heartbeat

    with steps.step("machines", expected="a few seconds") as step:
        made = image.find(paths)
        if made is None:
            raise BerthError("there is no machine image yet", "./scripts/up makes it.")
        step.say("does KVM work here?")
        accelerator = accel.choose(paths, made)

        def healthy() -> bool:
            pid = process.pid_of(paths, NAME)
            file = heartbeat(paths)
            return pid is not None and file.exists() and file.read_text() == str(pid)

        ours = sorted(file for file in Path(__file__).parent.rglob("*") if file.suffix in {".py", ".toml"})
        service.ensure(paths, _daemon(paths), healthy=healthy, inputs=ours, timeout=60.0)
        step.result = "KVM" if accelerator == accel.KVM else "software emulation: KVM does not work here"


def stop(paths: Paths) -> None:
    """Stop the controller and every machine, and remove their network; the disk image stays."""
    from rehearsal.machines import host, qemu
    from rehearsal.machines.network.plan import plan

    process.stop(paths, NAME)
    host.stop(paths, plan(paths))
    for pid in _strays(paths):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    qemu.discard(paths)


def is_running(paths: Paths) -> bool:
    """Whether the controller's process lives."""
    return process.pid_of(paths, NAME) is not None


def leftovers(paths: Paths) -> list[str]:
    """What of the machines is on this machine, found by looking at it: processes, the network, rules."""
    from rehearsal.machines.network import namespace
    from rehearsal.machines.network.plan import plan

    found = [f"process {pid}: {' '.join(argv_of(pid))[:120]}" for pid in _strays(paths)]
    return found + namespace.left(plan(paths))


def set_own_address(paths: Paths, address: str) -> None:
    """Change the address that this machine has on the rehearsed Internet, such as 203.0.113.8."""
    from rehearsal.machines.network import namespace
    from rehearsal.machines.network.plan import plan

    addresses.own_address_file(paths.run).write_text(f"{address}\n")
    namespace.ensure(plan(paths))


def _daemon(paths: Paths) -> Daemon:
    environment = {
        "PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
        "BERTH_CACHE": str(paths.cache),
        "BERTH_STATE": str(paths.state),
        "BERTH_RUN": str(paths.run),
    }
    argv = [sys.executable, "-m", "rehearsal.machines.controller"]
    return Daemon(name=NAME, argv=argv, env=environment, cwd=CHECKOUT)


def _strays(paths: Paths) -> list[int]:
    """Processes of ours, known by the directories that their command lines name."""
    ours = (f"{paths.state / 'machines'}/", f"{paths.run / 'machines'}/")
    names = {"qemu-system-x86_64", "dnsmasq", "nsenter"}
    found = []
    for pid in pids():
        words = argv_of(pid)
        if words and Path(words[0]).name in names and any(mark in word for mark in ours for word in words):
            found.append(pid)
    return found
