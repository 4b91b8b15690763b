"""An emulated account with one of everything that the functions look up."""

from collections.abc import Iterator

import pytest
from moto.server import ThreadedMotoServer

from rehearsal.providers.aws.account import Account, Settings

IMAGE = {"Architecture": "x86_64", "RootDeviceName": "/dev/xvda", "VirtualizationType": "hvm"}


@pytest.fixture(scope="session")
def empty() -> Iterator[Account]:
    """An account as it is when new."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        yield Account(Settings(region="us-east-1", access_key="test", secret_key="test"))
    server.stop()


@pytest.fixture(scope="session")
def account(empty: Account) -> Account:
    """With things to find."""
    ec2 = empty.client("ec2")
    mapping = [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8}}]
    for name in ("berth-2026-01", "berth-2026-02", "other"):
        ec2.register_image(Name=name, BlockDeviceMappings=mapping, **IMAGE)
    empty.client("s3").create_bucket(Bucket="berth-bucket")
    key = empty.client("kms").create_key(Description="berth")["KeyMetadata"]["KeyId"]
    empty.client("kms").create_alias(AliasName="alias/berth", TargetKeyId=key)
    ssm = empty.client("ssm")
    ssm.put_parameter(Name="/berth/image", Value="ami-1", Type="String")
    ssm.put_parameter(Name="/berth/secret", Value="s3cret", Type="SecureString")
    ec2.create_managed_prefix_list(
        PrefixListName="berth",
        MaxEntries=3,
        AddressFamily="IPv4",
        Entries=[{"Cidr": "203.0.113.7/32", "Description": "home"}],
    )
    return empty
