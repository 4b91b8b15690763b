"""What is found in an account, by type; and the whole of it, from the state to the state."""

from pathlib import Path
from typing import Any

import boto3
import pytest
from interrupted import REGION, Engine, deployment, resource

from scripts.berth import pending

TAGS = {"Name": "dev-net", "berth:environment": "dev"}
POLICY = '{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}'


def client(service: str) -> Any:
    return boto3.client(service, REGION)


def specification(kind: str, tags: dict[str, str] = TAGS) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]


def vpc(tags: dict[str, str] = TAGS, cidr: str = "10.30.0.0/16") -> str:
    made = client("ec2").create_vpc(CidrBlock=cidr, TagSpecifications=specification("vpc", tags))
    return str(made["Vpc"]["VpcId"])


def resolved(
    engine: Engine, kind: str, inputs: dict[str, Any], *known: dict[str, Any]
) -> tuple[list[str], str]:
    """Ids of this type in the state afterwards, and what was said."""
    said: list[str] = []
    engine.given.append(deployment(*known, creating=[resource(kind, "it", inputs)]))
    assert pending.resolve(engine, "dev", said.append) == 1
    after = engine.given[-1]["deployment"]
    assert after["pending_operations"] == []
    return [one["id"] for one in after["resources"] if one["type"] == kind], "\n".join(said)


def test_a_vpc_is_known_by_its_range_and_all_its_tags(engine: Engine) -> None:
    vpc({"Name": "dev-net"})
    vpc(cidr="10.31.0.0/16")
    wanted = {"cidrBlock": "10.30.0.0/16", "tags": TAGS}
    assert resolved(engine, "aws:ec2/vpc:Vpc", wanted)[0] == []
    made = vpc()
    ids, said = resolved(engine, "aws:ec2/vpc:Vpc", wanted)
    assert ids == [made]
    assert "1 had been done" in said
    (looked,) = [asked for asked in engine.asked if asked[0] == "refresh"]
    assert looked[-2:] == ("--target", "urn:pulumi:dev::berth::aws:ec2/vpc:Vpc::it")


def test_what_another_resource_of_the_state_is_does_not_count(engine: Engine) -> None:
    other = vpc()
    known = resource("aws:ec2/vpc:Vpc", "other", {}, id=other)
    wanted = {"cidrBlock": "10.30.0.0/16", "tags": TAGS}
    assert resolved(engine, "aws:ec2/vpc:Vpc", wanted, known)[0] == [other]
    second = vpc()
    assert resolved(engine, "aws:ec2/vpc:Vpc", wanted, known)[0] == [other, second]


def test_a_route_and_an_association_are_known_by_what_they_join(engine: Engine) -> None:
    ec2, net = client("ec2"), vpc()
    subnet = ec2.create_subnet(VpcId=net, CidrBlock="10.30.0.0/24", AvailabilityZone="us-east-1a")["Subnet"]
    table = ec2.create_route_table(VpcId=net)["RouteTable"]["RouteTableId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=net)
    route = {"routeTableId": table, "destinationCidrBlock": "0.0.0.0/0", "gatewayId": gateway}
    joined = {"routeTableId": table, "subnetId": subnet["SubnetId"]}
    association = "aws:ec2/routeTableAssociation:RouteTableAssociation"
    assert resolved(engine, "aws:ec2/route:Route", route)[0] == []
    assert resolved(engine, association, joined)[0] == []
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    made = ec2.associate_route_table(RouteTableId=table, SubnetId=subnet["SubnetId"])["AssociationId"]
    assert resolved(engine, "aws:ec2/route:Route", route)[0] == [f"{table}_0.0.0.0/0"]
    assert resolved(engine, "aws:ec2/route:Route", {**route, "gatewayId": "igw-other"})[0] == []
    assert resolved(engine, association, joined)[0] == [made]


def test_a_rule_is_known_by_direction_port_and_source(engine: Engine) -> None:
    ec2 = client("ec2")
    group = ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc())["GroupId"]
    permission = {
        "IpProtocol": "tcp",
        "FromPort": 443,
        "ToPort": 443,
        "IpRanges": [{"CidrIp": "203.0.113.7/32"}],
    }
    made = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
    rule = {"securityGroupId": group, "ipProtocol": "tcp", "fromPort": 443, "toPort": 443}
    wanted = {**rule, "cidrIpv4": "203.0.113.7/32"}
    ingress, egress = (
        f"aws:vpc/securityGroup{way}Rule:SecurityGroup{way}Rule" for way in ("Ingress", "Egress")
    )
    found = [one["SecurityGroupRuleId"] for one in made["SecurityGroupRules"]]
    assert resolved(engine, ingress, wanted)[0] == found
    assert resolved(engine, egress, wanted)[0] == []
    assert resolved(engine, ingress, {**wanted, "fromPort": 22, "toPort": 22})[0] == []


@pytest.mark.parametrize("own", [False, True])
def test_a_group_does_not_keep_the_rule_that_it_came_with(engine: Engine, *, own: bool) -> None:
    ec2, net = client("ec2"), vpc()
    tags = specification("security-group")
    group = ec2.create_security_group(GroupName="g", Description="g", VpcId=net, TagSpecifications=tags)
    wanted = {"name": "g", "vpcId": net, "tags": TAGS, **({"egress": []} if own else {})}
    assert resolved(engine, "aws:ec2/securityGroup:SecurityGroup", wanted)[0] == [group["GroupId"]]
    found = ec2.describe_security_groups(GroupIds=[group["GroupId"]])["SecurityGroups"][0]
    assert bool(found["IpPermissionsEgress"]) is own, "the update brings it in line with what is wanted"


def test_a_role_and_its_policy_are_known_by_name(engine: Engine) -> None:
    iam = client("iam")
    role, policy = {"name": "r", "tags": TAGS}, {"name": "p", "role": "r"}
    assert resolved(engine, "aws:iam/role:Role", role)[0] == []
    assert resolved(engine, "aws:iam/rolePolicy:RolePolicy", policy)[0] == []
    tags = [{"Key": key, "Value": value} for key, value in TAGS.items()]
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=POLICY, Tags=tags)
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=POLICY)
    assert resolved(engine, "aws:iam/role:Role", role)[0] == ["r"]
    assert resolved(engine, "aws:iam/rolePolicy:RolePolicy", policy)[0] == ["r:p"]


def test_somebody_elses_of_the_same_name_is_left_alone(engine: Engine) -> None:
    s3 = client("s3")
    wanted = {"bucket": "berth-dev", "tags": TAGS}
    assert resolved(engine, "aws:s3/bucket:Bucket", wanted)[0] == []
    s3.create_bucket(Bucket="berth-dev")
    assert resolved(engine, "aws:s3/bucket:Bucket", wanted)[0] == ["berth-dev"], "not tagged yet"
    s3.put_object(Bucket="berth-dev", Key="data", Body=b"theirs")
    assert resolved(engine, "aws:s3/bucket:Bucket", wanted)[0] == [], "what is being created is empty"
    theirs = {"TagSet": [{"Key": "berth:environment", "Value": "theirs"}]}
    s3.put_bucket_tagging(Bucket="berth-dev", Tagging=theirs)
    assert resolved(engine, "aws:s3/bucket:Bucket", wanted)[0] == []


def test_what_is_gone_is_not_there(engine: Engine) -> None:
    ec2 = client("ec2")
    subnet = ec2.create_subnet(VpcId=vpc(), CidrBlock="10.30.0.0/24", AvailabilityZone="us-east-1a")
    where = {"subnetId": subnet["Subnet"]["SubnetId"]}
    made = ec2.create_nat_gateway(
        SubnetId=where["subnetId"], TagSpecifications=specification("natgateway"), ConnectivityType="private"
    )["NatGateway"]["NatGatewayId"]
    wanted = {**where, "tags": TAGS}
    assert resolved(engine, "aws:ec2/natGateway:NatGateway", wanted)[0] == [made]
    ec2.delete_nat_gateway(NatGatewayId=made)
    assert resolved(engine, "aws:ec2/natGateway:NatGateway", wanted)[0] == []


def test_a_budget_is_known_by_account_and_name(engine: Engine) -> None:
    budget: dict[str, Any] = {"BudgetName": "b", "BudgetType": "COST", "TimeUnit": "MONTHLY"}
    budget |= {"BudgetLimit": {"Amount": "1", "Unit": "USD"}}
    client("budgets").create_budget(AccountId="123456789012", Budget=budget)
    assert resolved(engine, "aws:budgets/budget:Budget", {"name": "b"})[0] == ["123456789012:b"]


def test_what_cannot_be_looked_up_is_said(engine: Engine) -> None:
    ids, said = resolved(engine, "aws:eks/cluster:Cluster", {"name": "c"})
    assert ids == []
    assert "it (aws:eks/cluster:Cluster) may exist: `berth rehearse leaks` tells" in said


@pytest.mark.parametrize("there", [True, False])
def test_a_kubernetes_object_is_asked_for(engine: Engine, tmp_path: Path, *, there: bool) -> None:
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\n{"echo it" if there else "exit 1"}\n')
    kubectl.chmod(0o755)
    inputs = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "t", "namespace": "n"}}
    ids, _ = resolved(engine, "kubernetes:batch/v1:Job", inputs)
    assert ids == (["n/t"] if there else [])
    assert (tmp_path / "asked").read_text().strip() == "get Job.v1.batch t -o name --namespace n"


def test_a_repository_without_our_tags_is_left_alone(engine: Engine) -> None:
    ecr, kind = client("ecr"), "aws:ecr/repository:Repository"
    wanted = {"name": "berth-dev/train", "tags": TAGS}
    made = ecr.create_repository(repositoryName="berth-dev/train")["repository"]
    assert resolved(engine, kind, wanted)[0] == []
    tags = [{"Key": key, "Value": value} for key, value in TAGS.items()]
    ecr.tag_resource(resourceArn=made["repositoryArn"], tags=tags)
    assert resolved(engine, kind, wanted)[0] == ["berth-dev/train"]


@pytest.mark.parametrize("deployed", [True, False])
def test_a_helm_release_is_there_once_it_is_deployed(
    engine: Engine, tmp_path: Path, *, deployed: bool
) -> None:
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\n{"echo secret/x" if deployed else ""}\n')
    kubectl.chmod(0o755)
    ids, _ = resolved(engine, "kubernetes:helm.sh/v3:Release", {"name": "r", "namespace": "n"})
    assert ids == (["n/r"] if deployed else [])
    asked = (tmp_path / "asked").read_text().strip()
    assert asked == "get secrets -o name -l owner=helm,name=r,status=deployed --namespace n"


def test_a_state_without_pending_operations_is_left_alone(engine: Engine) -> None:
    engine.given.append(deployment())
    assert pending.resolve(engine, "dev", print) == 0
    assert pending.resolve(engine, "another", print) == 0
    assert {asked[:2] for asked in engine.asked} == {("stack", "ls"), ("stack", "export")}
