"""`berth down` of aws-vm by the real engine, on an emulated account where things happened behind its back."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import emulated_account
import pytest
from emulated_account import EmulatedAccount
from environment_trial import SECONDS, STACK, EnvironmentTrial, full_registry, places

from infra.spend.leaks import LEAKED, UNCERTAIN
from rehearsal import recovery
from rehearsal.paths import Paths
from scripts.berth import leaks
from scripts.berth.place import Place
from scripts.berth.teardown import down
from scripts.berth.teardown.destroy import Pace
from scripts.berth.teardown.down import Ask, Outcome, Talk

pytestmark = pytest.mark.rehearsal

OURS = {"berth:environment": STACK, "berth:managed-by": "berth", "berth:owner": "ml-team"}
ENOUGH = 20


class Trial:
    """The environment, its account, and what a teardown said."""

    def __init__(self, state: Paths, account: EmulatedAccount) -> None:
        self.state, self.account = state, account
        self.before = account.inventory()
        self.pulumi = EnvironmentTrial(state, account)
        engine = shutil.which("pulumi", path=self.pulumi.environ["PATH"])
        assert engine
        self.place = Place(
            engine=engine,
            environ=self.pulumi.environ,
            project=self.pulumi.folder,
            rehearsed=True,
            values=self.pulumi.folder / "values",
            machines=False,
        )
        self.said: list[str] = []

    @property
    def ec2(self) -> Any:
        return boto3.client(
            "ec2",
            region_name="us-east-1",
            endpoint_url=self.account.endpoint,
            aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
            aws_secret_access_key="secret",
        )

    def down(self, **how: bool) -> Outcome:
        def agrees() -> bool:
            return True

        pace = Pace(waits=(1.0, 1.0, 1.0), look_every=5.0)
        talk = Talk(say=self.said.append, show=lambda _: None, confirm=agrees, pace=pace)
        done = down.down(self.place, STACK, Ask(quiet=True, **how), talk)
        assert done is not None
        return done

    def interface(self, **tags: str) -> str:
        """A network interface in the environment's subnet, which holds its machines' security group."""
        subnet = self._named("describe_subnets", "Subnets")["SubnetId"]
        groups = [
            group["GroupId"]
            for group in self.ec2.describe_security_groups()["SecurityGroups"]
            if group["GroupName"].startswith("guard-group")
        ]
        made = self.ec2.create_network_interface(
            SubnetId=subnet, Groups=groups, TagSpecifications=[specification("network-interface", tags)]
        )
        return str(made["NetworkInterface"]["NetworkInterfaceId"])

    def volume(self, **tags: str) -> str:
        made = self.ec2.create_volume(
            AvailabilityZone="us-east-1a",
            Size=50,
            VolumeType="gp3",
            TagSpecifications=[specification("volume", tags)],
        )
        return str(made["VolumeId"])

    def _named(self, operation: str, at: str) -> dict[str, Any]:
        ours = [{"Name": "tag:berth:environment", "Values": [STACK]}]
        found: dict[str, Any] = getattr(self.ec2, operation)(Filters=ours)[at][0]
        return found


def specification(kind: str, tags: dict[str, str]) -> dict[str, Any]:
    return {"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Trial]:
    state = places(tmp_path)
    with (
        full_registry(state) as registry,
        emulated_account.running(state.run, "--registry", registry) as account,
    ):
        yield Trial(state, account)


def test_what_stands_in_the_way_goes_and_what_is_left_is_told(trial: Trial) -> None:
    trial.pulumi.up()
    in_the_way = trial.interface(**OURS)
    forgotten = trial.volume(**OURS)
    theirs = trial.volume(**{**OURS, "berth:owner": "others"})
    done = trial.down()
    assert done.remaining == [], trial.said
    assert done.cleared == [f"NetworkInterface {in_the_way}"]
    found = {one.id: one for one in done.left.counted}
    assert {id_: one.cls for id_, one in found.items()} == {forgotten: LEAKED, theirs: UNCERTAIN}
    assert 0.1 < (found[forgotten].daily_usd or 0) < 0.2, "50 GiB of gp3 are $4 a month"
    assert done.status == 3
    assert trial.place.has_stack(STACK), "the next run looks again"

    again = trial.down(reap=True)
    assert again.cleared == [f"Volume {forgotten}"]
    assert [one.id for one in again.left.counted] == [theirs], "what is another owner's is never touched"
    assert again.status == 3
    assert trial.ec2.describe_volumes(VolumeIds=[theirs])["Volumes"]

    trial.ec2.delete_volume(VolumeId=theirs)
    last = trial.down()
    assert last.status == 0
    assert not trial.place.has_stack(STACK)
    assert trial.account.inventory() == trial.before
    written = leaks.log_of(trial.place).read_text()
    assert in_the_way in written, "every deletion is written down"
    assert theirs not in written


def test_an_up_that_was_killed_is_taken_down(trial: Trial) -> None:
    log = trial.state.run / "up.log"
    with log.open("w") as out:
        engine = subprocess.Popen(
            [trial.place.engine, "-C", trial.place.project, *("up", "-s", STACK, "--yes", "--skip-preview")],
            env=trial.pulumi.environ,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        until = time.monotonic() + SECONDS
        while log.read_text().count(" created (") < ENOUGH:
            assert engine.poll() is None, log.read_text()
            assert time.monotonic() < until, "the up makes nothing"
            time.sleep(0.01)
        os.killpg(engine.pid, signal.SIGKILL)
        engine.wait()
    for plugin in recovery.orphaned_plugins(trial.state):
        os.kill(plugin, signal.SIGKILL)
    assert len(trial.account.inventory()) > len(trial.before) + ENOUGH / 2
    done = trial.down()
    assert done.complete, (trial.said, done)
    assert trial.account.inventory() == trial.before
    assert not trial.place.has_stack(STACK)
