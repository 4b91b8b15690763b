import json
import socket
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from account_samples import Network
from botocore.config import Config
from botocore.exceptions import ClientError

from rehearsal import ca
from rehearsal.clouds.aws import inventory, settings
from rehearsal.clouds.aws.account import Account
from rehearsal.clouds.aws.emulator import backends
from rehearsal.clouds.aws.front import Front
from rehearsal.clouds.aws.names import NAMES
from rehearsal.clouds.aws.server import Server, server_context
from rehearsal.clouds.aws.settings import Settings
from rehearsal.paths import Paths

Client = Callable[[str], Any]
KEY = "AKIAABCDEFGHIJKLMNOP"
# moto says that a common error is not in a service's own list.
pytestmark = pytest.mark.filterwarnings("ignore:Exception.AwsError")


def get(url: str) -> Any:
    with urllib.request.urlopen(url) as reply:
        return json.load(reply)


def post(url: str, content: Any) -> Any:
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(content).encode())) as reply:
        return json.load(reply)


def signed(endpoint: str, service: str, key: str, token: str | None = None) -> Any:
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key="secret",
        aws_session_token=token,
    )


def test_health_tells_changes_from_reads(account: Account, endpoint: str) -> None:
    before = get(f"{endpoint}/_berth/health")
    ec2 = signed(endpoint, "ec2", KEY)
    ec2.describe_vpcs()
    assert get(f"{endpoint}/_berth/health") == before
    ec2.create_vpc(CidrBlock="10.0.0.0/16")
    after = get(f"{endpoint}/_berth/health")
    assert after["generation"] > before["generation"]
    assert after["incarnation"] == before["incarnation"]
    post(f"{endpoint}/_berth/reset", {})
    assert get(f"{endpoint}/_berth/health")["incarnation"] != before["incarnation"]


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("ec2", "describe_vpcs", "AuthFailure"),
        ("sts", "get_caller_identity", "InvalidClientTokenId"),
        ("ecr", "describe_repositories", "UnrecognizedClientException"),
        ("s3", "list_buckets", "InvalidAccessKeyId"),
    ],
)
def test_unknown_keys_are_refused_as_each_service_does(
    endpoint: str, service: str, operation: str, code: str
) -> None:
    settings.use(Settings(access_keys={KEY: "secret"}))
    known = getattr(signed(endpoint, service, KEY), operation)()
    assert known.get("Arn", ":user/berth-rehearsal").endswith(":user/berth-rehearsal")
    with pytest.raises(ClientError, match=code):
        getattr(signed(endpoint, service, "AKIA0000000000000000"), operation)()


def test_a_machine_has_its_roles_credentials_until_they_end(
    endpoint: str, client: Client, image: str
) -> None:
    settings.use(Settings(access_keys={KEY: "secret"}))
    iam = client("iam")
    iam.create_role(RoleName="machine", AssumeRolePolicyDocument='{"Version":"2012-10-17","Statement":[]}')
    iam.create_instance_profile(InstanceProfileName="machine")
    iam.add_role_to_instance_profile(InstanceProfileName="machine", RoleName="machine")
    run = {"ImageId": image, "InstanceType": "t3.nano", "MinCount": 1, "MaxCount": 1}
    ec2 = client("ec2")
    with_role, without = (
        ec2.run_instances(**run, **more)["Instances"][0]["InstanceId"]
        for more in ({"IamInstanceProfile": {"Name": "machine"}}, {})
    )
    assert post(f"{endpoint}/_berth/role-credentials", {"instance_id": without})["credentials"] is None
    answer = post(f"{endpoint}/_berth/role-credentials", {"instance_id": with_role})
    issued = answer["credentials"]
    assert answer["role"] == "machine"
    sts = signed(endpoint, "sts", issued["AccessKeyId"], issued["Token"])
    assert sts.get_caller_identity()["Arn"].endswith(f":assumed-role/machine/{with_role}")
    with backends() as backend:
        session = backend("sts").get_assumed_role_from_access_key(issued["AccessKeyId"])
        session.expiration -= timedelta(days=1)
    with pytest.raises(ClientError, match="ExpiredToken"):
        sts.get_caller_identity()


def test_a_role_that_is_too_narrow_is_told(endpoint: str, client: Client, image: str) -> None:
    iam, s3 = client("iam"), client("s3")
    s3.create_bucket(Bucket="data")
    iam.create_role(RoleName="machine", AssumeRolePolicyDocument='{"Version":"2012-10-17","Statement":[]}')
    statement = {"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": "arn:aws:s3:::data/runs/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName="machine", PolicyName="data", PolicyDocument=policy)
    iam.create_instance_profile(InstanceProfileName="machine")
    iam.add_role_to_instance_profile(InstanceProfileName="machine", RoleName="machine")
    request = {"ImageId": image, "InstanceType": "t3.nano", "MinCount": 1, "MaxCount": 1}
    made = client("ec2").run_instances(**request, IamInstanceProfile={"Name": "machine"})
    number = made["Instances"][0]["InstanceId"]
    issued = post(f"{endpoint}/_berth/role-credentials", {"instance_id": number})["credentials"]
    machine = signed(endpoint, "s3", issued["AccessKeyId"], issued["Token"])
    machine.put_object(Bucket="data", Key="runs/1", Body=b"1")
    assert get(f"{endpoint}/_berth/denials") == []
    machine.get_object(Bucket="data", Key="runs/1")
    machine.put_object(Bucket="data", Key="other", Body=b"1")
    assert get(f"{endpoint}/_berth/denials") == [
        {"action": "s3:GetObject", "resource": "arn:aws:s3:::data/runs/1", "role": "machine"},
        {"action": "s3:PutObject", "resource": "arn:aws:s3:::data/other", "role": "machine"},
    ]


def test_the_inventory_tells_what_is_left(account: Account, client: Client, network: Network) -> None:
    ec2, s3 = client("ec2"), client("s3")
    before = inventory.take(account.clients.get)
    assert before == inventory.take(account.clients.get), "looking changes nothing, and the order is stable"
    s3.create_bucket(Bucket="data")
    s3.put_bucket_versioning(Bucket="data", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="data", Key="a", Body=b"1")
    s3.delete_object(Bucket="data", Key="a")
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1, Encrypted=True)["VolumeId"]
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "203.0.113.7/32"}]}
    ec2.authorize_security_group_ingress(GroupId=network.group, IpPermissions=[rule])
    after = inventory.take(account.clients.get)
    kinds = sorted(row["kind"] for row in after if row not in before)
    assert kinds == ["Buckets", "DeleteMarkers", "Objects", "SecurityGroups", "Volumes"]
    ec2.revoke_security_group_ingress(GroupId=network.group, IpPermissions=[rule])
    listed = ec2.create_managed_prefix_list(PrefixListName="own", MaxEntries=1, AddressFamily="IPv4")
    ec2.delete_managed_prefix_list(PrefixListId=listed["PrefixList"]["PrefixListId"])
    ec2.delete_volume(VolumeId=volume)
    versions = s3.list_object_versions(Bucket="data")
    for version in [*versions["Versions"], *versions["DeleteMarkers"]]:
        s3.delete_object(Bucket="data", Key="a", VersionId=version["VersionId"])
    s3.delete_bucket(Bucket="data")
    assert inventory.take(account.clients.get) == before


def test_own_address_and_images_and_wrong_paths(endpoint: str, image: str, tmp_path: Path) -> None:
    def address() -> str:
        with urllib.request.urlopen(f"{endpoint}/_berth/checkip") as reply:
            return str(reply.read().decode())

    assert address() == "203.0.113.7\n"
    settings.use(Settings(run=tmp_path))
    (tmp_path / "own-address").write_text("203.0.113.8\n")
    assert address() == "203.0.113.8\n"
    assert get(f"{endpoint}/_berth/images/{image}")["disk"] == "debian-13"
    for path, status in (("images/ami-0", 404), ("nothing", 404)):
        with pytest.raises(urllib.error.HTTPError) as caught:
            get(f"{endpoint}/_berth/{path}")
        assert caught.value.code == status
    with pytest.raises(urllib.error.HTTPError) as caught:
        post(f"{endpoint}/_berth/faults", [{"class": "flood"}])
    assert "class is one of" in caught.value.read().decode()


def test_what_nobody_has_is_said(endpoint: str) -> None:
    with pytest.raises(ClientError, match="NotEmulated"):
        signed(endpoint, "ec2", KEY).describe_fast_launch_images()


def test_a_bug_is_answered_in_the_protocol(
    endpoint: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise AttributeError("a bug")

    with backends() as backend:
        monkeypatch.setattr(backend("ec2"), "describe_vpcs", broken)
    with pytest.raises(ClientError, match="InternalError"):
        boto3.client(
            "ec2",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id=KEY,
            aws_secret_access_key="secret",
            config=Config(retries={"total_max_attempts": 1}),
        ).describe_vpcs()
    assert "a bug" in capsys.readouterr().err


@pytest.fixture
def front(account: Account, tmp_path: Path) -> Iterator[tuple[str, ssl.SSLContext]]:
    paths = Paths(cache=tmp_path / "cache", state=tmp_path / "state", run=tmp_path / "run").create()
    certificate, key = ca.issue(paths, "aws", dns=NAMES)
    server = Server("127.0.0.1", 0, Front(account), server_context(str(certificate), str(key)))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"127.0.0.1:{server.server_port}", ssl.create_default_context(cafile=str(ca.ensure_ca(paths)))
    server.shutdown()
    server.server_close()


def ask(front: tuple[str, ssl.SSLContext], host: str, path: str = "/") -> tuple[int, bytes]:
    address, trust = front
    name, port = address.split(":")
    with (
        socket.create_connection((name, int(port)), timeout=10) as plain,
        trust.wrap_socket(plain, server_hostname=host) as secured,
    ):
        secured.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: secured.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def test_the_front_routes_by_host(front: tuple[str, ssl.SSLContext], client: Client, tmp_path: Path) -> None:
    settings.use(Settings(sources=tmp_path / "sources"))
    file = tmp_path / "sources" / "nvidia.github.io" / "libnvidia-container" / "gpgkey"
    file.parent.mkdir(parents=True)
    file.write_text("key")
    (tmp_path / "secret").write_text("no")
    client("s3").create_bucket(Bucket="shown")
    client("s3").put_object(Bucket="shown", Key="a", Body=b"object", ACL="public-read")
    assert ask(front, "nvidia.github.io", "/libnvidia-container/gpgkey") == (200, b"key")
    assert ask(front, "nvidia.github.io", "/other")[0] == 404
    assert ask(front, "nvidia.github.io", "/../../secret")[0] == 404
    assert ask(front, "checkip.amazonaws.com") == (200, b"127.0.0.1\n")
    assert ask(front, "s3.us-east-1.amazonaws.com", "/shown/a") == (200, b"object")
    assert ask(front, "shown.s3.us-east-1.amazonaws.com", "/a") == (200, b"object")
    assert ask(front, "ec2.us-east-1.amazonaws.com", "/_berth/health")[0] != 200, (
        "machines administer nothing"
    )


def test_a_silent_client_stops_nobody(front: tuple[str, ssl.SSLContext]) -> None:
    name, port = front[0].split(":")
    with socket.create_connection((name, int(port))):
        assert ask(front, "checkip.amazonaws.com")[0] == 200
