"""What is refused before any call, and what inputs become."""

from typing import Any

import pytest
from aws_plugin import AwsPlugin, Made

from rehearsal.providers.aws.check import covered
from rehearsal.providers.aws.types import all_types
from rehearsal.providers.plugin.values import UNKNOWN, Secret

VPC = "aws:ec2/vpc:Vpc"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
INSTANCE = "aws:ec2/instance:Instance"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
OF_RULE: dict[str, Any] = {"securityGroupId": "sg-1", "ipProtocol": "tcp", "fromPort": 1, "toPort": 2}


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> AwsPlugin:
    """Nothing here may talk to an account, so there is none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BERTH_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        return AwsPlugin(region="us-east-1", defaultTags='{"tags": {"owner": "me"}}')


@pytest.mark.parametrize(
    ("token", "inputs", "said"),
    [
        (VPC, {"cidrBloc": "10.0.0.0/16"}, 'cidrBloc: unknown property; did you mean "cidrBlock"?'),
        (VPC, {"cidrBlock": ["10.0.0.0/16"]}, "cidrBlock: expected a string, got a list"),
        (VPC, {"tags": {"a": {}}}, "tags.a: expected a string, got a map"),
        (VPC, {"instanceTenancy": "x"}, "instanceTenancy: expected one of default, dedicated; got 'x'"),
        (VPC, {"ipv4IpamPoolId": "x"}, "ipv4IpamPoolId: is not covered by the stand-in"),
        (INSTANCE, {"ami": "ami-1", "instanceType": "t", "monitoring": "maybe"}, "monitoring: expected true"),
        (
            INSTANCE,
            {"ami": "ami-1", "instanceType": "t", "rootBlockDevice": {"volumeSize": "8.5"}},
            "rootBlockDevice.volumeSize: expected a whole number, got '8.5'",
        ),
        (
            TEMPLATE,
            {"blockDeviceMappings": [{"ebs": {"volumeTyp": "gp3"}}]},
            'blockDeviceMappings[0].ebs.volumeTyp: unknown property; did you mean "volumeType"?',
        ),
        (
            TEMPLATE,
            {"blockDeviceMappings": [{"ebs": {"volumeType": "gp9"}}]},
            "blockDeviceMappings[0].ebs.volumeType: expected one of gp2, gp3",
        ),
        (INSTANCE, {"ami": "ami-1"}, "instanceType: is required without a launchTemplate"),
        ("aws:ec2/subnet:Subnet", {"cidrBlock": "10.0.0.0/24"}, "vpcId: is required"),
        (RULE, OF_RULE, "exactly one of cidrIpv4"),
        (RULE, {**OF_RULE, "cidrIpv4": "10.0.0.0/8", "prefixListId": "pl-1"}, "there are 2"),
    ],
)
def test_a_mistake_is_named_with_its_path(
    plugin: AwsPlugin, token: str, inputs: dict[str, Any], said: str
) -> None:
    assert any(said in failure for failure in plugin.failures(token, inputs)), plugin.failures(token, inputs)


def test_what_is_not_known_yet_or_secret_is_no_mistake(plugin: AwsPlugin) -> None:
    inputs = {"vpcId": UNKNOWN, "cidrBlock": Secret("10.0.0.0/24"), "tags": UNKNOWN}
    checked = plugin.check("aws:ec2/subnet:Subnet", inputs)
    assert checked["vpcId"] is UNKNOWN
    assert checked["cidrBlock"] == Secret("10.0.0.0/24")


def test_scalars_take_the_sdks_types(plugin: AwsPlugin) -> None:
    ebs = {"encrypted": True, "volumeSize": "20"}
    checked = plugin.check(TEMPLATE, {"blockDeviceMappings": [{"ebs": ebs}]})
    assert checked["blockDeviceMappings"] == [{"ebs": {"encrypted": "true", "volumeSize": 20}}]


def test_defaults_and_the_providers_tags_are_filled_in(plugin: AwsPlugin) -> None:
    checked = plugin.check(VPC, {"cidrBlock": "10.0.0.0/16", "tags": {"Name": "n"}})
    assert checked["enableDnsSupport"] is True
    assert checked["tags"] == {"Name": "n", "owner": "me"}
    own = plugin.check(VPC, {"cidrBlock": "10.0.0.0/16", "tags": {"owner": "you"}})
    assert own["tags"] == {"owner": "you"}, "the resource's own tags win"


def test_a_name_is_given_once_and_kept(plugin: AwsPlugin) -> None:
    first = plugin.check(GROUP, {"vpcId": "vpc-1"}, name="web")
    stem, _, digits = first["name"].rpartition("-")
    assert stem == "web"
    assert len(digits) == 7
    assert set(digits) <= set("0123456789abcdef")
    assert plugin.check(GROUP, {"vpcId": "vpc-1"}, first, name="web")["name"] == first["name"]
    named = plugin.check(GROUP, {"vpcId": "vpc-1", "name": "mine"}, first, name="web")
    assert named["name"] == "mine"
    assert "name" not in plugin.check(GROUP, {"namePrefix": "web-"})


def test_a_name_that_the_user_gave_is_in_the_way_of_its_replacement(plugin: AwsPlugin) -> None:
    def differs(old: dict[str, Any], new: dict[str, Any]) -> bool:
        before = plugin.check(GROUP, old)
        found = plugin.diff(Made(GROUP, "it", "sg-1", before, {}), plugin.check(GROUP, new, before))
        assert found.replaces == ["vpcId"]
        return found.delete_first

    assert not differs({"vpcId": "vpc-1"}, {"vpcId": "vpc-2"})
    assert differs({"vpcId": "vpc-1", "name": "n"}, {"vpcId": "vpc-2", "name": "n"})


def test_the_order_of_sets_and_empty_values_mean_nothing(plugin: AwsPlugin) -> None:
    def paths(old: dict[str, Any], new: dict[str, Any]) -> dict[str, str]:
        before = plugin.check(GROUP, {"vpcId": "vpc-1", **old})
        after = plugin.check(GROUP, {"vpcId": "vpc-1", **new}, before)
        return plugin.diff(Made(GROUP, "it", "sg-1", before, {}), after).paths

    port = {"protocol": "tcp", "fromPort": 1, "toPort": 1, "cidrBlocks": ["10.0.0.0/8", "11.0.0.0/8"]}
    other = {**port, "fromPort": 2}
    turned = {**port, "cidrBlocks": ["11.0.0.0/8", "10.0.0.0/8"], "description": "", "self": False}
    assert paths({"ingress": [port, other]}, {"ingress": [other, turned]}) == {}
    assert paths({"ingress": [port]}, {"ingress": [other]}) == {"ingress[0].fromPort": "UPDATE"}
    assert paths({}, {"ingress": [port]}) == {"ingress": "ADD"}
    assert paths({"ingress": [port]}, {}) == {}, "AWS has a value of its own for what is left out"


def test_user_data_replaces_a_machine_where_that_is_asked_for(plugin: AwsPlugin) -> None:
    def replaces(**more: Any) -> list[str]:
        base = {"ami": "ami-1", "instanceType": "t3.nano", **more}
        before = plugin.check(INSTANCE, {**base, "userData": "a"})
        after = plugin.check(INSTANCE, {**base, "userData": "b"}, before)
        return plugin.diff(Made(INSTANCE, "it", "i-1", before, {}), after).replaces

    assert replaces() == []
    assert replaces(userDataReplaceOnChange=True) == ["userData"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"regio": "x"}, "regio: unknown provider setting"),
        ({"assumeRoles": '[{"roleArn": "x"}]'}, "assumeRoles: is not supported in a rehearsal"),
        ({"defaultTags": '{"tag": {}}'}, "defaultTags: expected"),
        ({"endpoints": '{"ec2": "x"}'}, "endpoints: expected a list"),
    ],
)
def test_the_providers_settings_are_checked(plugin: AwsPlugin, settings: dict[str, str], said: str) -> None:
    failures = plugin.servicer.check_config(settings)
    assert any(said in f"{one.path}: {one.reason}" for one in failures)


def test_another_region_is_another_provider(plugin: AwsPlugin) -> None:
    found = plugin.servicer.diff_config({"region": "us-east-1"}, {"region": "eu-west-1"})
    assert found.changes["region"].replaces
    tags = plugin.servicer.diff_config({}, {"defaultTags": '{"tags": {"a": "b"}}'})
    assert not tags.changes["defaultTags"].replaces


@pytest.mark.parametrize("token", sorted(all_types()))
def test_every_entry_names_properties_that_the_sdk_has(plugin: AwsPlugin, token: str) -> None:
    entry, schema = all_types()[token], plugin.servicer._schemas.of(token)
    inputs = set(schema["inputs"])
    assert covered(entry) - {"region", "tags"} <= inputs
    assert set(entry.defaults) <= inputs
    assert {path.partition(".")[0] for path in entry.computed | set(entry.choices)} <= inputs
    assert entry.foreign <= inputs | set(schema["outputs"])
    assert entry.changes_on_update <= set(schema["outputs"])
    if entry.autoname:
        assert entry.autoname.prop in inputs
    assert not set(entry.update) & entry.local
    required = {name for name, prop in schema["inputs"].items() if prop["required"]}
    assert required <= covered(entry), "what every program has to give is covered"


def test_a_type_that_is_not_covered_is_said_so(plugin: AwsPlugin) -> None:
    with pytest.raises(Exception, match="does not cover aws:sqs/queue:Queue"):
        plugin.check("aws:sqs/queue:Queue", {})
