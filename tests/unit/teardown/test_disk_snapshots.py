"""Disks that are protected are saved before anything goes."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import scripted_engine
from moto import mock_aws
from scripted_engine import resource

from infra.spend.leaks import KEEP
from rehearsal.errors import BerthError
from scripts.berth.place import Place
from scripts.berth.teardown import order, snapshots

ENV = "aws-vm"
VOLUME = "aws:ebs/volume:Volume"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    for name in [*os.environ]:
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        yield scripted_engine.made(tmp_path).place


def state(*resources: dict[str, Any]) -> dict[str, Any]:
    tags = {"tags": {"berth:owner": "ml-team", "berth:managed-by": "berth", "berth:expires-at": "2026-01-01"}}
    provider = resource("pulumi:providers:aws", "aws", inputs={"region": "us-east-1", "defaultTags": tags})
    return {"deployment": {"resources": [provider, *resources]}}


def volume(**how: Any) -> str:
    return str(
        boto3.client("ec2", "us-east-1").create_volume(AvailabilityZone="us-east-1a", **how)["VolumeId"]
    )


def saved(made: dict[str, Any]) -> list[order.Loss]:
    return [loss for loss in order.losses(made) if loss.fate == "snapshot"]


def test_a_protected_disk_is_saved_and_its_copy_is_tagged_to_be_kept(place: Place) -> None:
    mine = volume(Size=7)
    made = state(
        resource(VOLUME, "data", id=mine, protect=True), resource(VOLUME, "scratch", id=volume(Size=1))
    )
    said: list[str] = []
    (one,) = snapshots.take(place, ENV, made, saved(made), said.append)
    assert (one.volume, one.of, one.gib) == (mine, "data", 7)
    found = boto3.client("ec2", "us-east-1").describe_snapshots(SnapshotIds=[one.id])["Snapshots"][0]
    tags = {tag["Key"]: tag["Value"] for tag in found["Tags"]}
    assert tags[KEEP] == "true", "no sweep may take it"
    assert (tags["berth:environment"], tags["berth:owner"]) == (ENV, "ml-team")
    assert "berth:expires-at" not in tags, "it outlives the environment"
    assert one.id in said[0]


def test_the_disks_of_a_groups_machines_are_saved(place: Place) -> None:
    ec2 = boto3.client("ec2", "us-east-1")
    machine = ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    made = state(resource("aws:ec2/instance:Instance", "machine", id=machine, protect=True))
    (one,) = snapshots.take(place, ENV, made, saved(made), lambda _: None)
    attached = ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [machine]}])[
        "Volumes"
    ]
    assert one.volume == attached[0]["VolumeId"]


class Slow:
    """EC2, whose snapshots take their time, or fail."""

    def __init__(self, real: Any, *states: str) -> None:
        self.real, self.states = real, [*states]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def describe_snapshots(self, **how: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.real.describe_snapshots(**how)
        answer["Snapshots"][0]["State"] = self.states.pop(0)
        return answer


def test_it_waits_until_a_copy_is_complete(place: Place) -> None:
    made = state(resource(VOLUME, "data", id=volume(Size=1), protect=True))
    place.clients["ec2", "us-east-1", ""] = Slow(
        boto3.client("ec2", "us-east-1"), "pending", "pending", "completed"
    )
    waited: list[float] = []
    snapshots.take(place, ENV, made, saved(made), lambda _: None, pause=waited.append)
    assert len(waited) == 2


def test_a_copy_that_fails_stops_the_teardown(place: Place) -> None:
    made = state(resource(VOLUME, "data", id=volume(Size=1), protect=True))
    place.clients["ec2", "us-east-1", ""] = Slow(boto3.client("ec2", "us-east-1"), "error")
    with pytest.raises(BerthError, match="failed") as refusal:
        snapshots.take(place, ENV, made, saved(made), lambda _: None)
    assert "Nothing was destroyed" in refusal.value.hint
