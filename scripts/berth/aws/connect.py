"""The way to a machine: everything that `ssh` needs, written down, and the command line that uses it."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.outputs import AwsVmDeployed
from rehearsal.errors import BerthError
from rehearsal.files import write_private
from scripts.berth import keys, values
from scripts.berth.aws import hosts, machines
from scripts.berth.aws.bucket import bucket
from scripts.berth.aws.clients import asking, client
from scripts.berth.aws.deployed import deployed
from scripts.berth.aws.machines import Machine
from scripts.berth.place import Place

SSH_PORT = 22
PROBE_SECONDS = 15.0
PLUGIN = (
    "https://docs.aws.amazon.com/systems-manager/latest/userguide/"
    "session-manager-working-with-install-plugin.html"
)
CLI = "https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"


@dataclass(frozen=True, kw_only=True)
class Way:
    """A way that is ready: `ssh -F config name` works. machine: at its end."""

    place: Place
    outputs: AwsVmDeployed
    machine: Machine
    config: Path
    name: str

    def argv(self, *arguments: str, options: Sequence[str] = ()) -> list[str]:
        """The ssh command line. options: before the host's name; arguments: after it."""
        return ["ssh", "-F", str(self.config), *options, self.name, *arguments]

    def capture(self, command: str, *, seconds: float = 120) -> str:
        """What a command prints on the machine.

        Raises:
            BerthError: it failed, or nothing answered in time.
        """
        try:
            done = subprocess.run(
                self.argv(command, options=["-o", "BatchMode=yes"]),
                env=self.place.environ,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired:
            raise BerthError(f"`{command}` on {self.machine.id} did not end in {seconds:.0f} s") from None
        if done.returncode:
            raise BerthError(f"`{command}` on {self.machine.id} failed: {done.stderr.strip()[-1000:]}")
        return done.stdout


def state(place: Place, env: str) -> Path:
    """Where berth keeps what ssh reads for an environment."""
    if place.rehearsed:
        return Path(place.environ["BERTH_STATE"]) / "ssh" / env
    home = (
        place.environ.get("XDG_STATE_HOME") or Path(place.environ.get("HOME") or Path.home()) / ".local/state"
    )
    return Path(home) / "berth" / env


def prepare(place: Place, env: str, role: str = "machine", instance: str = "") -> Way:
    """Find the machine, learn its host key, write ssh's files.

    Raises:
        BerthError: no stack, no machine or several, no host key yet, no key of the user, a missing program.
    """
    outputs = deployed(place, env)
    _require(place, "ssh", "Install OpenSSH's client, for example the package openssh-client.")
    if outputs.access != "bastion":
        require_aws(place, outputs.access)
    key = keys.chosen(place.environ)
    target = machines.find(place, outputs, role, instance)
    bastion = target if role == "bastion" else None
    if outputs.access == "bastion" and bastion is None:
        bastion = machines.find(place, outputs, "bastion")
    entries = hosts.hosts_of(place, outputs, target if role == "machine" else None, bastion)
    storage = bucket(place, outputs.bucket, outputs.region)
    known = [(h.machine.id, hosts.host_key(place, storage, h.machine, env)) for h in entries]
    directory = state(place, env)
    write_private(directory / "known_hosts", hosts.known_hosts_text(known))
    write_private(directory / "config", hosts.config_text(entries, directory / "known_hosts", key))
    if bastion is not None:
        _probe(place, env, entries[0].address)
    elif outputs.access == "instance-connect":
        send_key(place, outputs, target)
    name = hosts.name_of(place, env, role)
    return Way(place=place, outputs=outputs, machine=target, config=directory / "config", name=name)


def ssh(place: Place, env: str, role: str, command: Sequence[str], instance: str = "") -> None:
    """Become ssh: its input, output, terminal, signals and exit status are the caller's."""
    if is_keyless(place, env):
        argv = _session(place, env, command, instance)
    else:
        way = prepare(place, env, role, instance)
        terminal = bool(command) and sys.stdin.isatty() and sys.stdout.isatty()
        argv = way.argv(*command, options=["-t"] if terminal else [])
    sys.stdout.flush()
    sys.stderr.flush()
    os.execvpe(argv[0], argv, dict(place.environ))  # noqa: S606 - no shell is wanted


def send_key(place: Place, outputs: AwsVmDeployed, machine: Machine) -> None:
    """Have the machine take the user's key for a minute; one that has it anyway needs no such thing.

    https://docs.aws.amazon.com/ec2-instance-connect/latest/APIReference/API_SendSSHPublicKey.html
    """
    public = keys.public_keys(place.environ)
    with asking("EC2 Instance Connect"):
        client(place, "ec2-instance-connect", outputs.region).send_ssh_public_key(
            InstanceId=machine.id,
            InstanceOSUser=str(outputs.machine_user),
            SSHPublicKey=public[0],
            AvailabilityZone=machine.zone,
        )


def require_aws(place: Place, access: str) -> None:
    """Raises BerthError where AWS's own programs, which such an access goes through, are missing."""
    _require(place, "aws", f"Install AWS's command line: {CLI}")
    if access == "ssm":
        _require(place, "session-manager-plugin", f"Install Session Manager's plugin: {PLUGIN}")


def is_keyless(place: Place, env: str) -> bool:
    """Whether the way in is Session Manager and the machines were given no SSH key."""
    config = values.read(values.file_of(place, env))
    access = config.get("access")
    kind = access.get("kind", "ssm") if isinstance(access, dict) else "ssm"
    return kind == "ssm" and config.get("target") == "aws-vm" and not config.get("ssh_public_keys")


def _session(place: Place, env: str, command: Sequence[str], instance: str) -> list[str]:
    """Session Manager's own shell: it needs no key, and gives no exit status."""
    outputs = deployed(place, env)
    if command:
        raise BerthError(
            "without an SSH key, Session Manager gives a shell, and no exit status of a command",
            f"Give the machine your key: `{place.prefix} access refresh {env} --key ~/.ssh/id_ed25519.pub`.",
        )
    require_aws(place, "ssm")
    machine = machines.find(place, outputs, "machine", instance)
    return ["aws", "ssm", "start-session", "--target", machine.id, "--region", outputs.region]


def _probe(place: Place, env: str, address: str) -> None:
    """Ask the bastion's port before ssh does: a refusal mostly means that the own address has changed."""
    try:
        socket.create_connection((address, SSH_PORT), timeout=PROBE_SECONDS).close()
    except OSError as reason:
        raise BerthError(
            f"the bastion {address} does not answer: {reason}",
            f"It answers allowed addresses only. For a new one: `{place.prefix} access refresh {env} --up`.",
        ) from None


def _require(place: Place, program: str, hint: str) -> None:
    if shutil.which(program, path=place.environ.get("PATH")) is None:
        raise BerthError(f"the program `{program}` is not on PATH", hint)
