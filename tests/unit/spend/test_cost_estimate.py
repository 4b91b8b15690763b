"""What resources cost: the committed graphs' total, each type's own rules, and what is not known."""

from typing import Any

import pytest
from cost_samples import GROUP, TEMPLATE, committed, group, one, without

from infra.spend.estimate import Line, Priced, lines, money, total
from infra.spend.estimates import aws
from infra.spend.estimates.lines import UNKNOWN


def only(token: str, region: str = "us-east-1", **props: Any) -> Line:
    (line,) = lines([one(token, region, **props)])
    return line


def template(**ebs: Any) -> Priced:
    return one(TEMPLATE, id="lt-1", blockDeviceMappings=[{"ebs": {"volumeType": "gp3", **ebs}}])


@pytest.mark.parametrize(
    ("name", "hourly"),
    [
        # g4dn.xlarge as spot, NAT, 2 addresses, t3.nano; a month's 80 and 8 GiB, monitoring, 20 GB of images,
        # 10 GB in the bucket, one alarm.
        ("aws-vm", 0.2132 + 0.045 + 0.01 + 0.0052 + (88 * 0.08 + 2.1 + 2 + 0.23 + 0.1) / 730),
        # 3 NAT gateways with an address each, and a second alarm for the fallback, which has no machine yet.
        ("aws-vm-instance-connect-nat-per-zone", 0.2132 + 0.15 + (120 * 0.08 + 2.1 + 2 + 0.23 + 0.2) / 730),
        # 5 interface endpoints in two zones each instead of NAT.
        ("aws-vm-ssm-nat-none", 0.347 + 0.1 + (200 * 0.08 + 2.1 + 2 + 0.23 + 0.1) / 730),
        ("local", 0.0),
        ("local-shared-volume-gpus", 0.0),
    ],
)
def test_a_committed_environment_costs_what_its_parts_do(name: str, hourly: float) -> None:
    found = total(lines(committed(name)))
    assert found.unknown == (), "everything that the committed environments have has a price"
    assert found.hourly_usd == pytest.approx(hourly, rel=1e-6)
    assert found.monthly_usd == pytest.approx(730 * hourly, rel=1e-6)
    assert found.daily_usd == pytest.approx(24 * hourly, rel=1e-6)


def test_every_priced_line_of_an_environment_says_where_its_price_is_from() -> None:
    for line in lines(committed("aws-vm")):
        assert line.source.startswith("https://"), line
        assert line.hourly_usd is not None
        assert line.hourly_usd > 0 or line.unit, f"{line} is free without a reason"


def test_a_group_costs_its_cheapest_type_and_says_the_range() -> None:
    machine, disks = lines([group(["g4dn.4xlarge", "g4dn.xlarge"]), template(volumeSize=100)])
    assert machine.what == "T4 machine (g4dn.xlarge, spot)"
    assert machine.hourly_usd == 0.2132
    assert "up to $0.3909 as g4dn.4xlarge" in machine.assumption
    assert disks.hourly_usd == pytest.approx(100 * 0.08 / 730)


def test_a_spot_machine_costs_no_more_than_what_is_paid_at_most() -> None:
    machine, _ = lines([group(["g4dn.xlarge"], most="0.1"), template(volumeSize=8)])
    assert machine.hourly_usd == 0.1
    assert "never more than $0.10, which is under the last known price of $0.2132" in machine.assumption
    machine, _ = lines([group(["g4dn.xlarge"], most="0.5"), template(volumeSize=8)])
    assert (machine.hourly_usd, "never more than $0.50" in machine.assumption) == (0.2132, True)


@pytest.mark.parametrize(
    ("token", "props", "hourly"),
    [
        ("aws:ec2/instance:Instance", {}, 0.526),
        ("aws:ec2/instance:Instance", {"instanceMarketOptions": {"marketType": "spot"}}, 0.2132),
        ("aws:ec2/instance:Instance", {"instanceLifecycle": "spot"}, 0.2132),
        ("aws:ec2/spotInstanceRequest:SpotInstanceRequest", {}, 0.2132),
        ("aws:ec2/spotInstanceRequest:SpotInstanceRequest", {"spotPrice": "0.15"}, 0.15),
    ],
)
def test_a_single_machine_is_priced_by_its_market(token: str, props: dict[str, Any], hourly: float) -> None:
    assert only(token, instanceType="g4dn.xlarge", **props).hourly_usd == hourly


def test_machines_on_demand_cost_the_listed_price_times_their_number() -> None:
    machine, disks = lines([group(["g4dn.xlarge"], spot=False, desiredCapacity=3), template(volumeSize=50)])
    assert machine.what == "3 x T4 machine (g4dn.xlarge, on demand)"
    assert machine.hourly_usd == pytest.approx(3 * 0.526)
    assert disks.hourly_usd == pytest.approx(3 * 50 * 0.08 / 730)


def test_a_group_that_wants_no_machine_costs_nothing_now_and_says_what_one_would_cost() -> None:
    (line,) = lines([group(["g4dn.xlarge"], spot=False, desiredCapacity=None, minSize=0)])
    assert line.hourly_usd == 0.0
    assert line.assumption == "no machine is wanted now; $0.526 an hour for each that it starts"


def test_a_group_without_a_desired_size_wants_its_least() -> None:
    machine, *_ = lines([group(["g4dn.xlarge"], desiredCapacity=UNKNOWN, minSize=2), template(volumeSize=8)])
    assert machine.hourly_usd == pytest.approx(2 * 0.2132)


def test_the_launch_template_is_found_by_id_among_several() -> None:
    small = one(TEMPLATE, id="lt-1", blockDeviceMappings=[{"ebs": {"volumeSize": 10}}])
    large = one(TEMPLATE, id="lt-2", blockDeviceMappings=[{"ebs": {"volumeSize": 500}}])
    wanted = one(GROUP, launchTemplate={"id": "lt-2"}, desiredCapacity=1)
    *_, disks = lines([small, large, wanted])
    assert disks.hourly_usd == pytest.approx(500 * 0.08 / 730)


def test_which_of_several_launch_templates_is_not_guessed() -> None:
    several = [one(TEMPLATE, id=name, blockDeviceMappings=[{"ebs": {"volumeSize": 9}}]) for name in "ab"]
    machine, disks = lines([group(["g4dn.xlarge"]), *several])
    assert (machine.hourly_usd, disks.hourly_usd) == (0.2132, None)


def test_disks_of_a_launch_template_that_is_not_among_the_resources_are_unknown() -> None:
    found = lines([group(["g4dn.xlarge"])])
    assert [line.hourly_usd for line in found] == [0.2132, None]
    assert total(found).unknown == ("it",)
    assert total(found).hourly_usd == 0.2132, "what is known still counts"


def test_a_type_that_the_tables_lack_is_unknown_and_never_free() -> None:
    assert only("aws:ec2/instance:Instance", instanceType="u-6tb1.112xlarge").hourly_usd is None
    assert only("aws:ec2/instance:Instance", instanceType=UNKNOWN).hourly_usd is None
    assert only("aws:ec2/instance:Instance", "eu-north-1", instanceType="t3.nano").hourly_usd is None


def test_a_resource_of_an_unknown_kind_is_unknown_and_named() -> None:
    line = only("aws:redshift/cluster:Cluster")
    assert line.hourly_usd is None
    assert "aws:redshift/cluster:Cluster" in line.what


@pytest.mark.parametrize(
    "token",
    [
        "aws:iam/role:Role",
        "aws:budgets/budget:Budget",
        "aws:ec2/securityGroup:SecurityGroup",
        "aws:ec2/launchTemplate:LaunchTemplate",
        "berth:network:AwsNetwork",
        "pulumi:pulumi:Stack",
        "pulumi-python:dynamic/berth:Image",
    ],
)
def test_what_is_free_has_no_line(token: str) -> None:
    assert lines([one(token)]) == []


@pytest.mark.parametrize("token", sorted(aws.PRICED))
def test_nothing_fails_for_want_of_properties(token: str) -> None:
    keys = ("size", "instanceType", "mixedInstancesPolicy", "launchTemplate", "associatePublicIpAddress")
    for props in without(*keys):
        for line in lines([Priced(type=token, name="it", props=props)]):
            assert line.hourly_usd is None or line.hourly_usd >= 0


def test_a_gateway_endpoint_is_free_and_an_interface_one_is_paid_in_each_zone() -> None:
    assert lines([one("aws:ec2/vpcEndpoint:VpcEndpoint", vpcEndpointType="Gateway")]) == []
    line = only("aws:ec2/vpcEndpoint:VpcEndpoint", vpcEndpointType="Interface", subnetIds=["a", UNKNOWN, "c"])
    assert line.hourly_usd == pytest.approx(0.03)


@pytest.mark.parametrize(
    ("props", "month"),
    [
        ({"size": 100, "type": "gp3"}, 8.0),
        ({"size": 100, "type": "gp3", "iops": 4000, "throughput": 225}, 8.0 + 5 + 4),
        ({"size": 100, "type": "gp3", "iops": 3000, "throughput": 125}, 8.0),
        ({"size": 100, "type": "io2"}, None),
        ({"size": UNKNOWN, "type": "gp3"}, None),
    ],
)
def test_a_volume_is_paid_by_size_and_by_what_it_has_beyond_the_free_speed(
    props: dict[str, Any], month: float | None
) -> None:
    line = only("aws:ebs/volume:Volume", **props)
    assert line.hourly_usd == (None if month is None else pytest.approx(month / 730))


def test_a_bastion_s_own_address_is_not_counted_beside_its_elastic_one() -> None:
    machine = one(
        "aws:ec2/instance:Instance", id="i-1", instanceType="t3.nano", associatePublicIpAddress=True
    )
    bound = one("aws:ec2/eipAssociation:EipAssociation", instanceId="i-1")
    assert [line.what for line in lines([machine])] == ["machine (t3.nano, on demand)", "public address"]
    assert [line.what for line in lines([machine, bound])] == ["machine (t3.nano, on demand)"]


def test_the_price_of_another_region_is_said_to_be_one() -> None:
    assert only("aws:ec2/natGateway:NatGateway").assumption == ""
    assert only("aws:ec2/natGateway:NatGateway", "eu-west-1").assumption == "the price of us-east-1"


def test_a_resource_without_a_region_has_that_of_the_only_provider() -> None:
    provider = Priced(type="pulumi:providers:aws", name="aws", props={"region": "us-west-2"})
    nameless = Priced(type="aws:ec2/instance:Instance", name="it", props={"instanceType": "t3.nano"})
    assert lines([nameless])[0].hourly_usd is None
    assert lines([provider, nameless])[0].hourly_usd == 0.0052
    other = Priced(type="pulumi:providers:aws", name="b", props={"region": "eu-west-1"})
    assert lines([provider, other, nameless])[0].hourly_usd is None, "which of the two is not known"


def test_a_cluster_of_eks_costs_its_control_plane_and_its_nodes() -> None:
    nodes = one(
        "aws:eks/nodeGroup:NodeGroup",
        capacityType="SPOT",
        instanceTypes=["g6.xlarge"],
        scalingConfig={"desiredSize": 2, "maxSize": 4},
        diskSize=100,
    )
    plane, machines, disks = lines([one("aws:eks/cluster:Cluster"), nodes])
    assert plane.hourly_usd == 0.1
    assert "extended support" in plane.unit
    assert machines.what == "2 x L4 machine (g6.xlarge, spot)"
    assert machines.hourly_usd == pytest.approx(2 * 0.347)
    assert disks.hourly_usd == pytest.approx(2 * 100 * 0.08 / 730)


@pytest.mark.parametrize(
    ("token", "props", "hourly"),
    [
        ("aws:lb/loadBalancer:LoadBalancer", {"loadBalancerType": "network"}, 0.0225),
        ("aws:lb/loadBalancer:LoadBalancer", {}, 0.0225),
        ("aws:lb/loadBalancer:LoadBalancer", {"loadBalancerType": "gateway"}, None),
        ("aws:elb/loadBalancer:LoadBalancer", {}, 0.025),
        ("aws:kms/key:Key", {}, 1 / 730),
        ("aws:ebs/snapshot:Snapshot", {"volumeSize": 60}, 60 * 0.05 / 730),
        ("aws:ebs/snapshot:Snapshot", {}, None),
    ],
)
def test_what_clusters_and_leaks_have_is_priced(
    token: str, props: dict[str, Any], hourly: float | None
) -> None:
    assert only(token, **props).hourly_usd == (None if hourly is None else pytest.approx(hourly))


@pytest.mark.parametrize(
    ("usd", "shown"),
    [
        (0.0052, "$0.0052"),
        (0.5, "$0.50"),
        (0.045, "$0.045"),
        (21.957, "$21.96"),
        (0.0, "$0.00"),
        (3e-5, "$3e-05"),
    ],
)
def test_money_has_the_digits_that_matter(usd: float, shown: str) -> None:
    assert money(usd) == shown
