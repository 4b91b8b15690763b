"""One QEMU machine: its command line, its disks, and how it is started, asked to end, and ended.

A machine's files are in `<state>/machines/<instance>/`: `disk.qcow2` (an overlay on the image), one file for
each volume, and `console.log`. Its process is recorded like a daemon's, below `<run>/machines`.
"""

import contextlib
import json
import shutil
import socket
import subprocess
import uuid
from dataclasses import dataclass, replace
from pathlib import Path

from rehearsal import process
from rehearsal.cluster.host import command
from rehearsal.errors import BerthError
from rehearsal.machines.model import Instance
from rehearsal.machines.network import namespace
from rehearsal.machines.network.plan import Plan
from rehearsal.paths import Paths
from rehearsal.process import Daemon

# panic: with two emulated CPUs a kernel that patches itself may trip over it at its start; it starts again.
KERNEL = (
    "root=/dev/vda rw console=ttyS0 net.ifnames=0 panic=1 quiet mitigations=off nokaslr audit=0 selinux=0 "
    "apparmor=0 tsc=reliable clocksource=tsc random.trust_cpu=on nowatchdog no_timer_check cryptomgr.notests "
    "fsck.mode=skip"
)
POWERED_OFF = "reboot: Power down"
_PREFIX = "machine-"


@dataclass(frozen=True, kw_only=True)
class Files:
    """Where one machine's files are."""

    directory: Path
    qmp: Path

    @property
    def disk(self) -> Path:
        return self.directory / "disk.qcow2"

    @property
    def console(self) -> Path:
        return self.directory / "console.log"

    def volume(self, device: str) -> Path:
        return self.directory / f"{device.removeprefix('/dev/')}.qcow2"


@dataclass(frozen=True, kw_only=True)
class Boot:
    """What every machine of a rehearsal starts with. accelerator: arguments, from `accel.choose`."""

    kernel: Path
    initrd: Path
    accelerator: tuple[str, ...]


def own(paths: Paths) -> Paths:
    """The paths under which machines' processes are recorded, apart from the rehearsal's daemons."""
    return replace(paths, run=paths.run / "machines")


def files(paths: Paths, instance_id: str) -> Files:
    """The files of an instance's machine."""
    return Files(
        directory=paths.state / "machines" / instance_id,
        qmp=paths.run / "machines" / f"{instance_id}.qmp",
    )


def arguments(instance: Instance, where: Files, boot: Boot) -> list[str]:
    """QEMU's command line."""
    cpus, memory = instance.size
    identity = uuid.uuid5(uuid.NAMESPACE_OID, instance.id)
    # cloud-init knows EC2 by a UUID and serial number that begin so (its DataSourceEc2).
    serial = f"ec2{str(identity)[3:]}"
    argv = [
        *("qemu-system-x86_64", "-name", f"berth-{instance.id}"),
        *("-machine", "q35,usb=off,vmport=off", *boot.accelerator, "-smp", str(cpus), "-m", str(memory)),
        *("-nodefaults", "-display", "none", "-serial", f"file:{where.console}"),
        *("-qmp", f"unix:{where.qmp},server=on,wait=off"),
        *("-kernel", str(boot.kernel), "-initrd", str(boot.initrd), "-append", KERNEL),
        *("-smbios", "type=0,vendor=Amazon EC2"),
        *("-smbios", f"type=1,manufacturer=Amazon EC2,product={instance.type},uuid={serial},serial={serial}"),
        *("-drive", f"file={where.disk},if=virtio,format=qcow2,cache=unsafe,discard=unmap"),
        *("-netdev", f"tap,id=net0,ifname={instance.tap},script=no,downscript=no"),
        *("-device", f"virtio-net-pci,netdev=net0,mac={instance.mac},romfile="),
        *("-device", "virtio-rng-pci"),
    ]
    for number, volume in enumerate(instance.volumes):
        name = volume.device.removeprefix("/dev/")
        file = where.volume(volume.device)
        argv += ["-drive", f"file={file},if=none,id=ebs{number},format=qcow2,cache=unsafe,discard=unmap"]
        argv += ["-device", f"nvme,drive=ebs{number},serial=ebs-{name}"]
    return argv


def start(paths: Paths, plan: Plan, instance: Instance, base: Path, boot: Boot) -> int:
    """Boot a machine, on the disks it has from before where it has any, else on an overlay of base.

    Returns the pid.
    """
    where = files(paths, instance.id)
    where.directory.mkdir(parents=True, exist_ok=True)
    where.qmp.parent.mkdir(parents=True, exist_ok=True)
    if not where.disk.exists():
        _create(where.disk, instance.root_gib, base)
    for volume in instance.volumes:
        if not where.volume(volume.device).exists():
            _create(where.volume(volume.device), volume.gib)
    with contextlib.suppress(FileNotFoundError):
        # QEMU begins the file anew; what the machine said before is kept.
        where.console.replace(where.console.with_suffix(".before.log"))
    # A bastion only waits for people: it shares the CPUs after those that work.
    after = ("nice", "-n10") if instance.size[0] == 1 else ()
    argv = namespace.inside(plan, *after, *arguments(instance, where, boot))
    return process.start(own(paths), Daemon(name=_PREFIX + instance.id, argv=argv))


def pid(paths: Paths, instance_id: str) -> int | None:
    """The machine's process where it is alive."""
    return process.pid_of(own(paths), _PREFIX + instance_id)


def recorded(paths: Paths) -> list[str]:
    """Instances whose machine was started since this machine's boot, alive or not."""
    names = process.names(own(paths))
    return [name.removeprefix(_PREFIX) for name in names if name.startswith(_PREFIX)]


def with_files(paths: Paths) -> set[str]:
    """Instances whose machine has a disk."""
    return {file.parent.name for file in (paths.state / "machines").glob("i-*/disk.qcow2")}


def kill(paths: Paths, instance_id: str) -> None:
    """End a machine as by pulling its plug."""
    process.stop(own(paths), _PREFIX + instance_id, grace=2.0)
    files(paths, instance_id).qmp.unlink(missing_ok=True)


def press_power_button(paths: Paths, instance_id: str) -> None:
    """Ask the system inside to shut down (ACPI); one that does not listen is not waited for."""
    with contextlib.suppress(OSError, ValueError):
        qmp(files(paths, instance_id).qmp, "system_powerdown")


def powered_off(paths: Paths, instance_id: str) -> bool:
    """Whether the system inside ended the machine itself."""
    try:
        text = files(paths, instance_id).console.read_bytes()[-4096:]
    except OSError:
        return False
    return POWERED_OFF.encode() in text


def flatten(source: Path, target: Path) -> None:
    """Copy a disk with everything below it into one file, whole or not at all.

    Raises:
        BerthError: it cannot be copied, as where the file system is full.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    argv = ["qemu-img", "convert", "-U", "-O", "qcow2", str(source), str(partial)]
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    if done.returncode:
        partial.unlink(missing_ok=True)
        raise BerthError(f"the disk {source} cannot be copied: {done.stderr.strip()}")
    partial.replace(target)


def forget(paths: Paths, instance_id: str) -> None:
    """Remove a machine's disks; its console stays, for people."""
    where = files(paths, instance_id)
    for file in where.directory.glob("*.qcow2"):
        file.unlink()


def discard(paths: Paths) -> None:
    """Remove every machine's files."""
    shutil.rmtree(paths.state / "machines", ignore_errors=True)


def qmp(path: Path, name: str) -> dict[str, object]:
    """One command of the QEMU Machine Protocol; returns its answer.

    Raises:
        OSError: nobody answers there.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5.0)
        connection.connect(str(path))
        with connection.makefile("rwb") as stream:
            stream.readline()
            for command_name in ("qmp_capabilities", name):
                stream.write(json.dumps({"execute": command_name}).encode() + b"\n")
                stream.flush()
                answer: dict[str, object] = {}
                while not {"return", "error"} & answer.keys():
                    line = stream.readline()
                    if not line:
                        raise OSError("QEMU closed the connection")
                    answer = json.loads(line)
    return answer


def _create(target: Path, gib: int, backing: Path | None = None) -> None:
    """A disk of a size, or of its backing file's where that is larger."""
    partial = target.with_suffix(".partial")
    base = ["-b", str(backing), "-F", "qcow2"] if backing else []
    size = gib << 30
    if backing:
        shown = json.loads(command(["qemu-img", "info", "-U", "--output=json", str(backing)]))
        size = max(size, int(shown["virtual-size"]))
    command(["qemu-img", "create", "-q", "-f", "qcow2", *base, str(partial), str(size)])
    partial.replace(target)
