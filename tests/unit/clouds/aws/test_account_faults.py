from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from rehearsal.clouds.aws.account import Account

Client = Callable[[str], Any]
# moto says that a common error is not in a service's own list.
pytestmark = pytest.mark.filterwarnings("ignore:Exception.AwsError")


@pytest.fixture
def client(endpoint: str) -> Client:
    settings = Config(retries={"total_max_attempts": 1}, read_timeout=5)
    return lambda service: boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="AKIAABCDEFGHIJKLMNOP",
        aws_secret_access_key="secret",
        config=settings,
    )


def refusal(call: Callable[..., Any], **params: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    response: Any = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def vpcs(client: Client) -> int:
    return len(client("ec2").describe_vpcs(Filters=[{"Name": "cidr", "Values": ["10.0.0.0/16"]}])["Vpcs"])


@pytest.mark.parametrize(
    ("kind", "service", "operation", "code", "status"),
    [
        ("throttle", "ec2", "describe_vpcs", "RequestLimitExceeded", 503),
        ("throttle", "s3", "list_buckets", "SlowDown", 503),
        ("throttle", "iam", "list_users", "Throttling", 400),
        ("throttle", "ecr", "describe_repositories", "ThrottlingException", 400),
        ("internal-error", "ec2", "describe_vpcs", "InternalError", 500),
        ("internal-error", "sns", "list_topics", "InternalFailure", 500),
        ("expired-credentials", "ec2", "describe_vpcs", "RequestExpired", 400),
        ("expired-credentials", "sts", "get_caller_identity", "ExpiredToken", 403),
        ("expired-credentials", "budgets", "describe_budgets", "ExpiredTokenException", 400),
    ],
)
def test_each_service_says_a_fault_in_its_own_words(
    account: Account, client: Client, *, kind: str, service: str, operation: str, code: str, status: int
) -> None:
    account.faults.use([{"class": kind, "service": service}])
    params = {"AccountId": "123456789012"} if service == "budgets" else {}
    call = getattr(client(service), operation)
    assert refusal(call, **params) == (code, status)
    call(**params)
    assert [row["class"] for row in account.faults.done] == [kind], "once is once"


def test_timeout_after_commit_does_it_and_says_nothing(account: Account, client: Client) -> None:
    account.faults.use([{"class": "timeout-after-commit", "operation": "CreateVpc"}])
    with pytest.raises(ConnectionClosedError):
        client("ec2").create_vpc(CidrBlock="10.0.0.0/16")
    assert vpcs(client) == 1


def test_connection_reset_does_nothing(account: Account, client: Client) -> None:
    account.faults.use([{"class": "connection-reset", "operation": "CreateVpc"}])
    with pytest.raises(ConnectionClosedError):
        client("ec2").create_vpc(CidrBlock="10.0.0.0/16")
    assert vpcs(client) == 0


def test_a_token_makes_a_lost_answer_harmless(account: Account, client: Client, image: str) -> None:
    account.faults.use([{"class": "timeout-after-commit", "operation": "RunInstances"}])
    ec2 = client("ec2")
    request = {
        "ImageId": image,
        "InstanceType": "t3.nano",
        "MinCount": 1,
        "MaxCount": 1,
        "ClientToken": "once",
    }
    with pytest.raises(ConnectionClosedError):
        ec2.run_instances(**request)
    repeated = ec2.run_instances(**request)["Instances"][0]["InstanceId"]
    found = [row["Instances"][0]["InstanceId"] for row in ec2.describe_instances()["Reservations"]]
    assert found == [repeated]


def test_late_consistency_hides_a_new_thing_for_some_reads(account: Account, client: Client) -> None:
    account.faults.use([{"class": "late-consistency", "operation": "CreateVpc", "reads": 2}])
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    for _ in range(2):
        assert refusal(ec2.describe_vpcs, VpcIds=[vpc]) == ("InvalidVpcID.NotFound", 400)
    assert ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"]


def test_what_a_new_route_leads_to_has_been_there_for_long(account: Account, client: Client) -> None:
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    account.faults.use([{"class": "late-consistency", "operation": "CreateRoute", "reads": 2}])
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    assert ec2.describe_internet_gateways(InternetGatewayIds=[gateway])["InternetGateways"]


def test_what_is_only_read_or_was_made_before_stays_seen(account: Account, client: Client) -> None:
    ec2, iam = client("ec2"), client("iam")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24", AvailabilityZone="us-east-1a")["Subnet"][
        "SubnetId"
    ]
    iam.create_role(RoleName="old", AssumeRolePolicyDocument='{"Version":"2012-10-17","Statement":[]}')
    account.faults.use([{"class": "late-consistency", "service": "*", "operation": "*", "times": 9}])
    assert ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["VpcId"] == vpc
    assert ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"]
    iam.tag_role(RoleName="old", Tags=[{"Key": "a", "Value": "b"}])
    assert iam.get_role(RoleName="old")["Role"]["RoleName"] == "old"


def test_late_consistency_of_a_thing_known_by_name(account: Account, client: Client) -> None:
    account.faults.use([{"class": "late-consistency", "operation": "CreateRole", "reads": 1}])
    iam = client("iam")
    iam.create_role(RoleName="late", AssumeRolePolicyDocument='{"Version":"2012-10-17","Statement":[]}')
    assert refusal(iam.get_role, RoleName="late") == ("NoSuchEntity", 404)
    assert iam.get_role(RoleName="late")["Role"]["RoleName"] == "late"


def test_a_dependency_violation_clears_later(account: Account, client: Client) -> None:
    account.faults.use([{"class": "DependencyViolation", "operation": "DeleteVpc", "tries": 2}])
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    for _ in range(2):
        assert refusal(ec2.delete_vpc, VpcId=vpc)[0] == "DependencyViolation"
    ec2.delete_vpc(VpcId=vpc)
    assert vpcs(client) == 0


@pytest.mark.parametrize("kind", ["InsufficientInstanceCapacity", "VcpuLimitExceeded"])
def test_launches_are_refused(account: Account, client: Client, image: str, kind: str) -> None:
    account.faults.use([{"class": kind}])
    request = {"ImageId": image, "InstanceType": "t3.nano", "MinCount": 1, "MaxCount": 1}
    assert refusal(client("ec2").run_instances, **request)[0] == kind
    assert client("ec2").run_instances(**request)["Instances"]
