"""The reaper's function in an emulated account: it ends what has expired, and nothing of anybody else."""

import ast
import io
import sys
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra.spend import reaper, reaper_function
from infra.tags import MANAGER

ENV = "aws-vm"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LONG_AGO = "2020-01-01T00:00:00Z"
PAST, FUTURE = "2026-11-23T11:00:00Z", "2026-11-23T13:00:00Z"
IMAGE = "ami-12c6146b"


class Cloud:
    """An account with some machines."""

    def __init__(self) -> None:
        self.ec2: Any = boto3.client("ec2", "us-east-1")
        self.autoscaling: Any = boto3.client("autoscaling", "us-east-1")
        self.autoscaling.create_launch_configuration(
            LaunchConfigurationName="any", ImageId=IMAGE, InstanceType="t3.nano"
        )

    def instance(self, *, group: str = "", **changes: str) -> str:
        """Its id. group: that launched it; moto's own groups launch only where no emulated account is."""
        whose = {**tags_of(**changes), **({reaper_function.OF_A_GROUP: group} if group else {})}
        tags = [{"Key": key, "Value": value} for key, value in whose.items()]
        answer = self.ec2.run_instances(
            ImageId=IMAGE,
            MinCount=1,
            MaxCount=1,
            InstanceType="t3.nano",
            TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
        )
        return str(answer["Instances"][0]["InstanceId"])

    def group(self, name: str, **changes: str) -> None:
        self.autoscaling.create_auto_scaling_group(
            AutoScalingGroupName=name,
            LaunchConfigurationName="any",
            MinSize=0,
            MaxSize=1,
            DesiredCapacity=1,
            AvailabilityZones=["us-east-1a"],
            Tags=[
                {"Key": key, "Value": value, "PropagateAtLaunch": True}
                for key, value in tags_of(**changes).items()
            ],
        )

    def alive(self) -> set[str]:
        """Ids of the instances that run."""
        running: Any = [{"Name": "instance-state-name", "Values": ["running"]}]
        found = self.ec2.describe_instances(Filters=running)["Reservations"]
        return {one["InstanceId"] for reservation in found for one in reservation["Instances"]}

    def sizes(self, name: str) -> tuple[int, int]:
        (group,) = self.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])[
            "AutoScalingGroups"
        ]
        return group["DesiredCapacity"], group["MaxSize"]

    def reap(self) -> dict[str, Any]:
        return reaper_function.reap(ENV, self.autoscaling, self.ec2, NOW)


def tags_of(*, environment: str = ENV, manager: str = MANAGER, end: str = PAST) -> dict[str, str]:
    tags = {"berth:environment": environment, "berth:managed-by": manager, "berth:expires-at": end}
    return {key: value for key, value in tags.items() if value}


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield Cloud()


def test_an_expired_group_wants_no_machine_any_more(cloud: Cloud) -> None:
    cloud.group("aws-vm-machine")
    cloud.group("aws-vm-living", end=FUTURE)
    assert cloud.reap() == {"groups": ["aws-vm-machine"], "instances": [], "failed": {}}
    assert cloud.sizes("aws-vm-machine") == (0, 0)
    assert cloud.sizes("aws-vm-living") == (1, 1)
    assert cloud.reap()["groups"] == [], "what is empty is left alone"


def test_an_expired_instance_without_a_group_ends(cloud: Cloud) -> None:
    bastion, living = cloud.instance(), cloud.instance(end=FUTURE)
    assert cloud.reap()["instances"] == [bastion]
    assert cloud.alive() == {living}


def test_a_machine_of_a_group_that_was_extended_lives_on(cloud: Cloud) -> None:
    """Its own tag is the one of its launch."""
    cloud.group("aws-vm-machine", end=PAST)
    machine = cloud.instance(group="aws-vm-machine")
    cloud.autoscaling.create_or_update_tags(
        Tags=[
            {
                "ResourceId": "aws-vm-machine",
                "ResourceType": "auto-scaling-group",
                "Key": "berth:expires-at",
                "Value": FUTURE,
                "PropagateAtLaunch": True,
            }
        ]
    )
    assert cloud.reap() == {"groups": [], "instances": [], "failed": {}}
    assert machine in cloud.alive()


@pytest.mark.parametrize(
    "whose",
    [
        {"environment": "other"},
        {"environment": ""},
        {"manager": "somebody"},
        {"manager": ""},
        {"end": ""},
        {"end": "soon"},
        {"end": "2026-11-23T11:00:00"},
    ],
    ids=str,
)
def test_what_is_not_surely_ours_and_over_is_never_touched(cloud: Cloud, whose: dict[str, str]) -> None:
    cloud.group("their-group", **whose)
    cloud.instance(**whose)
    before = cloud.alive()
    assert cloud.reap() == {"groups": [], "instances": [], "failed": {}}
    assert cloud.alive() == before
    assert cloud.sizes("their-group") == (1, 1)


def test_one_that_cannot_be_ended_keeps_nothing_else_alive(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, other = cloud.instance(end=LONG_AGO), cloud.instance(end=LONG_AGO)
    cloud.ec2.modify_instance_attribute(InstanceId=held, DisableApiTermination={"Value": True})
    found = cloud.reap()
    assert found["instances"] == [other]
    assert list(found["failed"]) == [held]
    monkeypatch.setenv("ENVIRONMENT", ENV)
    with pytest.raises(RuntimeError, match=held):
        reaper_function.handler({}, None)


def test_lambda_calls_it_without_a_word_about_where(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", ENV)
    bastion = cloud.instance(end=LONG_AGO)
    assert reaper_function.handler({}, None)["instances"] == [bastion]


def test_the_archive_is_the_same_every_time_and_holds_the_handler() -> None:
    assert reaper.archive() == reaper.archive()
    with zipfile.ZipFile(io.BytesIO(reaper.archive())) as file:
        assert file.namelist() == ["reaper_function.py"]
        assert "def handler(" in file.read("reaper_function.py").decode()


def test_the_function_imports_only_what_lambda_has() -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html: boto3 is there."""
    tree = ast.parse(reaper.SOURCE.read_text())
    modules = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [one.name for one in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert modules <= sys.stdlib_module_names | {"boto3"}


def test_a_rate_is_written_as_the_scheduler_reads_it() -> None:
    assert (reaper.rate(1), reaper.rate(15)) == ("rate(1 minute)", "rate(15 minutes)")
