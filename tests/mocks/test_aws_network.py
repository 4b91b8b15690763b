"""What the network of an environment on AWS declares: routes, gateways, endpoints, logs; nothing open."""

import json
from typing import Any

import pytest
from components import ACCOUNT, declare
from recorder import Recording

from infra.network.aws import AwsNetwork, AwsNetworkArgs

ZONES = ("us-east-1a", "us-east-1b")


def network(**changes: Any) -> Recording:
    values: dict[str, Any] = {
        "environment": "trial",
        "region": "us-east-1",
        "account_id": ACCOUNT,
        "cidr": "10.20.0.0/16",
        "zones": ZONES,
        "nat": "none",
        "flow_logs": "cloudwatch",
        **changes,
    }

    def make() -> dict[str, Any]:
        made = AwsNetwork("network", AwsNetworkArgs(**values))
        return {"public": made.public_subnets, "private": made.private_subnets, "nat": made.nat_addresses}

    return declare(make)


def routes(recording: Recording) -> dict[str, str]:
    """Route table to the gateway that leads everywhere."""
    return {
        one.inputs["routeTableId"]: one.inputs.get("gatewayId") or one.inputs["natGatewayId"]
        for one in recording.of("Route")
        if one.inputs["destinationCidrBlock"] == "0.0.0.0/0"
    }


def test_every_zone_has_a_public_and_a_private_subnet() -> None:
    outputs = network().outputs
    assert outputs["public"] == {zone: f"network-public-{zone}-id" for zone in ZONES}
    assert outputs["private"] == {zone: f"network-private-{zone}-id" for zone in ZONES}


def test_no_subnet_hands_out_public_addresses() -> None:
    assert all(one.inputs["mapPublicIpOnLaunch"] is False for one in network().of("Subnet"))


def test_the_default_security_group_is_closed() -> None:
    group = network().one("DefaultSecurityGroup").inputs
    assert (group["ingress"], group["egress"]) == ([], [])


def test_without_nat_only_public_subnets_lead_to_the_internet() -> None:
    recording = network(nat="none")
    assert routes(recording) == {"network-public-id": "network-internet-id"}
    assert recording.of("NatGateway") == recording.of("Eip") == []


def test_one_nat_gateway_serves_every_zone() -> None:
    recording = network(nat="one")
    assert {one.name for one in recording.of("NatGateway")} == {"network-nat-us-east-1a"}
    for zone in ZONES:
        assert routes(recording)[f"network-private-{zone}-id"] == "network-nat-us-east-1a-id"
    assert set(recording.outputs["nat"]) == {"us-east-1a"}


def test_a_nat_gateway_per_zone_keeps_traffic_in_its_zone() -> None:
    recording = network(nat="per-zone")
    for zone in ZONES:
        assert routes(recording)[f"network-private-{zone}-id"] == f"network-nat-{zone}-id"
        gateway = recording.one("NatGateway", zone).inputs
        assert gateway["subnetId"] == f"network-public-{zone}-id", "it has its own way out"


def test_a_zone_more_changes_nothing_that_is_there() -> None:
    few = {(one.type, one.name): one.inputs for one in network(nat="per-zone").resources}
    more = network(nat="per-zone", zones=("us-east-1c", *ZONES))
    many = {(one.type, one.name): one.inputs for one in more.resources}
    changed = {name for name, inputs in few.items() if many.get(name) != inputs}
    assert changed == {("aws:ec2/vpcEndpoint:VpcEndpoint", "network-endpoints-s3")}, "it learns a route table"


def test_s3_is_reached_inside_aws_from_every_subnet() -> None:
    endpoint = network().one("VpcEndpoint", "s3").inputs
    assert endpoint["vpcEndpointType"] == "Gateway"
    tables = {"network-public-id"} | {f"network-private-{zone}-id" for zone in ZONES}
    assert set(endpoint["routeTableIds"]) == tables


def test_without_nat_the_services_have_endpoints_for_the_vpc_alone() -> None:
    recording = network(nat="none")
    found = [
        one.inputs for one in recording.of("VpcEndpoint") if one.inputs["vpcEndpointType"] == "Interface"
    ]
    services = {one["serviceName"].removeprefix("com.amazonaws.us-east-1.") for one in found}
    assert services == {"ssm", "ssmmessages", "ec2messages", "ecr.api", "ecr.dkr"}
    assert all(one["privateDnsEnabled"] for one in found), "the services keep their own names"
    assert all(len(one["subnetIds"]) == len(ZONES) for one in found)
    rule = recording.one("SecurityGroupIngressRule").inputs
    assert (rule["cidrIpv4"], rule["fromPort"], rule["toPort"]) == ("10.20.0.0/16", 443, 443)


def test_with_nat_no_interface_endpoint_is_paid_for() -> None:
    recording = network(nat="one")
    assert [one.name for one in recording.of("VpcEndpoint")] == ["network-endpoints-s3"]
    assert recording.of("SecurityGroup") == []


def test_flow_logs_to_cloudwatch_may_write_to_their_group_and_nothing_else() -> None:
    recording = network(flow_logs="cloudwatch", retention_days=7)
    log = recording.one("FlowLog").inputs
    assert log["trafficType"] == "ALL"
    assert log["logDestination"].endswith("network-flow-logs-group")
    assert recording.one("LogGroup").inputs["retentionInDays"] == 7
    (write,) = json.loads(recording.one("RolePolicy").inputs["policy"])["Statement"]
    assert write["Resource"] == log["logDestination"] + ":*"
    assert "logs:CreateLogGroup" not in write["Action"], "a deleted group would come back"
    (trust,) = json.loads(recording.one("Role").inputs["assumeRolePolicy"])["Statement"]
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}


def test_flow_logs_to_a_bucket_need_no_role() -> None:
    recording = network(flow_logs="s3", log_bucket_arn="arn:aws:s3:::data")
    log = recording.one("FlowLog").inputs
    assert log["logDestination"] == "arn:aws:s3:::data"
    assert recording.of("Role") == recording.of("LogGroup") == []


def test_flow_logs_can_be_left_out() -> None:
    assert network(flow_logs="none").of("FlowLog") == []


@pytest.mark.parametrize("nat", ["none", "one", "per-zone"])
def test_everything_has_a_name_and_belongs_to_the_component(nat: str) -> None:
    for one in network(nat=nat).resources:
        if one.custom and "tags" in one.inputs:
            assert one.inputs["tags"]["Name"].startswith("trial-"), one.name
        assert one.name.startswith("network")
        assert one.parent.startswith("network") or one.name == "network", f"{one.name} hangs in the air"
