"""prowler on an emulated account with mistakes planted in it: that the grader sees what it should."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import emulated_account
import pytest
from running import Finding, exceptions, judged, prowler

pytestmark = pytest.mark.rehearsal  # it takes minutes

KEY, SECRET = "AKIAABCDEFGHIJKLMNOP", "secret"
PLANTED = {
    "ec2_securitygroup_allow_ingress_from_internet_to_tcp_port_22": "open group",
    "ec2_ebs_volume_encryption": "plain volume",
    "ec2_instance_imdsv2_enabled": "instance with version 1 of the metadata service",
    "s3_bucket_public_access": "public bucket",
    "ecr_repositories_scan_images_on_push_enabled": "repository that is not scanned",
    "vpc_flow_logs_enabled": "network without flow logs",
}


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An account of the test's own."""
    with emulated_account.running(tmp_path_factory.mktemp("account")) as account:
        yield account.endpoint


def plant(endpoint: str) -> None:
    def client(service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
        )

    ec2, s3 = client("ec2"), client("s3")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24", AvailabilityZone="us-east-1a")["Subnet"][
        "SubnetId"
    ]
    group = ec2.create_security_group(GroupName="open", Description="open", VpcId=vpc)["GroupId"]
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    image = ec2.describe_images(Owners=["136693071363"])["Images"][0]["ImageId"]
    ec2.run_instances(
        ImageId=image,
        InstanceType="t3.nano",
        MinCount=1,
        MaxCount=1,
        SubnetId=subnet,
        SecurityGroupIds=[group],
    )
    s3.create_bucket(Bucket="public")
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::public/*",
    }
    s3.put_bucket_policy(
        Bucket="public", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    client("ecr").create_repository(repositoryName="unscanned")


@pytest.fixture(scope="module")
def found(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> list[Finding]:
    plant(endpoint)
    return prowler(endpoint, KEY, SECRET, tmp_path_factory.mktemp("prowler"))


@pytest.mark.parametrize("check", sorted(PLANTED))
def test_a_planted_mistake_is_found(found: list[Finding], check: str) -> None:
    assert check in {one.check for one in found}, f"not seen: {PLANTED[check]}"


def test_what_is_the_accounts_own_is_excepted_and_the_mistakes_are_not(found: list[Finding]) -> None:
    remaining, _ = judged(found, exceptions("prowler"))
    assert set(PLANTED) <= {one.check for one in remaining}
