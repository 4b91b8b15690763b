"""The emulated account in this process, without sockets, emptied for each test."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from account_samples import Network

from rehearsal.clouds.aws import settings
from rehearsal.clouds.aws.account import Account
from rehearsal.clouds.aws.admin import Administration
from rehearsal.clouds.aws.groups import Reconciler
from rehearsal.clouds.aws.images import catalogue
from rehearsal.clouds.aws.server import Server
from rehearsal.clouds.aws.settings import Settings

REGION = "us-east-1"


@pytest.fixture(scope="session")
def shared_account() -> Account:
    return Account()


@pytest.fixture
def account(shared_account: Account) -> Iterator[Account]:
    settings.use(Settings())
    shared_account.reset()
    shared_account.faults.use([])
    yield shared_account
    settings.use(Settings())


@pytest.fixture
def client(account: Account) -> Callable[[str], Any]:
    return lambda service: account.clients.get(service, REGION)


@pytest.fixture
def network(client: Callable[[str], Any]) -> Network:
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"{REGION}{letter}")
        for number, letter in enumerate("ab")
    ]
    group = ec2.create_security_group(GroupName="machine", Description="machine", VpcId=vpc)["GroupId"]
    return Network(vpc, [made["Subnet"]["SubnetId"] for made in subnets], group)


@pytest.fixture
def image() -> str:
    return next(row["moto"]["ami_id"] for row in reversed(catalogue()) if row["disk"] == "debian-13")


@pytest.fixture
def reconciler(account: Account) -> Reconciler:
    return Reconciler(account.clients.get, account.count_change)


@pytest.fixture
def endpoint(account: Account) -> Iterator[str]:
    """The account on a port of this machine, with its administration."""
    server = Server("127.0.0.1", 0, Administration(account))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
