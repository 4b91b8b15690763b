"""What the program of `aws-vm` declares: machines, images, money, and what a changed value changes."""

import json
from typing import Any

import pytest
import recorder
from aws_vm_views import contents, machine_tags, str_of, template, user_data

from infra.machine import bringup

ZONES = ["us-east-1a", "us-east-1b"]
PREBUILT = {"image": {"distribution": "ubuntu-24.04", "profile": "nvidia"}}
NETWORKS = {
    "none": {"network": {"zones": ZONES, "nat": "none"}, "machine": PREBUILT},
    "one": {"network": {"zones": ZONES, "nat": "one"}},
    "per-zone": {"network": {"zones": ZONES, "nat": "per-zone"}},
}
ACCESSES = ["ssm", "bastion", "instance-connect"]


def test_a_longer_life_touches_no_machine(run_aws_vm: Any) -> None:
    before, after = run_aws_vm(), run_aws_vm(expires_at="2026-11-23T20:00:00Z")
    changed = {
        one.name
        for one, other in zip(
            sorted(before.resources, key=str_of), sorted(after.resources, key=str_of), strict=True
        )
        if one != other
    }
    assert changed == {"aws", "group-group", "group-end", "lifetime-end"}
    assert template(before) == template(after)
    for recording, ends in ((before, "2026-11-22T20:00:00Z"), (after, "2026-11-23T20:00:00Z")):
        assert recording.one("Schedule").inputs["startTime"] == ends
        assert recording.one("BucketObjectv2", "lifetime").inputs["content"] == ends
        assert machine_tags(recording)["berth:expires-at"] == ends


def test_the_group_ends_with_the_lifetime(run_aws_vm: Any) -> None:
    end = run_aws_vm().one("Schedule").inputs
    assert (end["minSize"], end["maxSize"], end["desiredCapacity"]) == (0, 0, 0)
    assert end["autoscalingGroupName"] == "aws-vm-machine"


def test_spot_machines_of_several_types_and_zones_up_to_a_price(run_aws_vm: Any) -> None:
    group = run_aws_vm().one("Group", "group-").inputs
    policy = group["mixedInstancesPolicy"]
    assert policy["instancesDistribution"] == {
        "onDemandBaseCapacity": 0,
        "onDemandPercentageAboveBaseCapacity": 0,
        "spotAllocationStrategy": "price-capacity-optimized",
        "spotMaxPrice": "0.5",
    }
    overrides = [one["instanceType"] for one in policy["launchTemplate"]["overrides"]]
    assert overrides == ["g4dn.xlarge", "g4dn.2xlarge", "g4dn.4xlarge"]
    assert len(group["vpcZoneIdentifiers"]) == 2
    assert (group["minSize"], group["maxSize"], group["desiredCapacity"]) == (0, 1, 1)


def test_on_demand_only_when_asked(run_aws_vm: Any) -> None:
    policy = run_aws_vm(machine={"spot": False}).one("Group", "group-").inputs["mixedInstancesPolicy"]
    distribution = policy["instancesDistribution"]
    assert distribution["onDemandPercentageAboveBaseCapacity"] == 100
    assert "spotMaxPrice" not in distribution
    assert [one.name for one in run_aws_vm().of("Group")] == ["group-group"], "no last resort unless asked"


def test_the_last_resort_is_a_group_of_no_machine_until_the_spot_group_waits_in_vain(run_aws_vm: Any) -> None:
    recording = run_aws_vm(machine={"on_demand_fallback": True})
    group = recording.one("Group", "fallback").inputs
    assert "desiredCapacity" not in group, "its own policies set it"
    assert (group["minSize"], group["maxSize"]) == (0, 1)
    assert (
        group["mixedInstancesPolicy"]["instancesDistribution"]["onDemandPercentageAboveBaseCapacity"] == 100
    )
    alarm = recording.one("MetricAlarm", "fallback").inputs
    expressions = [one["expression"] for one in alarm["metricQueries"] if "expression" in one]
    assert expressions == ["wanted - there"], "a group that wants none is not missing one"
    assert alarm["evaluationPeriods"] * 300 == 15 * 60
    ends = {one.inputs["autoscalingGroupName"] for one in recording.of("Schedule")}
    assert ends == {"aws-vm-machine", "aws-vm-on-demand"}, "it ends with the lifetime too"


def test_what_shuts_itself_down_is_gone(run_aws_vm: Any) -> None:
    assert template(run_aws_vm())["instanceInitiatedShutdownBehavior"] == "terminate"


def test_a_newer_image_replaces_nothing(run_aws_vm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = run_aws_vm().one("Parameter", "machine-image")
    assert kept.ignored == ["insecureValue"], "the image that was found first stays"
    assert kept.inputs["insecureValue"] == "ami-0123456789abcdef0"
    assert kept.inputs["name"] == "/berth/aws-vm/images/machine/1"
    moved = run_aws_vm(machine={"image": {"pin": "2026-12"}}).one("Parameter", "machine-image")
    assert moved.inputs["name"] == "/berth/aws-vm/images/machine/2026-12", "another pin looks again"


@pytest.mark.parametrize(
    ("image", "token", "asked"),
    [
        ({"owner": "self", "name": "mine-*"}, "aws:ec2/getAmi:getAmi", "mine-*"),
        ({"distribution": "debian-13"}, "aws:ec2/getAmi:getAmi", "debian-13-amd64-*"),
        ({"distribution": "ubuntu-24.04"}, "aws:ec2/getAmi:getAmi", "ubuntu-noble-24.04"),
        ({"ssm": "/my/image"}, "aws:ssm/getParameter:getParameter", "/my/image"),
        (
            {"distribution": "ubuntu-24.04", "profile": "nvidia"},
            "aws:ssm/getParameter:getParameter",
            "base-oss-nvidia-driver-gpu-ubuntu-24.04/latest/ami-id",
        ),
        ({"distribution": "al2023"}, "aws:ssm/getParameter:getParameter", "al2023-ami-kernel-default"),
    ],
    ids=str,
)
def test_an_image_is_looked_up_as_the_values_say(
    run_aws_vm: Any, image: dict[str, str], token: str, asked: str
) -> None:
    recording = run_aws_vm(machine={"image": image}, access={"kind": "ssm"})
    (call,) = [one for one in recording.calls if "getCallerIdentity" not in one[0]]
    assert call[0] == token
    assert asked in json.dumps(call[1])
    if token.endswith("getAmi"):
        assert call[1]["mostRecent"] is True
        assert call[1]["owners"], "never an image of just anybody"


def test_an_image_of_one_s_own_is_asked_of_nobody(run_aws_vm: Any) -> None:
    recording = run_aws_vm(machine={"image": {"id": "ami-0a1b2c3d4e5f60718"}}, access={"kind": "ssm"})
    assert [token for token, _ in recording.calls] == ["aws:index/getCallerIdentity:getCallerIdentity"]
    assert template(recording)["imageId"] == "ami-0a1b2c3d4e5f60718"
    assert not recording.of("Parameter")


def test_the_budget_tells_at_every_threshold(run_aws_vm: Any) -> None:
    budget = run_aws_vm().one("Budget").inputs
    assert (budget["limitAmount"], budget["limitUnit"], budget["timeUnit"]) == ("50", "USD", "MONTHLY")
    assert budget["costFilters"] == [{"name": "TagKeyValue", "values": ["user:berth:environment$aws-vm"]}]
    told = [(one["notificationType"], one["threshold"]) for one in budget["notifications"]]
    assert told == [("ACTUAL", 50), ("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100)]
    assert all(one["subscriberEmailAddresses"] == ["ml-team@example.org"] for one in budget["notifications"])


def test_the_billing_alarm_is_where_aws_has_its_metric(run_aws_vm: Any) -> None:
    values = {"region": "us-west-2", "network": {"zones": ["us-west-2a", "us-west-2b"]}}
    recording = run_aws_vm(**values)
    for kind in ("MetricAlarm", "Topic", "TopicPolicy", "TopicSubscription"):
        assert recording.one(kind, "spend").inputs["region"] == "us-east-1"
    alarm = recording.one("MetricAlarm", "spend").inputs
    assert alarm["alarmActions"] == [recording.one("TopicPolicy").inputs["arn"]]
    quiet = run_aws_vm(budget={"emails": ["a@example.org"]})
    assert not quiet.of("MetricAlarm")
    assert not quiet.of("Topic")


def test_images_are_published_under_the_tag_of_their_content_and_pulled_by_it(run_aws_vm: Any) -> None:
    recording = run_aws_vm(image_source="docker://10.213.0.1:5000/berth")
    for image in ("train", "serve"):
        made = recording.one("Image", image).inputs
        assert made["source"] == f"docker://10.213.0.1:5000/berth/{image}:{recorder.TAG}"
        reference = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/berth-aws-vm/{image}:{recorder.TAG}"
        assert recording.outputs["images"][image] == reference
        assert reference in contents(recording)


def test_user_data_is_what_the_bring_up_renders_and_fits(run_aws_vm: Any) -> None:
    text = user_data(run_aws_vm())
    assert text.startswith("#cloud-config\n")
    assert not bringup.too_large(text)


def test_what_is_too_large_goes_through_the_bucket_and_is_there_before_the_machine(run_aws_vm: Any) -> None:
    recording = run_aws_vm(ssh_public_keys=recorder.keys(6), access={"kind": "ssm"})
    stored = recording.one("BucketObjectv2", "payload").inputs
    assert stored["key"] == bringup.payload_key(stored["content"])
    assert stored["key"].rpartition("/")[2] in contents(recording)
    assert not bringup.too_large(user_data(recording))


@pytest.mark.parametrize("changes", [{"training": {"epochs": 3}}, {"training": {"seed": 7}}], ids=str)
def test_what_is_learned_differently_is_another_run(run_aws_vm: Any, changes: dict[str, Any]) -> None:
    before, after = run_aws_vm(), run_aws_vm(**changes)
    assert before.outputs["run_prefix"] != after.outputs["run_prefix"]


def test_a_changed_budget_is_the_same_run_on_the_same_machine(run_aws_vm: Any) -> None:
    before, after = run_aws_vm(), run_aws_vm(budget={"monthly_usd": 10, "emails": ["a@example.org"]})
    assert before.outputs["run_prefix"] == after.outputs["run_prefix"]
    assert template(before) == template(after)


def test_the_machine_waits_until_it_can_learn_how_long_it_may_live(run_aws_vm: Any) -> None:
    made = run_aws_vm().one("LaunchTemplate")
    assert any("lifetime-end" in one for one in made.depends_on), "it reads the end at its first boot"
    for image in ("train", "serve"):
        assert any(f"images-{image}-published" in one for one in made.depends_on), "it pulls at once"
    assert any("dataset-archive" in one for one in made.depends_on)
    assert any("role-rights" in one for one in made.depends_on)


def test_the_preview_says_what_costs_and_warns_of_a_price_that_gets_nothing(run_aws_vm: Any) -> None:
    assert any("NAT gateway" in one for one in run_aws_vm().said)
    assert not any("max_price" in one for one in run_aws_vm().said)
    assert any("max_price" in one for one in run_aws_vm(machine={"max_price": 0.05}).said)


def test_outputs_have_every_name_of_the_contract(run_aws_vm: Any) -> None:
    from infra.outputs import aws_vm_from_mapping

    read = aws_vm_from_mapping(run_aws_vm().outputs)
    assert read.machine_group == "aws-vm-machine"
    assert read.image_id == "ami-0123456789abcdef0"
    assert read.run_prefix.startswith("runs/digits/")
