"""The functions of the AWS stand-in, against an emulated account and the published SDK's own classes."""

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest

from rehearsal.errors import BerthError
from rehearsal.providers.aws import functions
from rehearsal.providers.aws.account import Account
from rehearsal.providers.aws.functions import request

SAMPLES: dict[str, dict[str, Any]] = {
    "aws:index/getAvailabilityZone:getAvailabilityZone": {"name": "us-east-1a", "state": "available"},
    "aws:index/getAvailabilityZones:getAvailabilityZones": {"state": "available"},
    "aws:index/getCallerIdentity:getCallerIdentity": {},
    "aws:index/getPartition:getPartition": {},
    "aws:index/getRegion:getRegion": {},
    "aws:ec2/getAmi:getAmi": {
        "filters": [{"name": "name", "values": ["berth-*"]}],
        "owners": ["self"],
        "mostRecent": True,
        "nameRegex": "^berth-[0-9]{4}",
    },
    "aws:ec2/getInstanceType:getInstanceType": {"instanceType": "g4dn.xlarge"},
    "aws:ec2/getInstanceTypeOfferings:getInstanceTypeOfferings": {
        "filters": [{"name": "instance-type", "values": ["g4dn.xlarge"]}],
        "locationType": "availability-zone",
    },
    "aws:ec2/getManagedPrefixList:getManagedPrefixList": {"name": "berth"},
    "aws:ec2/getPrefixList:getPrefixList": {"name": "com.amazonaws.us-east-1.s3"},
    "aws:ec2/getSecurityGroup:getSecurityGroup": {"name": "default"},
    "aws:ec2/getSpotPrice:getSpotPrice": {
        "instanceType": "g4dn.xlarge",
        "filters": [{"name": "availability-zone", "values": ["us-east-1a"]}],
    },
    "aws:ec2/getSubnet:getSubnet": {"availabilityZone": "us-east-1a", "defaultForAz": True},
    "aws:ec2/getSubnets:getSubnets": {"filters": [{"name": "default-for-az", "values": ["true"]}]},
    "aws:ec2/getVpc:getVpc": {"default": True},
    "aws:ecr/getAuthorizationToken:getAuthorizationToken": {},
    "aws:iam/getPolicyDocument:getPolicyDocument": {
        "statements": [{"actions": ["s3:GetObject"], "resources": ["*"]}]
    },
    "aws:kms/getAlias:getAlias": {"name": "alias/berth"},
    "aws:kms/getKey:getKey": {"keyId": "alias/berth"},
    "aws:s3/getBucket:getBucket": {"bucket": "berth-bucket"},
    "aws:servicequotas/getServiceQuota:getServiceQuota": {
        "serviceCode": "vpc",
        "quotaName": "VPCs per Region",
    },
    "aws:ssm/getParameter:getParameter": {"name": "/berth/image"},
}
ECHOED = {"region", "tags", "id", "reverseDnsPrefix", "dnsSuffix"}
"""Arguments that some functions of pulumi-aws only pass on to the result; `region` is read by `call`."""


def snake(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()


def sdk(token: str) -> Any:
    """The SDK's module of a function, such as pulumi_aws.ec2.get_ami.

    Found through the function: the SDK loads its packages at their first use, and a module imported before
    that would take the function's place in its package for every test that follows.
    """
    _, path, name = token.split(":")
    folder = path.split("/")[0]
    package = import_module(".".join(["pulumi_aws", *([] if folder == "index" else [folder])]))
    return import_module(getattr(package, snake(name)).__module__)


def result_types(token: str) -> dict[str, Any]:
    from pulumi._types import output_type_types

    name = token.rpartition(":")[2]
    return dict(output_type_types(getattr(sdk(token), name[0].upper() + name[1:] + "Result")))


def arguments(token: str) -> set[str]:
    """What the SDK sends."""
    return set(re.findall(r"__args__\['(\w+)'\]", inspect.getsource(sdk(token))))


def mismatches(value: Any, kind: Any, path: str) -> list[str]:
    """Where a value is not of the type that the SDK declares."""
    from pulumi._types import is_output_type, output_type_types

    origin, args = get_origin(kind), get_args(kind)
    if type(None) in args:
        return [] if value is None else mismatches(value, next(a for a in args if a is not type(None)), path)
    if inspect.isclass(kind) and is_output_type(kind):
        fields = output_type_types(kind)
        if not isinstance(value, dict) or set(value) - set(fields):
            return [f"{path}: {value!r} has not the fields {sorted(fields)}"]
        return [wrong for name in value for wrong in mismatches(value[name], fields[name], f"{path}.{name}")]
    if origin is not None and issubclass(origin, Mapping):
        return [wrong for key, item in value.items() for wrong in mismatches(item, args[1], f"{path}.{key}")]
    if origin is not None and issubclass(origin, Sequence):
        return [wrong for item in value for wrong in mismatches(item, args[0], f"{path}[]")]
    fits = isinstance(value, kind) or (kind is float and isinstance(value, int))
    return (
        [] if fits and not (kind is int and isinstance(value, bool)) else [f"{path}: {value!r} is no {kind}"]
    )


def test_looking_at_the_sdk_leaves_it_as_it_is() -> None:
    code = (
        "import pulumi_aws, test_functions as looking\n"
        "for token in looking.SAMPLES: looking.sdk(token)\n"
        "print(callable(pulumi_aws.ec2.get_ami), callable(pulumi_aws.ssm.get_parameter))"
    )
    here = str(Path(__file__).parent)
    environment = {**os.environ, "PYTHONPATH": here}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout == "True True\n"


def test_there_is_a_sample_for_every_function() -> None:
    assert set(SAMPLES) == functions.TOKENS


@pytest.mark.parametrize("token", sorted(SAMPLES))
def test_a_result_has_exactly_what_the_sdk_reads(token: str, account: Account) -> None:
    answer = functions.call(token, SAMPLES[token], account)
    types = result_types(token)
    assert set(types) - arguments(token) <= set(answer) <= set(types)
    assert [w for name in answer for w in mismatches(answer[name], types[name], name)] == []


@pytest.mark.parametrize("token", sorted(SAMPLES))
def test_every_argument_of_the_sdk_is_read(
    token: str, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: set[str] = set()
    get = request.Request.get

    def recording(self: request.Request, name: str, default: Any = None) -> Any:
        asked.add(name)
        return get(self, name, default)

    monkeypatch.setattr(request.Request, "get", recording)
    functions.call(token, SAMPLES[token], account)
    assert set(SAMPLES[token]) <= arguments(token)
    assert asked <= arguments(token) | {"tags"}, "an argument that the SDK cannot send"
    assert arguments(token) - asked <= ECHOED | conditional(token), "an argument that nothing reads"


def conditional(token: str) -> set[str]:
    """Arguments that are read only beside others."""
    return {"getAmi": {"allowUnsafeFilter"}}.get(token.rpartition(":")[2], set())


def test_an_unknown_function_is_a_key_error(empty: Account) -> None:
    with pytest.raises(KeyError):
        functions.call("aws:ec2/getNothing:getNothing", {}, empty)


def test_the_newest_image_of_an_owner_is_found_by_pattern(account: Account) -> None:
    images = account.client("ec2").describe_images(Owners=["self"])["Images"]
    newest = max((i for i in images if i["Name"].startswith("berth")), key=lambda i: str(i["CreationDate"]))
    answer = functions.call("aws:ec2/getAmi:getAmi", SAMPLES["aws:ec2/getAmi:getAmi"], account)
    assert answer["id"] == answer["imageId"] == newest["ImageId"]
    assert answer["blockDeviceMappings"][0]["ebs"]["snapshot_id"] == answer["rootSnapshotId"] != ""


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        ({"owners": ["self"], "filters": [{"name": "name", "values": ["berth-*"]}]}, "more than one result"),
        ({"owners": ["self"], "nameRegex": "^nothing$"}, "returned no results"),
        ({"mostRecent": True, "nameRegex": "berth"}, "not filtered by owner"),
    ],
)
def test_an_image_that_is_not_certain_is_refused(
    args: dict[str, Any], problem: str, account: Account
) -> None:
    with pytest.raises(BerthError, match=problem):
        functions.call("aws:ec2/getAmi:getAmi", args, account)


def test_a_secure_parameter_has_no_insecure_value(account: Account) -> None:
    answer = functions.call("aws:ssm/getParameter:getParameter", {"name": "/berth/secret"}, account)
    assert (answer["value"], answer["insecureValue"], answer["type"]) == ("s3cret", "", "SecureString")


def test_zones_can_be_excluded(account: Account) -> None:
    token = "aws:index/getAvailabilityZones:getAvailabilityZones"
    everything = functions.call(token, {}, account)["names"]
    assert functions.call(token, {"excludeNames": ["us-east-1a"]}, account)["names"] == [
        name for name in everything if name != "us-east-1a"
    ]


def test_two_vpcs_are_no_answer(account: Account) -> None:
    account.client("ec2", "eu-west-2").create_vpc(CidrBlock="10.9.0.0/16")
    with pytest.raises(BerthError, match="2 matching EC2 VPCs"):
        functions.call("aws:ec2/getVpc:getVpc", {"region": "eu-west-2"}, account)


def test_another_region_is_asked_where_it_is_named(account: Account) -> None:
    token = "aws:index/getAvailabilityZones:getAvailabilityZones"
    answer = functions.call(token, {"region": "eu-west-1"}, account)
    assert answer["id"] == answer["region"] == "eu-west-1"
    assert all(name.startswith("eu-west-1") for name in answer["names"])


def test_a_price_without_a_zone_is_ambiguous(account: Account) -> None:
    with pytest.raises(BerthError, match="multiple EC2 Spot Price"):
        functions.call("aws:ec2/getSpotPrice:getSpotPrice", {"instanceType": "g4dn.xlarge"}, account)


def test_what_a_region_is_called(empty: Account) -> None:
    answer = functions.call("aws:index/getRegion:getRegion", {"region": "eu-west-1"}, empty)
    assert answer["description"] == "Europe (Ireland)"
    assert answer["endpoint"] == "ec2.eu-west-1.amazonaws.com"
    with pytest.raises(BerthError, match="region not found"):
        functions.call("aws:index/getRegion:getRegion", {"name": "moon-1"}, empty)


def test_the_accelerator_of_an_instance_type(account: Account) -> None:
    answer = functions.call(
        "aws:ec2/getInstanceType:getInstanceType", {"instanceType": "g4dn.xlarge"}, account
    )
    assert answer["gpuses"] == [{"count": 1, "manufacturer": "NVIDIA", "memorySize": 16384, "name": "T4"}]
    assert (answer["defaultVcpus"], answer["memorySize"]) == (4, 16384)
