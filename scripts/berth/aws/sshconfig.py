"""`ssh-config`: entries for plain ssh, scp, rsync and editors, in a file of berth's own.

The user's own ~/.ssh/config is read, to say whether it includes that file, and never written.
"""

import re
from pathlib import Path

from rehearsal.errors import BerthError
from rehearsal.files import write_private
from scripts.berth import keys
from scripts.berth.aws import connect, hosts, machines
from scripts.berth.aws.bucket import bucket
from scripts.berth.aws.deployed import deployed
from scripts.berth.place import Place

INCLUDE = "Include ~/.ssh/berth/*.conf"
INCLUDED = re.compile(r"^\s*Include\s+.*(?:~/\.ssh/)?berth/\*\.conf", re.MULTILINE | re.IGNORECASE)
REHEARSAL = "rehearsal-"


def directory(place: Place) -> Path:
    """Where the entries of all environments are."""
    return Path(place.environ.get("HOME") or Path.home()) / ".ssh" / "berth"


def file_of(place: Place, env: str) -> Path:
    """The file of one environment."""
    return directory(place) / f"{REHEARSAL if place.rehearsed else ''}{env}.conf"


def write(place: Place, env: str) -> tuple[Path, list[str]]:
    """Write the entries; returns the file and the hosts' names.

    Raises:
        BerthError: no stack, nothing runs yet, or no host key is known yet.
    """
    outputs = deployed(place, env)
    if outputs.access != "bastion":
        connect.require_aws(place, outputs.access)
    machine = machines.find(place, outputs)
    bastion = machines.find(place, outputs, "bastion") if outputs.access == "bastion" else None
    entries = hosts.hosts_of(place, outputs, machine, bastion)
    storage = bucket(place, outputs.bucket, outputs.region)
    known = [(h.machine.id, hosts.host_key(place, storage, h.machine, env)) for h in entries]
    file = file_of(place, env)
    known_hosts = file.with_suffix(".known_hosts")
    write_private(known_hosts, hosts.known_hosts_text(known))
    header = (
        f"# Written by `{place.prefix} ssh-config {env}`. Run it again after the machine was replaced;\n"
        f"# `{place.prefix} ssh-config {env} --remove` removes it.\n"
    )
    text = hosts.config_text(entries, known_hosts, keys.chosen(place.environ))
    write_private(file, header + text)
    return file, [entry.name for entry in entries]


def remove(place: Place, env: str) -> bool:
    """Remove an environment's entries; whether there were any."""
    file = file_of(place, env)
    there = file.exists()
    for one in (file, file.with_suffix(".known_hosts")):
        one.unlink(missing_ok=True)
    return there


def remove_rehearsals(home: Path) -> list[str]:
    """Remove the entries of all rehearsed environments; returns the files."""
    found = sorted((home / ".ssh" / "berth").glob(f"{REHEARSAL}*"))
    for file in found:
        file.unlink(missing_ok=True)
    return [str(file) for file in found if file.suffix == ".conf"]


def is_included(place: Place) -> bool:
    """Whether the user's own configuration includes the entries."""
    try:
        text = (directory(place).parent / "config").read_text()
    except OSError:
        return False
    except UnicodeDecodeError:
        raise BerthError(f"{directory(place).parent / 'config'} is no text") from None
    return INCLUDED.search(text) is not None
