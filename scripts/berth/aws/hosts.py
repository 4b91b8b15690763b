"""ssh's configuration for an environment: who the hosts are, by which way, and the keys they are known by.

A machine makes its host key at its first boot and puts the public half into the bucket, with its own role.
It is read there, through AWS's API, so that ssh never has to ask whether a fingerprint is right.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from infra.outputs import AwsVmDeployed
from rehearsal.errors import BerthError
from scripts.berth.aws.bucket import Bucket
from scripts.berth.aws.machines import Machine
from scripts.berth.place import Place

HOST_KEY = re.compile(r"ssh-ed25519 [A-Za-z0-9+/]+={0,2}")


@dataclass(frozen=True, kw_only=True)
class Host:
    """One entry. name: what `ssh NAME` takes. way: its ProxyJump or ProxyCommand line."""

    name: str
    address: str
    user: str
    machine: Machine
    way: str = ""


def name_of(place: Place, env: str, role: str) -> str:
    """`berth-ENV-ROLE`; a rehearsal's hosts have names of their own, so that both can be configured."""
    return f"berth-{'rehearsal-' if place.rehearsed else ''}{env}-{role}"


def hosts_of(
    place: Place, outputs: AwsVmDeployed, machine: Machine | None, bastion: Machine | None
) -> list[Host]:
    """The entries for what runs."""
    env, region = outputs.environment, outputs.region
    found = []
    if bastion is not None:
        found.append(
            Host(
                name=name_of(place, env, "bastion"),
                address=outputs.bastion_address or bastion.public_address,
                user=str(outputs.bastion_user),
                machine=bastion,
            )
        )
    if machine is not None:
        jumps = outputs.access == "bastion"
        way = f"ProxyJump {name_of(place, env, 'bastion')}" if jumps else _proxy(outputs.access, region)
        found.append(
            Host(
                name=name_of(place, env, "machine"),
                address=machine.private_address if jumps else machine.id,
                user=str(outputs.machine_user),
                machine=machine,
                way=way,
            )
        )
    return found


def _proxy(access: str, region: str) -> str:
    """The proxy command that leads to an instance by its id.

    https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-getting-started-enable-ssh-connections.html
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/connect-using-eice.html
    """
    if access == "ssm":
        return (
            "ProxyCommand aws ssm start-session --target %h --document-name AWS-StartSSHSession"
            f" --parameters portNumber=%p --region {region}"
        )
    return (
        "ProxyCommand aws ec2-instance-connect open-tunnel --instance-id %h --remote-port %p"
        f" --region {region}"
    )


def host_key(place: Place, storage: Bucket, machine: Machine, env: str) -> str:
    """The public host key that a machine has reported.

    Raises:
        BerthError: it has not reported one yet, or something else.
    """
    content = storage.get(f"machines/{machine.id}/ssh_host_ed25519_key.pub")
    if content is None:
        raise BerthError(
            f"the {machine.role} {machine.id} has not reported its host key yet: it is still coming up",
            f"`{place.prefix} verify {env}` waits until it is ready.",
        )
    found = HOST_KEY.match(content.decode(errors="replace"))
    if found is None:
        raise BerthError(f"what {machine.id} reported as its host key is none: {content[:80]!r}")
    return found[0]


def config_text(hosts: Iterable[Host], known_hosts: Path, key: Path | None) -> str:
    """The configuration, as ssh_config(5) has it."""
    identity = f'    IdentityFile "{key}"\n    IdentitiesOnly yes\n' if key else ""
    entries = [
        f"Host {host.name}\n"
        f"    HostName {host.address}\n"
        f"    User {host.user}\n"
        + (f"    {host.way}\n" if host.way else "")
        + f"    HostKeyAlias {host.machine.id}\n"
        f'    UserKnownHostsFile "{known_hosts}"\n'
        "    GlobalKnownHostsFile /dev/null\n"
        "    StrictHostKeyChecking yes\n"
        "    HostKeyAlgorithms ssh-ed25519\n"
        "    CheckHostIP no\n"
        "    UpdateHostKeys no\n"
        "    ConnectTimeout 60\n"
        "    ServerAliveInterval 30\n" + identity
        for host in hosts
    ]
    return "\n".join(entries)


def known_hosts_text(keys: Iterable[tuple[str, str]]) -> str:
    """Lines of a known_hosts file: instance id and public host key."""
    return "".join(f"{instance} {key}\n" for instance, key in keys)
