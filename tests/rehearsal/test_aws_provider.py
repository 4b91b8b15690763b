"""The stand-in for pulumi-aws in the hands of the real engine: a network and a machine, faults, mistakes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_trial import AwsTrial, inside
from emulated_account import EmulatedAccount, running

from rehearsal.paths import CHECKOUT, Paths, paths

pytestmark = pytest.mark.rehearsal

NETWORK = """
vpc = ec2.Vpc("net", cidr_block="10.30.0.0/16", tags={"Name": "net"})
subnet = ec2.Subnet("public", vpc_id=vpc.id, cidr_block="10.30.1.0/24", availability_zone="us-east-1a")
gateway = ec2.InternetGateway("gate", vpc_id=vpc.id)
table = ec2.RouteTable("table", vpc_id=vpc.id)
route = ec2.Route("out", route_table_id=table.id, destination_cidr_block="0.0.0.0/0", gateway_id=gateway.id)
ec2.RouteTableAssociation("public", subnet_id=subnet.id, route_table_id=table.id)
allowed = ec2.ManagedPrefixList("allowed", name="allowed", address_family="IPv4", max_entries=4,
                                entries=[{"cidr": "203.0.113.7/32"}])
group = ec2.SecurityGroup("group", vpc_id=vpc.id, description="a group")
"""
MACHINE = """
from pulumi_aws import vpc as rules
rules.SecurityGroupIngressRule("ssh", security_group_id=group.id, prefix_list_id=allowed.id,
                               ip_protocol="tcp", from_port=22, to_port=22)
image = ec2.get_ami(owners=["136693071363"], most_recent=True,
                    filters=[{"name": "name", "values": ["debian-13-amd64-*"]}])
machine = ec2.Instance("machine", ami=image.id, instance_type="t3.nano", subnet_id=subnet.id,
                       vpc_security_group_ids=[group.id], user_data="#!/bin/sh\\n",
                       root_block_device={"volume_type": "gp3", "volume_size": 8, "encrypted": True})
address = ec2.Eip("address", domain="vpc")
ec2.EipAssociation("address", allocation_id=address.id, instance_id=machine.id)
pulumi.export("address", address.public_ip)
"""
DEFAULTS = """
default = pulumi.ResourceOptions(provider=Provider("aws", region="us-east-1",
                                                   default_tags={"tags": {"owner": "OWNER"}}))
ec2.Vpc("net", cidr_block="10.30.0.0/16", tags={"Name": "net"}, opts=default)
"""
# Nothing listens there; the account gives a login for it all the same.
IMAGE = """
from infra.registry.publish import PublishedImage
PublishedImage("digits", source="docker-daemon:berth/train:x", repository="127.0.0.1:1/berth/train", tag="x",
               region="us-east-1")
"""


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatedAccount]:
    with running(tmp_path_factory.mktemp("account")) as emulated:
        yield emulated


@pytest.fixture(scope="module")
def environ(account: EmulatedAccount, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("rehearsal")
    return inside(Paths(cache=paths().cache, state=folder / "state", run=folder / "run"), account)


@pytest.fixture
def trial(tmp_path: Path, environ: dict[str, str], account: EmulatedAccount) -> Iterator[AwsTrial]:
    made = AwsTrial(tmp_path, environ, account)
    made.program()
    made.pulumi("stack", "init", "dev")
    made.pulumi("config", "set", "aws:region", "us-east-1")
    yield made
    account.faults([])
    made.program()
    made.pulumi("destroy", "--yes", "--skip-preview")
    made.pulumi("stack", "rm", "--yes", "dev")


def test_a_network_and_a_machine_come_and_go(trial: AwsTrial) -> None:
    before = trial.account.inventory()
    trial.program(NETWORK + MACHINE)
    trial.up()
    trial.pulumi("preview", "--expect-no-changes")
    trial.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    trial.pulumi("preview", "--expect-no-changes")
    trial.program((NETWORK + MACHINE).replace("203.0.113.7/32", "203.0.113.8/32"))
    assert "1 updated" in trial.up(), "another address is one small change"
    trial.program(NETWORK)
    trial.up()
    trial.program()
    trial.up()
    assert trial.account.inventory() == before, "nothing is left"


def test_a_mistake_is_refused_in_the_preview(trial: AwsTrial) -> None:
    trial.program('ec2.Vpc("net", cidr_block="10.30.0.0/16", instance_tenancy="shared")')
    said = trial.pulumi("preview", fails=True)
    assert "instanceTenancy: expected one of default, dedicated; got 'shared'" in said
    trial.program('ec2.Instance("m", instance_type="t3.nano", root_block_device={"volume_size": "much"})')
    said = trial.pulumi("preview", fails=True)
    assert "rootBlockDevice.volumeSize: expected a whole number, got 'much'" in said
    trial.program('ec2.Vpc("net", ipv4_ipam_pool_id="pool")')
    assert "ipv4IpamPoolId: is not covered by the stand-in" in trial.pulumi("preview", fails=True)


def test_an_image_that_cannot_be_published_is_said_without_a_traceback(trial: AwsTrial) -> None:
    trial.environ["PYTHONPATH"] = str(CHECKOUT)
    trial.program(IMAGE)
    trial.pulumi("preview")
    said = trial.up(fails=True)
    assert "127.0.0.1:1 cannot be reached: " in said
    assert "Traceback" not in said


def test_the_providers_tags_follow_its_settings(trial: AwsTrial) -> None:
    trial.program(DEFAULTS.replace("OWNER", "me"))
    trial.up()
    assert trial.resources()["net"]["outputs"]["tagsAll"] == {"Name": "net", "owner": "me"}
    trial.program(DEFAULTS.replace("OWNER", "you"))
    assert "2 updated" in trial.up()
    found = trial.client("ec2").describe_vpcs(VpcIds=[trial.resources()["net"]["id"]])["Vpcs"][0]
    assert {"Key": "owner", "Value": "you"} in found["Tags"]


def test_what_exists_is_imported(trial: AwsTrial) -> None:
    theirs = trial.client("ec2").create_vpc(CidrBlock="10.31.0.0/16")["Vpc"]["VpcId"]
    imported = f'ec2.Vpc("t", cidr_block="10.31.0.0/16", opts=pulumi.ResourceOptions(import_="{theirs}"))'
    trial.program(imported)
    assert "1 imported" in trial.up()
    trial.program('ec2.Vpc("t", cidr_block="10.31.0.0/16")')
    trial.pulumi("preview", "--expect-no-changes")


def fault(name: str, operation: str, **how: Any) -> dict[str, Any]:
    return {"class": name, "service": "ec2", "operation": operation, **how}


@pytest.mark.parametrize(
    "rule",
    [
        fault("throttle", "*", probability=0.2, seed=1, times=40),
        fault("internal-error", "*", probability=0.2, seed=2, times=40),
        fault("timeout-after-commit", "Create*", nth=1, times=3),
        fault("timeout-after-commit", "AllocateAddress", nth=1, times=1),
        fault("timeout-after-commit", "RunInstances", nth=1, times=1),
        fault("connection-reset", "*", probability=0.1, seed=3, times=20),
        fault("late-consistency", "*", probability=0.3, seed=4, times=10),
        fault("DependencyViolation", "Delete*", nth=1, times=2),
    ],
    ids=lambda rule: f"{rule['class']}-{rule['operation']}",
)
def test_trouble_that_passes_is_overcome(trial: AwsTrial, rule: dict[str, Any]) -> None:
    before = trial.account.inventory()
    trial.account.faults([rule])
    trial.program(NETWORK + MACHINE)
    trial.up()
    trial.program()
    trial.up()
    trial.account.faults([])
    assert trial.account.inventory() == before, "nothing was made twice, nothing is left"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("InsufficientInstanceCapacity", "Allow more instance types or zones"),
        ("VcpuLimitExceeded", "quota of vCPUs is used up"),
        ("expired-credentials", "Renew them"),
    ],
)
def test_trouble_that_stays_is_named(trial: AwsTrial, code: str, said: str) -> None:
    trial.program(NETWORK)
    trial.up()
    trial.account.faults([fault(code, "RunInstances", nth=1, times=99)])
    trial.program(NETWORK + MACHINE)
    output = trial.up(fails=True)
    assert said in output
    assert "ec2:RunInstances failed" in output
    assert "Traceback" not in output


def test_the_real_aws_is_not_touched(trial: AwsTrial) -> None:
    trial.program('ec2.Vpc("net", cidr_block="10.30.0.0/16")')
    for url in ("", "https://ec2.us-east-1.amazonaws.com"):
        output = trial.pulumi("up", "--yes", "--skip-preview", fails=True, AWS_ENDPOINT_URL=url)
        assert "the stand-in for pulumi-aws" in output
