"""Buckets, objects, policies and secrets: what the lives of all types leave out."""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from aws_plugin import AbortedError, AwsPlugin, Made

from rehearsal.providers.aws.documents import kept, same_json, texts
from rehearsal.providers.plugin.values import UNKNOWN, Secret

BUCKET = "aws:s3/bucket:Bucket"
OBJECT = "aws:s3/bucketObjectv2:BucketObjectv2"
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["sts:AssumeRole"]}]}
LIST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}],
}
ASSET = {"4dabf18193072939515e22adb298388d": "c44067f5952c0a294b673a41bacd8c17", "hash": "0"}


def client(account: str, service: str) -> Any:
    return boto3.client(service, endpoint_url=account, region_name="us-east-1")


@pytest.fixture
def plugin(account: str) -> AwsPlugin:
    return AwsPlugin(region="us-east-1")


@pytest.fixture
def bucket(plugin: AwsPlugin, request: pytest.FixtureRequest) -> Any:
    made = plugin.up(BUCKET, {"bucket": f"berth-{id(request)}", "forceDestroy": True})
    yield made
    plugin.delete(made)


def test_a_forced_bucket_goes_with_every_version(plugin: AwsPlugin, account: str) -> None:
    made = plugin.up(BUCKET, {"bucket": "berth-full", "forceDestroy": True})
    setting = {"bucket": made.id, "versioningConfiguration": {"status": "Enabled"}}
    plugin.up("aws:s3/bucketVersioning:BucketVersioning", setting)
    s3 = client(account, "s3")
    for body in (b"1", b"2"):
        s3.put_object(Bucket=made.id, Key="runs/a", Body=body)
    s3.delete_object(Bucket=made.id, Key="runs/a")
    s3.create_multipart_upload(Bucket=made.id, Key="runs/b")
    plugin.delete(made)
    assert plugin.read(made) is None


def test_a_bucket_that_holds_something_stays_unless_forced(plugin: AwsPlugin, account: str) -> None:
    made = plugin.up(BUCKET, {"bucket": "berth-kept"})
    s3 = client(account, "s3")
    s3.put_object(Bucket=made.id, Key="a", Body=b"1")
    with pytest.raises(AbortedError, match="BucketNotEmpty"):
        plugin.delete(made)
    s3.delete_object(Bucket=made.id, Key="a")
    plugin.delete(made)


def test_content_changed_outside_is_put_back(plugin: AwsPlugin, account: str, bucket: Made) -> None:
    program = {"bucket": bucket.id, "key": "a", "content": "ours"}
    made = plugin.up(OBJECT, program)
    client(account, "s3").put_object(Bucket=bucket.id, Key="a", Body=b"theirs")
    seen = plugin.read(made)
    assert seen is not None
    news = plugin.check(OBJECT, program, seen.inputs)
    assert "content" in plugin.diff(seen, news).paths
    mended = plugin.update(seen, news)
    assert client(account, "s3").get_object(Bucket=bucket.id, Key="a")["Body"].read() == b"ours"
    assert mended.outputs["etag"] == made.outputs["etag"]


@pytest.mark.parametrize("kind", ["path", "text"])
def test_an_object_is_made_of_a_file_or_text(
    kind: str, plugin: AwsPlugin, account: str, bucket: Made, tmp_path: Path
) -> None:
    (tmp_path / "model").write_bytes(b"weights")
    source = {**ASSET, **({"path": str(tmp_path / "model")} if kind == "path" else {"text": "weights"})}
    plugin.up(OBJECT, {"bucket": bucket.id, "key": "m", "source": source})
    assert client(account, "s3").get_object(Bucket=bucket.id, Key="m")["Body"].read() == b"weights"


def test_a_deleted_object_leaves_no_version(plugin: AwsPlugin, account: str, bucket: Made) -> None:
    setting = {"bucket": bucket.id, "versioningConfiguration": {"status": "Enabled"}}
    plugin.up("aws:s3/bucketVersioning:BucketVersioning", setting)
    made = plugin.up(OBJECT, {"bucket": bucket.id, "key": "a", "content": "1"})
    plugin.update(made, plugin.check(OBJECT, {"bucket": bucket.id, "key": "a", "content": "2"}, made.inputs))
    other = plugin.up(OBJECT, {"bucket": bucket.id, "key": "ab", "content": "1"}, name="other")
    plugin.delete(made)
    found = client(account, "s3").list_object_versions(Bucket=bucket.id)
    assert {one["Key"] for one in found["Versions"]} == {"ab"}
    assert "DeleteMarkers" not in found
    plugin.delete(other)


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        ({"bucket": "b", "key": "k", "content": "1", "contentBase64": "MQ=="}, "contentBase64: conflicts"),
        ({"bucket": "b", "content": "1"}, "key: is needed"),
        ({"bucket": "b", "key": "/k", "content": "1"}, "key: must not begin"),
    ],
)
def test_objects_that_are_refused(inputs: dict[str, Any], problem: str, plugin: AwsPlugin) -> None:
    assert any(problem in failure for failure in plugin.failures(OBJECT, inputs))


def test_a_policy_that_means_the_same_is_no_change(plugin: AwsPlugin) -> None:
    token = "aws:iam/role:Role"
    made = plugin.up(token, {"assumeRolePolicy": json.dumps(TRUST)})
    statement = {"Action": "sts:AssumeRole", "Effect": "Allow"}
    other = {"Statement": statement, "Version": "2012-10-17"}
    news = plugin.check(token, {"assumeRolePolicy": json.dumps(other, indent=2)}, made.inputs)
    assert plugin.diff(made, news).paths == {}
    statement["Effect"] = "Deny"
    news = plugin.check(token, {"assumeRolePolicy": json.dumps(other)}, made.inputs)
    assert plugin.diff(made, news).paths == {"assumeRolePolicy": "UPDATE"}
    plugin.delete(made)


def test_a_policy_changed_outside_is_put_back(plugin: AwsPlugin, account: str) -> None:
    token = "aws:iam/role:Role"
    program = {"assumeRolePolicy": json.dumps(TRUST)}
    made = plugin.up(token, program)
    changed = json.dumps({**TRUST, "Statement": [{**TRUST["Statement"][0], "Effect": "Deny"}]})
    client(account, "iam").update_assume_role_policy(RoleName=made.id, PolicyDocument=changed)
    seen = plugin.read(made)
    assert seen is not None
    assert plugin.diff(seen, plugin.check(token, program, seen.inputs)).paths == {
        "assumeRolePolicy": "UPDATE"
    }
    plugin.delete(made)


def test_a_secret_parameter_is_secret_in_the_state(plugin: AwsPlugin) -> None:
    token = "aws:ssm/parameter:Parameter"
    made = plugin.up(token, {"name": "/x", "type": "SecureString", "value": Secret("s3cret")})
    assert made.outputs["value"] == Secret("s3cret")
    seen = plugin.read(made)
    assert seen is not None
    assert seen.outputs["value"] == seen.inputs["value"] == Secret("s3cret")
    plugin.delete(made)


def test_an_older_version_makes_room_for_a_new_one(plugin: AwsPlugin, account: str) -> None:
    def policy(number: int) -> str:
        statement = {"Effect": "Allow", "Action": "s3:*", "Resource": f"arn:aws:s3:::b{number}"}
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    token = "aws:iam/policy:Policy"
    made = plugin.up(token, {"policy": policy(0)})
    for number in range(1, 7):
        news = plugin.check(token, {"policy": policy(number)}, made.inputs)
        made = plugin.update(made, news)
    assert len(client(account, "iam").list_policy_versions(PolicyArn=made.id)["Versions"]) <= 5
    plugin.delete(made)


def test_a_role_in_use_elsewhere_can_be_forced(plugin: AwsPlugin, account: str) -> None:
    made = plugin.up("aws:iam/role:Role", {"assumeRolePolicy": TRUST, "forceDetachPolicies": True})
    iam = client(account, "iam")
    iam.put_role_policy(RoleName=made.id, PolicyName="theirs", PolicyDocument=json.dumps(LIST))
    iam.create_instance_profile(InstanceProfileName="theirs")
    iam.add_role_to_instance_profile(InstanceProfileName="theirs", RoleName=made.id)
    plugin.delete(made)
    assert iam.get_instance_profile(InstanceProfileName="theirs")["InstanceProfile"]["Roles"] == []
    iam.delete_instance_profile(InstanceProfileName="theirs")


def test_a_member_that_somebody_else_brought_is_found_by_a_refresh(plugin: AwsPlugin, account: str) -> None:
    group = plugin.up("aws:iam/group:Group", {"name": "crew"}, "group")
    users = [plugin.up("aws:iam/user:User", {"name": name}, name) for name in ("ann", "ben", "cho")]
    token, program = "aws:iam/groupMembership:GroupMembership", {"group": "crew", "users": ["ann", "ben"]}
    made = plugin.up(token, program)
    iam = client(account, "iam")
    iam.add_user_to_group(GroupName="crew", UserName="cho")
    seen = plugin.read(made)
    assert seen is not None
    news = plugin.check(token, program, seen.inputs)
    assert plugin.diff(seen, news).paths
    made = plugin.update(seen, news)
    assert {user["UserName"] for user in iam.get_group(GroupName="crew")["Users"]} == {"ann", "ben"}
    plugin.delete(made)
    assert iam.get_group(GroupName="crew")["Users"] == []
    for one in (*users, group):
        plugin.delete(one)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ('{"a": ["x", "y"]}', '{"a":["y","x"]}', True),
        ('{"a": ["x"]}', '{"a": "x"}', True),
        ('{"a": true}', '{"a": "true"}', True),
        ('{"a": "x"}', '{"a": "y"}', False),
        ("no json", "no json", True),
        ("no json", "{}", False),
    ],
)
def test_documents_are_compared_by_what_they_mean(one: str, other: str, same: bool) -> None:
    assert same_json(one, other) is same


def test_a_document_keeps_its_text_while_it_means_the_same() -> None:
    assert kept('{"a":  ["x"]}', {"a": "x"}) == '{"a":  ["x"]}'
    assert json.loads(kept('{"a": "x"}', {"a": "y"})) == {"a": "y"}


def test_documents_given_as_objects_become_text() -> None:
    normalise = texts("policy")
    assert normalise({"policy": {"a": 1}, "other": {"b": 2}}) == {"policy": '{"a": 1}', "other": {"b": 2}}
    assert normalise({"policy": Secret({"a": 1})}) == {"policy": Secret('{"a": 1}')}
    assert normalise({"policy": {"a": UNKNOWN}}) == {"policy": {"a": UNKNOWN}}
