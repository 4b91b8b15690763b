"""One machine, really booted, from the emulated account's word to its own power-off. A minute or two."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from rehearsal import machines, process
from rehearsal.clouds import aws
from rehearsal.machines import image, qemu
from rehearsal.machines.network.plan import plan
from rehearsal.paths import CHECKOUT, Paths
from rehearsal.paths import paths as default_paths
from rehearsal.process import Daemon
from rehearsal.steps import Steps

pytestmark = pytest.mark.rehearsal

MINUTES = 6.0
USER_DATA = b"""#!/bin/sh
say() { echo "trial: $1" > /dev/console; }
at=http://169.254.169.254/latest
say "without $(curl -s -o /dev/null -w '%{http_code}' $at/meta-data/instance-id)"
token=$(curl -s -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' $at/api/token)
ask() { curl -s -H "X-aws-ec2-metadata-token: $token" "$at/$1"; }
say "id $(ask meta-data/instance-id)"
say "same $(ask user-data | sha256sum | cut -c1-64)"
say "volume $(lsblk -bdno SIZE /dev/sdf)"
ours=/usr/local/share/ca-certificates/berth-rehearsal.crt
say "trusts $(grep -cf $ours /etc/ssl/certs/ca-certificates.crt)"
say "user $(id -un admin)"
say "done"
"""


@dataclass
class Rehearsal:
    """An account and a controller of the test's own."""

    paths: Paths
    endpoint: str

    def client(self, name: str) -> Any:
        key_id, secret = aws.credentials(self.paths)
        return boto3.client(
            name,
            region_name="us-east-1",
            endpoint_url=self.endpoint,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
        )

    def start_controller(self) -> int:
        environment = os.environ | {
            "BERTH_CACHE": str(self.paths.cache),
            "BERTH_STATE": str(self.paths.state),
            "BERTH_RUN": str(self.paths.run),
        }
        argv = [sys.executable, "-m", "rehearsal.machines.controller", "--endpoint", self.endpoint]
        return process.start(self.paths, Daemon(name="machines", argv=argv, env=environment, cwd=CHECKOUT))


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    root = tmp_path_factory.mktemp("machines")
    paths = Paths(cache=default_paths().cache, state=root / "state", run=root / "run").create()
    image.ensure(paths, Steps(paths.logs))
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    argv = [sys.executable, "-m", "rehearsal.clouds.aws.serve", "--http", address, "--run", str(paths.run)]
    process.start(paths, Daemon(name="aws", argv=argv, cwd=CHECKOUT))
    made = Rehearsal(paths, f"http://{address}")
    try:
        eventually(lambda: aws.health(made.endpoint), "the account")
        made.start_controller()
        yield made
    finally:
        machines.stop(paths)
        process.stop(paths, "aws")
        assert machines.leftovers(paths) == []


def eventually(question: Callable[[], Any], what: str) -> Any:
    """Ask until there is an answer, for as long as a slow machine may take."""
    until = time.monotonic() + MINUTES * 60
    while time.monotonic() < until:
        answer = question()
        if answer:
            return answer
        time.sleep(0.5)
    return pytest.fail(f"{what} did not come about within {MINUTES:.0f} minutes")


def launch(rehearsal: Rehearsal) -> str:
    """A public instance with a data volume."""
    ec2 = rehearsal.client("ec2")
    debian = ec2.describe_images(Owners=["136693071363"])["Images"][0]
    vpc = ec2.create_vpc(CidrBlock="10.45.0.0/16")["Vpc"]["VpcId"]
    zone = {"AvailabilityZone": "us-east-1a"}  # not every zone has the type
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.45.0.0/24", **zone)["Subnet"]["SubnetId"]
    volume = {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 3, "VolumeType": "gp3"}}
    launched = ec2.run_instances(
        ImageId=debian["ImageId"],
        InstanceType="t3.nano",
        MinCount=1,
        MaxCount=1,
        SubnetId=subnet,
        UserData=USER_DATA.decode(),
        BlockDeviceMappings=[volume],
        InstanceInitiatedShutdownBehavior="terminate",
        MetadataOptions={"HttpTokens": "required"},
    )
    return str(launched["Instances"][0]["InstanceId"])


def state(rehearsal: Rehearsal, instance_id: str) -> str:
    found = rehearsal.client("ec2").describe_instances(InstanceIds=[instance_id])
    return str(found["Reservations"][0]["Instances"][0]["State"]["Name"])


def test_an_instance_boots_sees_its_surroundings_and_ends(rehearsal: Rehearsal) -> None:
    import hashlib

    paths = rehearsal.paths
    instance_id = launch(rehearsal)
    file = qemu.files(paths, instance_id).console

    def console() -> str:
        return file.read_text(errors="replace") if file.exists() else ""

    pid = eventually(lambda: qemu.pid(paths, instance_id), "the machine's process")
    # One that is killed is followed by one that adopts what runs.
    controller = process.pid_of(paths, "machines")
    assert controller
    os.kill(controller, signal.SIGKILL)
    os.waitpid(controller, 0)
    rehearsal.start_controller()
    eventually(lambda: "trial: done" in console(), f"the end of user-data; see {file}")
    assert qemu.pid(paths, instance_id) == pid, "the machine was started again"
    said = console()
    for line in (
        "without 401",
        f"id {instance_id}",
        f"same {hashlib.sha256(USER_DATA).hexdigest()}",
        f"volume {3 << 30}",
        "user admin",
    ):
        assert f"trial: {line}" in said
    trusted = next(text for text in said.splitlines() if "trial: trusts" in text)
    assert int(trusted.split()[-1]) > 2, "the rehearsal's authority is not among the system's"
    # What it does itself, the account hears.
    qemu.press_power_button(paths, instance_id)
    eventually(lambda: state(rehearsal, instance_id) == "terminated", "the end of the instance")
    eventually(lambda: not qemu.with_files(paths), "the removal of its disks")
    assert qemu.pid(paths, instance_id) is None


def test_stopping_leaves_nothing_even_of_a_machine_nobody_recorded(rehearsal: Rehearsal) -> None:
    paths = rehearsal.paths
    settings = paths.run / "machines" / "stray.conf"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text("port=0\n")
    stray = subprocess.Popen(["dnsmasq", "--keep-in-foreground", f"--conf-file={settings}"])
    # A process has no command line for a moment while its program is being replaced.
    eventually(lambda: any(str(stray.pid) in line for line in machines.leftovers(paths)), "the stray process")
    machines.stop(paths)
    stray.wait()
    assert machines.leftovers(paths) == []
    assert not Path("/run/netns", plan(paths).namespace).exists()
