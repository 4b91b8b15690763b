"""An emulated account with one of everything that the functions look up."""

from collections.abc import Iterator

import pytest
from emulated_clients import Clients
from moto import mock_aws

IMAGE = {"Architecture": "x86_64", "RootDeviceName": "/dev/xvda", "VirtualizationType": "hvm"}


@pytest.fixture(scope="module")
def clients() -> Iterator[Clients]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        with mock_aws():
            yield Clients()


@pytest.fixture(scope="module")
def account(clients: Clients) -> Clients:
    """`clients`, with things to find."""
    ec2 = clients.client("ec2")
    mapping = [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8}}]
    for name in ("berth-2026-01", "berth-2026-02", "other"):
        ec2.register_image(Name=name, BlockDeviceMappings=mapping, **IMAGE)
    clients.client("s3").create_bucket(Bucket="berth-bucket")
    key = clients.client("kms").create_key(Description="berth")["KeyMetadata"]["KeyId"]
    clients.client("kms").create_alias(AliasName="alias/berth", TargetKeyId=key)
    ssm = clients.client("ssm")
    ssm.put_parameter(Name="/berth/image", Value="ami-1", Type="String")
    ssm.put_parameter(Name="/berth/secret", Value="s3cret", Type="SecureString")
    ec2.create_managed_prefix_list(
        PrefixListName="berth",
        MaxEntries=3,
        AddressFamily="IPv4",
        Entries=[{"Cidr": "203.0.113.7/32", "Description": "home"}],
    )
    return clients
