# ruff: noqa: N999 - a command, which nobody imports
"""Boot one machine alone, with a file as its user-data: `python -m rehearsal.machines.try --user-data FILE`.

No emulated account is needed; where its TLS front answers, the machine reaches it by AWS's host names, with
role credentials that are taken by a front started without `--credentials`. Ends at Ctrl-C, or at `--until`.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from rehearsal import addresses
from rehearsal.errors import BerthError
from rehearsal.machines import host, image, qemu
from rehearsal.machines.metadata.service import Guest
from rehearsal.machines.metadata.tree import tree
from rehearsal.machines.model import Account, Instance, Rule, SecurityGroup, Subnet, Volume
from rehearsal.machines.network import plan as network
from rehearsal.paths import Paths
from rehearsal.paths import paths as default_paths
from rehearsal.steps import Steps

ANY = "0.0.0.0/0"
REGION = "us-east-1"


def main(argv: list[str] | None = None) -> int:
    """Run the trial; returns the exit status."""
    options = _parser().parse_args(argv)
    paths = default_paths().create()
    where = network.apart(paths, options.front)
    made = image.ensure(paths, Steps(paths.logs))
    machine = _instance(options)
    subnet = Subnet(
        id="subnet-try",
        vpc="vpc-try",
        vpc_cidr="10.0.0.0/16",
        cidr="10.0.1.0/24",
        zone="us-east-1a",
        nat="0.0.0.1",
    )
    group = SecurityGroup(
        id="sg-try",
        ingress=(Rule(protocol="-1", addresses=(ANY,)),),
        egress=(Rule(protocol="-1", addresses=(ANY,)),),
    )
    account = Account(
        region=REGION, instances=(machine,), subnets={subnet.id: subnet}, groups={group.id: group}
    )
    user_data = options.user_data.read_bytes() if options.user_data else None
    leaves = tree(machine, subnet, user_data=user_data, role="try", credentials=_credentials())
    host.stop(paths, where)
    if not options.keep_disk:
        qemu.forget(paths, machine.id)
    try:
        running = host.Host.prepare(paths, where, made)
        running.answer({machine.address: Guest(leaves=lambda: leaves, hop_limit=machine.hop_limit)})
        running.arrange(account)
        running.boot(machine, account)
        console = qemu.files(paths, machine.id).console
        enter = f"nsenter --net=/run/netns/{where.namespace} ssh admin@{machine.address}"
        _say(f"accelerator: {running.how.accelerator[1]}; console: {console}; {enter}")
        return _watch(paths, machine, options)
    except KeyboardInterrupt:
        return 130
    finally:
        host.stop(paths, where)


def _watch(paths: Paths, machine: Instance, options: argparse.Namespace) -> int:
    began = time.monotonic()
    for line in _lines(
        qemu.files(paths, machine.id).console, lambda: qemu.pid(paths, machine.id) is not None
    ):
        took = time.monotonic() - began
        if took > options.minutes * 60:
            _say(f"{took:6.1f} s  not there after {options.minutes} minutes")
            return 1
        if options.all or any(mark in line for mark in ("berth: ", "login:", "cloud-init", "reboot:")):
            _say(f"{took:6.1f} s  {line}") if line else None
        if options.until and options.until in line:
            return 0
    _say(f"{time.monotonic() - began:6.1f} s  the machine has ended")
    return 0 if not options.until else 1


def _lines(file: Path, alive: Callable[[], bool]) -> Iterator[str]:
    """The lines of a console as they come, and an empty one every now and then."""
    position, rest = 0, b""
    while True:
        lives = alive()
        if file.exists():
            with file.open("rb") as stream:
                stream.seek(position)
                data = stream.read()
            position += len(data)
            *lines, rest = (rest + data).split(b"\n")
            yield from (line.decode(errors="replace").strip("\r") for line in lines)
        yield ""
        if not lives:
            return
        time.sleep(0.2)


def _instance(options: argparse.Namespace) -> Instance:
    key = ("try", options.key.read_text().strip()) if options.key else None
    machine = Instance(
        id="i-00000000000000001",
        type=options.type,
        state="running",
        image="ami-try",
        address="10.0.1.10",
        mac="02:00:00:00:01:0a",
        subnet="subnet-try",
        vpc="vpc-try",
        zone="us-east-1a",
        region=REGION,
        groups=(("sg-try", "try"),),
        root_gib=20,
        key=key,
        profile=("arn:aws:iam::123456789012:instance-profile/try", "AIPATRY"),
        hop_limit=2,
        spot=True,
        launched=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
    if options.data_gib:
        machine = replace(machine, volumes=(Volume(device="/dev/sdf", id="vol-try", gib=options.data_gib),))
    return machine


def _credentials() -> dict[str, str]:
    now = datetime.now(UTC)
    return {
        "Code": "Success",
        "LastUpdated": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "Type": "AWS-HMAC",
        "AccessKeyId": "ASIATRYTRYTRYTRYTRY0",
        "SecretAccessKey": "try",
        "Token": "try",
        "Expiration": (now + timedelta(hours=6)).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rehearsal.machines.try", description=__doc__)
    parser.add_argument("--user-data", type=Path, help="file given to the machine byte for byte")
    parser.add_argument("--type", default="g4dn.xlarge", help="instance type; t3.nano is a bastion's")
    parser.add_argument("--data-gib", type=int, default=20, help="size of /dev/sdf; 0: no such volume")
    parser.add_argument("--key", type=Path, help="public key file for the default user")
    parser.add_argument(
        "--front", type=IPv4Address, default=addresses.AWS_FRONT, help="where the account speaks TLS"
    )
    parser.add_argument("--until", default="", help="end when the console shows this text")
    parser.add_argument("--minutes", type=float, default=30, help="give up after so many")
    parser.add_argument("--all", action="store_true", help="print the whole console")
    parser.add_argument("--keep-disk", action="store_true", help="boot the disks of the last trial again")
    return parser


if __name__ == "__main__":
    try:
        status = main()
    except BerthError as problem:
        _say(f"{problem.message}\n{problem.hint}")
        status = 1
    os._exit(status)  # the metadata service's threads have nothing to finish
