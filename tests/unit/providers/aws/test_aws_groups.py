"""A group of machines: it waits for capacity, says why there is none, and replaces outdated machines."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from aws_plugin import AbortedError, AwsPlugin, Made, resolved
from cases_machines import NET

from rehearsal.providers.aws.types.autoscaling import _seconds

Values = dict[str, Any]
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
GROUP = "aws:autoscaling/group:Group"


@pytest.fixture
def parts(shared_plugin: AwsPlugin) -> Iterator[dict[str, Made]]:
    plugin = shared_plugin
    made: dict[str, Made] = {}
    for name, (token, inputs) in NET.items():
        made[name] = plugin.up(token, resolved(inputs, made), name)
    made["template"] = plugin.up(TEMPLATE, {"imageId": plugin.image(), "instanceType": "t3.nano"}, "template")
    yield made
    for part in reversed(made.values()):
        plugin.delete(part)


def group(parts: dict[str, Made], **more: Any) -> Values:
    version = str(parts["template"].outputs["latestVersion"])
    return {
        "minSize": 0,
        "maxSize": 1,
        "desiredCapacity": 1,
        "vpcZoneIdentifiers": [parts["subnet"].id],
        "launchTemplate": {"id": parts["template"].id, "version": version},
        "waitForCapacityTimeout": "30s",
        "forceDelete": True,
        "instanceRefresh": {"strategy": "Rolling", "preferences": {"minHealthyPercentage": 0}},
        **more,
    }


def machines(plugin: AwsPlugin, made: Made) -> set[str]:
    client = plugin.servicer.account.client("autoscaling")
    found = client.describe_auto_scaling_groups(AutoScalingGroupNames=[made.id])["AutoScalingGroups"][0]
    return {one["InstanceId"] for one in found["Instances"] if one["LifecycleState"] == "InService"}


def test_a_changed_template_replaces_the_machine(shared_plugin: AwsPlugin, parts: dict[str, Made]) -> None:
    plugin = shared_plugin
    parts["group"] = made = plugin.up(GROUP, group(parts), "group")
    first = machines(plugin, made)
    assert len(first) == 1, "the group has its machine when it is made"
    template = parts["template"]
    news = plugin.check(TEMPLATE, {**template.inputs, "instanceType": "t3.micro"}, template.inputs)
    foreseen = plugin.update(template, news, preview=True).outputs["latestVersion"]
    assert repr(foreseen) == "UNKNOWN", "the preview shows that the group will change"
    parts["template"] = plugin.update(template, news)
    parts["group"] = plugin.update(made, plugin.check(GROUP, group(parts), made.inputs, "group"))
    deadline = time.monotonic() + 30
    while not (second := machines(plugin, made)) or second == first:
        assert time.monotonic() < deadline, "a new machine comes"
        time.sleep(0.2)
    ec2 = plugin.servicer.account.client("ec2")
    found = ec2.describe_instances(InstanceIds=[*second])["Reservations"][0]["Instances"][0]
    assert found["InstanceType"] == "t3.micro"


def test_why_there_is_no_machine_is_said(shared_plugin: AwsPlugin, parts: dict[str, Made]) -> None:
    plugin = shared_plugin
    inputs = group(parts, waitForCapacityTimeout="1s", suspendedProcesses=["Launch"], desiredCapacity=0)
    parts["group"] = made = plugin.up(GROUP, inputs, "group")
    wanting = plugin.check(GROUP, {**inputs, "desiredCapacity": 1}, made.inputs, "group")
    with pytest.raises(AbortedError, match="0 of 1 machines are in service") as raised:
        plugin.update(made, wanting)
    assert raised.value.partial().id == made.id


def test_it_does_not_wait_where_it_is_told_so(shared_plugin: AwsPlugin, parts: dict[str, Made]) -> None:
    inputs = group(parts, waitForCapacityTimeout="0", suspendedProcesses=["Launch"])
    parts["group"] = shared_plugin.up(GROUP, inputs, "group")


@pytest.mark.parametrize(("text", "seconds"), [("10m", 600), ("1h30m", 5400), ("0", 0), ("90s", 90)])
def test_durations(text: str, seconds: float) -> None:
    assert _seconds(text) == seconds


def test_what_idle_has_emptied_is_filled_again_once_the_state_knows(
    shared_plugin: AwsPlugin, parts: dict[str, Made]
) -> None:
    plugin = shared_plugin
    parts["group"] = made = plugin.up(GROUP, group(parts), "group")
    plugin.servicer.account.client("autoscaling").set_desired_capacity(
        AutoScalingGroupName=made.id, DesiredCapacity=0
    )
    wanted = plugin.check(GROUP, group(parts), made.inputs, "group")
    assert plugin.diff(made, wanted).paths == {}, "as the state stands there is nothing to do"
    seen = plugin.read(made)
    assert seen is not None
    wanted = plugin.check(GROUP, group(parts), seen.inputs, "group")
    assert set(plugin.diff(seen, wanted).paths) == {"desiredCapacity"}
    parts["group"] = made = plugin.update(seen, wanted)
    assert len(machines(plugin, made)) == 1
