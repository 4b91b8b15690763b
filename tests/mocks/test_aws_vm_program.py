"""What the program of `aws-vm` declares: who reaches what, what is pinned, what a changed value changes."""

import base64
import bz2
import json
from pathlib import Path
from typing import Any

import pytest
import recorder
import yaml
from recorder import Recording

from infra.machine import bringup
from infra.network.plan import INTERFACE_SERVICES

ZONES = ["us-east-1a", "us-east-1b"]
PREBUILT = {"image": {"distribution": "ubuntu-24.04", "profile": "nvidia"}}
NETWORKS = {
    "none": {"network": {"zones": ZONES, "nat": "none"}, "machine": PREBUILT},
    "one": {"network": {"zones": ZONES, "nat": "one"}},
    "per-zone": {"network": {"zones": ZONES, "nat": "per-zone"}},
}
ACCESSES = ["ssm", "bastion", "instance-connect"]


_RECORDED: dict[str, Recording] = {}


@pytest.fixture(name="run")
def run_fixture(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Runs the program with some of the committed values changed; the same changes once."""

    def run(**changes: Any) -> Recording:
        name = json.dumps(changes, sort_keys=True)
        if name not in _RECORDED:
            values = {**recorder.values_of("aws-vm"), **changes}
            _RECORDED[name] = recorder.record("aws-vm", values, monkeypatch, tmp_path)
        return _RECORDED[name]

    return run


def aws(recording: Recording) -> list[recorder.Declared]:
    return [one for one in recording.resources if one.type.startswith("aws:")]


def template(recording: Recording) -> dict[str, Any]:
    return recording.one("LaunchTemplate").inputs


def user_data(recording: Recording) -> str:
    return base64.b64decode(template(recording)["userData"]).decode()


def machine_tags(recording: Recording) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in recording.one("Group", "group-").inputs["tags"]}


@pytest.mark.parametrize("access", ACCESSES)
@pytest.mark.parametrize("nat", sorted(NETWORKS))
def test_nothing_on_the_internet_reaches_a_machine(run: Any, nat: str, access: str) -> None:
    recording = run(**NETWORKS[nat], access={"kind": access})
    for rule in recording.of("SecurityGroupIngressRule"):
        assert rule.inputs.get("cidrIpv4") != "0.0.0.0/0", rule.name
        assert "cidrIpv6" not in rule.inputs, rule.name
    for group in recording.of("SecurityGroup"):
        assert not group.inputs.get("ingress"), f"{group.name}: rules are resources of their own"
    default = recording.one("DefaultSecurityGroup").inputs
    assert not default.get("ingress")
    assert not default.get("egress")
    (interface,) = template(recording)["networkInterfaces"]
    assert interface["associatePublicIpAddress"] == "false"
    assert interface["securityGroups"] == ["guard-group-id"]
    private = {one.name for one in recording.of("Subnet") if "private" in one.name}
    assert set(recording.one("Group", "group-").inputs["vpcZoneIdentifiers"]) == {f"{n}-id" for n in private}


@pytest.mark.parametrize("access", ACCESSES)
def test_the_way_in_is_the_one_that_the_values_choose(run: Any, access: str) -> None:
    recording = run(access={"kind": access})
    bastion, endpoints = recording.of("Instance"), recording.of("InstanceConnectEndpoint")
    assert len(bastion) == (access == "bastion")
    assert len(endpoints) == (access == "instance-connect")
    to_machine = [
        one
        for one in recording.of("SecurityGroupIngressRule")
        if one.inputs["securityGroupId"] == "guard-group-id"
    ]
    assert len(to_machine) == (access != "ssm"), "with Session Manager nothing comes in at all"
    for rule in to_machine:
        assert (rule.inputs["fromPort"], rule.inputs["toPort"]) == (22, 22)
        assert rule.inputs["referencedSecurityGroupId"], "from the way in, not from addresses"
    sessions = [one for one in recording.of("RolePolicy") if "ssmmessages" in str(one.inputs["policy"])]
    assert [one.name for one in sessions] == (["access-sessions"] if access == "ssm" else [])
    assert ("amazon-ssm-agent" in _contents(recording)) is (access == "ssm")
    assert recording.outputs["access"] == access
    assert (recording.outputs["bastion_address"] is not None) is (access == "bastion")


def _contents(recording: Recording) -> str:
    """The files that the user-data unpacks."""
    config = yaml.safe_load(user_data(recording))
    packed = next(one["content"] for one in config["write_files"] if one["path"] == "/var/lib/berth/bringup")
    return bz2.decompress(base64.b85decode(packed.strip())).decode()


@pytest.mark.parametrize(
    ("nat", "gateways", "services"), [("none", 0, True), ("one", 1, False), ("per-zone", 2, False)]
)
def test_private_machines_reach_what_they_need(run: Any, nat: str, gateways: int, *, services: bool) -> None:
    recording = run(**NETWORKS[nat], access={"kind": "ssm"})
    assert len(recording.of("NatGateway")) == gateways
    endpoints = [one.inputs["serviceName"].rpartition("us-east-1.")[2] for one in recording.of("VpcEndpoint")]
    assert sorted(endpoints) == sorted(["s3", *(INTERFACE_SERVICES if services else ())])


def test_a_changed_own_address_changes_one_resource(run: Any) -> None:
    before, after = run(), run(allowed_addresses=["198.51.100.9/32"])
    changed = [
        one.name
        for one, other in zip(
            sorted(before.resources, key=str_of), sorted(after.resources, key=str_of), strict=True
        )
        if one != other
    ]
    assert changed == ["access-allowed"]


def test_a_longer_life_touches_no_machine(run: Any) -> None:
    before, after = run(), run(expires_at="2026-11-23T20:00:00Z")
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


def str_of(one: recorder.Declared) -> tuple[str, str]:
    return one.type, one.name


def test_the_group_ends_with_the_lifetime(run: Any) -> None:
    end = run().one("Schedule").inputs
    assert (end["minSize"], end["maxSize"], end["desiredCapacity"]) == (0, 0, 0)
    assert end["autoscalingGroupName"] == "aws-vm-machine"


def test_spot_machines_of_several_types_and_zones_up_to_a_price(run: Any) -> None:
    group = run().one("Group", "group-").inputs
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


def test_on_demand_only_when_asked(run: Any) -> None:
    policy = run(machine={"spot": False}).one("Group", "group-").inputs["mixedInstancesPolicy"]
    distribution = policy["instancesDistribution"]
    assert distribution["onDemandPercentageAboveBaseCapacity"] == 100
    assert "spotMaxPrice" not in distribution
    assert [one.name for one in run().of("Group")] == ["group-group"], "no last resort unless asked"


def test_the_last_resort_is_a_group_of_no_machine_until_the_spot_group_waits_in_vain(run: Any) -> None:
    recording = run(machine={"on_demand_fallback": True})
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


def test_the_metadata_service_wants_a_token_and_reaches_containers(run: Any) -> None:
    recording = run()
    machine = template(recording)["metadataOptions"]
    assert (machine["httpTokens"], machine["httpPutResponseHopLimit"]) == ("required", 2)
    assert recording.one("Instance").inputs["metadataOptions"]["httpTokens"] == "required"


def test_every_volume_is_encrypted_gp3_and_goes_with_its_machine(run: Any) -> None:
    recording = run()
    volumes = template(recording)["blockDeviceMappings"]
    assert [(one["deviceName"], one["ebs"]["volumeSize"]) for one in volumes] == [
        ("/dev/xvda", 20),
        ("/dev/sdf", 60),
    ]
    for one in volumes:
        ebs = one["ebs"]
        assert (ebs["encrypted"], ebs["volumeType"], ebs["deleteOnTermination"]) == ("true", "gp3", "true")
    assert recording.one("Instance").inputs["rootBlockDevice"]["encrypted"] is True


def test_the_root_volume_is_the_one_that_the_distribution_boots_from(run: Any) -> None:
    volumes = template(run(machine=PREBUILT))["blockDeviceMappings"]
    assert volumes[0]["deviceName"] == "/dev/sda1", "another name would be a second, empty volume"
    assert volumes[0]["ebs"]["volumeSize"] == 100, "its image needs more than a plain one"


def test_what_shuts_itself_down_is_gone(run: Any) -> None:
    assert template(run())["instanceInitiatedShutdownBehavior"] == "terminate"


def test_a_newer_image_replaces_nothing(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = run().one("Parameter", "machine-image")
    assert kept.ignored == ["insecureValue"], "the image that was found first stays"
    assert kept.inputs["insecureValue"] == "ami-0123456789abcdef0"
    assert kept.inputs["name"] == "/berth/aws-vm/images/machine/1"
    moved = run(machine={"image": {"pin": "2026-12"}}).one("Parameter", "machine-image")
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
    run: Any, image: dict[str, str], token: str, asked: str
) -> None:
    recording = run(machine={"image": image}, access={"kind": "ssm"})
    (call,) = [one for one in recording.calls if "getCallerIdentity" not in one[0]]
    assert call[0] == token
    assert asked in json.dumps(call[1])
    if token.endswith("getAmi"):
        assert call[1]["mostRecent"] is True
        assert call[1]["owners"], "never an image of just anybody"


def test_an_image_of_one_s_own_is_asked_of_nobody(run: Any) -> None:
    recording = run(machine={"image": {"id": "ami-0a1b2c3d4e5f60718"}}, access={"kind": "ssm"})
    assert [token for token, _ in recording.calls] == ["aws:index/getCallerIdentity:getCallerIdentity"]
    assert template(recording)["imageId"] == "ami-0a1b2c3d4e5f60718"
    assert not recording.of("Parameter")


def statements(recording: Recording, name: str) -> list[dict[str, Any]]:
    document = json.loads(recording.one("RolePolicy", name).inputs["policy"])
    return list(document["Statement"])


def test_the_machine_s_role_is_the_least_that_it_needs(run: Any) -> None:
    recording = run()
    allowed = statements(recording, "role-rights")
    for one in allowed:
        actions = [one["Action"]] if isinstance(one["Action"], str) else one["Action"]
        assert not any("*" in action for action in actions), one["Sid"]
        if one["Resource"] == "*":
            assert actions == ["ecr:GetAuthorizationToken"], "the one that cannot be limited"
    bucket = "arn:aws:bucket:123456789012:bucket-bucket"
    writing = [one["Resource"] for one in allowed if one["Sid"] in {"Report", "OldCheckpoints"}]
    changing = ("Put", "Delete")
    assert len([one for one in allowed if any(word in str(one["Action"]) for word in changing)]) == 2
    assert writing == [[f"{bucket}/machines/i-*", f"{bucket}/runs/*"], [f"{bucket}/runs/*"]], (
        "not machines/expires-at: a machine may not lengthen its own life"
    )
    assert recording.one("InstanceProfile", "role").inputs["role"] == "role-role-1a2b3c4"


def test_everything_carries_whose_it_is_and_until_when(run: Any) -> None:
    recording = run()
    provider = next(one for one in recording.resources if one.type == "pulumi:providers:aws")
    expected = {
        "berth:environment": "aws-vm",
        "berth:owner": "ml-team",
        "berth:managed-by": "berth",
        "berth:expires-at": "2026-11-22T20:00:00Z",
    }
    assert json.loads(provider.inputs["defaultTags"])["tags"] == expected
    assert provider.inputs["region"] == "us-east-1"
    assert expected.items() <= machine_tags(recording).items(), "default tags do not reach a group"
    assert machine_tags(recording)["berth:role"] == "machine"
    assert all(tag["propagateAtLaunch"] for tag in recording.one("Group", "group-").inputs["tags"])
    made = {one["resourceType"]: one["tags"] for one in template(recording)["tagSpecifications"]}
    assert set(made) == {"instance", "network-interface", "volume"}
    assert all(tags["berth:environment"] == "aws-vm" for tags in made.values())
    for one in aws(recording):
        assert one.provider == "aws", f"{one.name} belongs to another provider"


def test_every_resource_belongs_to_a_component_or_the_stack(run: Any) -> None:
    for one in aws(run()):
        assert one.parent != "berth-aws-vm", f"{one.name} hangs in the air"
        assert one.name.startswith(f"{one.parent}-"), f"{one.name} is named after its component"


def test_the_budget_tells_at_every_threshold(run: Any) -> None:
    budget = run().one("Budget").inputs
    assert (budget["limitAmount"], budget["limitUnit"], budget["timeUnit"]) == ("50", "USD", "MONTHLY")
    assert budget["costFilters"] == [{"name": "TagKeyValue", "values": ["user:berth:environment$aws-vm"]}]
    told = [(one["notificationType"], one["threshold"]) for one in budget["notifications"]]
    assert told == [("ACTUAL", 50), ("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100)]
    assert all(one["subscriberEmailAddresses"] == ["ml-team@example.org"] for one in budget["notifications"])


def test_the_billing_alarm_is_where_aws_has_its_metric(run: Any) -> None:
    values = {"region": "us-west-2", "network": {"zones": ["us-west-2a", "us-west-2b"]}}
    recording = run(**values)
    for kind in ("MetricAlarm", "Topic", "TopicPolicy", "TopicSubscription"):
        assert recording.one(kind, "spend").inputs["region"] == "us-east-1"
    alarm = recording.one("MetricAlarm", "spend").inputs
    assert alarm["alarmActions"] == [recording.one("TopicPolicy").inputs["arn"]]
    quiet = run(budget={"emails": ["a@example.org"]})
    assert not quiet.of("MetricAlarm")
    assert not quiet.of("Topic")


def test_people_get_a_group_only_when_asked(run: Any) -> None:
    assert not [one for one in aws(run()) if "iam/group" in one.type]
    recording = run(people={"enabled": True, "users": ["bob", "alice"]})
    assert recording.one("GroupMembership").inputs["users"] == ["alice", "bob"]
    assert "aws:ResourceTag/berth:environment" in recording.one("GroupPolicy").inputs["policy"]
    assert not run(people={"enabled": True}).of("GroupMembership")


@pytest.mark.parametrize("access", ACCESSES)
def test_people_may_touch_only_what_carries_the_environment_s_tag(run: Any, access: str) -> None:
    recording = run(people={"enabled": True, "users": ["bob"]}, access={"kind": access})
    for one in json.loads(recording.one("GroupPolicy").inputs["policy"])["Statement"]:
        actions = [one["Action"]] if isinstance(one["Action"], str) else one["Action"]
        assert not any("*" in action for action in actions), "every action is named"
        if one["Resource"] == "*":
            assert all(":Describe" in action for action in actions), one["Sid"]
        if "instance/" in str(one["Resource"]) or "endpoint/" in str(one["Resource"]):
            condition = one["Condition"]["StringEquals"]
            assert condition["aws:ResourceTag/berth:environment"] == "aws-vm", one["Sid"]


def test_images_are_published_under_the_tag_of_their_content_and_pulled_by_it(run: Any) -> None:
    recording = run(image_source="docker://10.213.0.1:5000/berth")
    for image in ("train", "serve"):
        made = recording.one("Image", image).inputs
        assert made["source"] == f"docker://10.213.0.1:5000/berth/{image}:{recorder.TAG}"
        reference = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/berth-aws-vm/{image}:{recorder.TAG}"
        assert recording.outputs["images"][image] == reference
        assert reference in _contents(recording)


def test_user_data_is_what_the_bring_up_renders_and_fits(run: Any) -> None:
    text = user_data(run())
    assert text.startswith("#cloud-config\n")
    assert not bringup.too_large(text)


def test_what_is_too_large_goes_through_the_bucket_and_is_there_before_the_machine(run: Any) -> None:
    recording = run(ssh_public_keys=recorder.keys(6), access={"kind": "ssm"})
    stored = recording.one("BucketObjectv2", "payload").inputs
    assert stored["key"] == bringup.payload_key(stored["content"])
    assert stored["key"].rpartition("/")[2] in _contents(recording)
    assert not bringup.too_large(user_data(recording))


@pytest.mark.parametrize("changes", [{"training": {"epochs": 3}}, {"training": {"seed": 7}}], ids=str)
def test_what_is_learned_differently_is_another_run(run: Any, changes: dict[str, Any]) -> None:
    before, after = run(), run(**changes)
    assert before.outputs["run_prefix"] != after.outputs["run_prefix"]


def test_a_changed_budget_is_the_same_run_on_the_same_machine(run: Any) -> None:
    before, after = run(), run(budget={"monthly_usd": 10, "emails": ["a@example.org"]})
    assert before.outputs["run_prefix"] == after.outputs["run_prefix"]
    assert template(before) == template(after)


def test_the_machine_waits_until_it_can_learn_how_long_it_may_live(run: Any) -> None:
    made = run().one("LaunchTemplate")
    assert any("lifetime-end" in one for one in made.depends_on), "it reads the end at its first boot"
    for image in ("train", "serve"):
        assert any(f"images-{image}-published" in one for one in made.depends_on), "it pulls at once"
    assert any("dataset-archive" in one for one in made.depends_on)
    assert any("role-rights" in one for one in made.depends_on)


def test_the_preview_says_what_costs_and_warns_of_a_price_that_gets_nothing(run: Any) -> None:
    assert any("NAT gateway" in one for one in run().said)
    assert not any("max_price" in one for one in run().said)
    assert any("max_price" in one for one in run(machine={"max_price": 0.05}).said)


def test_no_secret_is_in_the_open(run: Any) -> None:
    recording = run()
    text = repr(recording.resources) + repr(recording.outputs) + user_data(recording)
    for value in ("secret-key", "registry-password", "PRIVATE KEY"):
        assert value not in text


def test_outputs_have_every_name_of_the_contract(run: Any) -> None:
    from infra.outputs import aws_vm_from_mapping

    read = aws_vm_from_mapping(run().outputs)
    assert read.machine_group == "aws-vm-machine"
    assert read.image_id == "ami-0123456789abcdef0"
    assert read.run_prefix.startswith("runs/digits/")
