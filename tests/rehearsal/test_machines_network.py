"""The machines' network as the kernel enforces it; small namespaces take the machines' place: seconds."""

import http.client
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from rehearsal import machines
from rehearsal.machines.metadata.service import Guest, serve
from rehearsal.machines.metadata.tree import tree
from rehearsal.machines.model import Account, Endpoint, Instance, Rule, SecurityGroup, Subnet
from rehearsal.machines.network import firewall, names, namespace
from rehearsal.machines.network.plan import METADATA, Plan, apart, service_address
from rehearsal.machines.qemu import own
from rehearsal.paths import Paths

pytestmark = pytest.mark.rehearsal

PUBLIC = Subnet(
    id="subnet-1",
    vpc="vpc-1",
    vpc_cidr="10.44.0.0/16",
    cidr="10.44.0.0/24",
    zone="us-east-1a",
    internet_gateway=True,
)
S3 = Endpoint(id="vpce-1", service="s3", gateway=True)
PRIVATE = replace(PUBLIC, id="subnet-2", cidr="10.44.1.0/24", internet_gateway=False, endpoints=(S3,))
# In the link's block here, so that no route of this machine is touched.
ELASTIC_HOST = 100
CONNECT = (
    "import socket,sys\ns=socket.socket()\ns.settimeout(1.5)\n"
    "s.bind((sys.argv[3],0)) if len(sys.argv)>3 else None\ns.connect((sys.argv[1],int(sys.argv[2])))"
)


def instance(name: str, address: str, subnet: Subnet, group: str, public: str | None = None) -> Instance:
    return Instance(
        id=f"i-{name}",
        type="t3.nano",
        state="running",
        image="ami",
        address=address,
        mac="02:00:00:00:00:01",
        subnet=subnet.id,
        vpc="vpc-1",
        zone="us-east-1a",
        region="us-east-1",
        public_address=public,
        groups=((group, group),),
    )


@dataclass
class Network:
    plan: Plan
    paths: Paths
    account: Account
    bastion: Instance
    machine: Instance

    def arrange(self, account: Account) -> None:
        names.ensure(account, self.plan, own(self.paths))
        namespace.load(self.plan, firewall.render(account, self.plan))

    def connects(self, origin: Instance | None, address: str, port: int, *bind: str) -> bool:
        """Whether a connection comes about; origin None: from this machine."""
        prefix = ["ip", "netns", "exec", guest(self.plan, origin)] if origin else []
        argv = [*prefix, sys.executable, "-c", CONNECT, address, str(port), *bind]
        return subprocess.run(argv, capture_output=True).returncode == 0


def guest(plan: Plan, origin: Instance) -> str:
    return f"{plan.namespace}-{origin.id}"


def ip(*words: str, within: str = "") -> None:
    subprocess.run(["ip", *(["-n", within] if within else []), *words], check=True)


@contextmanager
def listening(*commands: list[str]) -> Iterator[None]:
    """Web servers, which stand for whatever listens."""
    running = [subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for argv in commands]
    try:
        for one in running:
            assert one.stdout
            assert b"Serving" in one.stdout.readline()
        yield
    finally:
        for one in running:
            one.kill()
            one.wait()


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    root = tmp_path_factory.mktemp("network")
    paths = Paths(cache=root / "cache", state=root / "state", run=root / "run").create()
    plan = apart(paths)
    plan = replace(plan, front=plan.outside)
    elastic = str(plan.link[ELASTIC_HOST])
    bastion = instance("b", "10.44.0.5", PUBLIC, "sg-b", elastic)
    machine = instance("m", "10.44.1.5", PRIVATE, "sg-m")
    anywhere = (Rule(protocol="-1", addresses=("0.0.0.0/0",)),)
    ssh = Rule(protocol="tcp", ports=(22, 22), addresses=(f"{plan.own}/32",))
    groups = {
        "sg-b": SecurityGroup(id="sg-b", ingress=(ssh,), egress=anywhere),
        "sg-m": SecurityGroup(
            id="sg-m",
            ingress=(Rule(protocol="tcp", ports=(22, 22), groups=("sg-b",)),),
            egress=(Rule(protocol="tcp", ports=(443, 443), addresses=("0.0.0.0/0",)),),
        ),
    }
    subnets = {PUBLIC.id: PUBLIC, PRIVATE.id: PRIVATE}
    account = Account(region="us-east-1", instances=(bastion, machine), subnets=subnets, groups=groups)
    made = Network(plan, paths, account, bastion, machine)
    servers = []
    try:
        namespace.ensure(plan)
        ip("route", "replace", f"{elastic}/32", "via", str(plan.inside), "src", plan.own)
        for one, subnet in ((bastion, PUBLIC), (machine, PRIVATE)):
            name = guest(plan, one)
            ip("netns", "add", name)
            ip("link", "add", one.tap, "netns", plan.namespace, "type", "veth", "peer", "eth0", "netns", name)
            namespace.add_tap(plan, one, subnet)
            ip("link", "set", "lo", "up", within=name)
            ip("address", "add", f"{one.address}/24", "dev", "eth0", within=name)
            ip("link", "set", "eth0", "up", within=name)
            ip("route", "add", "default", "via", subnet.gateway, within=name)
            web = ["ip", "netns", "exec", name, sys.executable, "-u", "-m", "http.server"]
            servers += [[*web, "22"], [*web, "80"]]
        servers.append([sys.executable, "-u", "-m", "http.server", "443", "--bind", str(plan.outside)])
        made.arrange(account)
        with listening(*servers):
            yield made
    finally:
        names.stop(own(paths))
        namespace.remove(plan)
        for one in (bastion, machine):
            with suppress(subprocess.CalledProcessError):
                ip("netns", "delete", guest(plan, one))
        assert namespace.left(plan) == []
        assert machines._strays(paths) == []


def test_the_bastion_is_reached_on_its_elastic_address_by_ssh_alone(network: Network) -> None:
    elastic = network.bastion.public_address or ""
    assert network.connects(None, elastic, 22)
    assert not network.connects(None, elastic, 80)


def test_another_own_address_is_let_in_only_by_a_changed_rule(network: Network) -> None:
    elastic = network.bastion.public_address or ""
    other = str(network.plan.link[8])
    ip("address", "add", f"{other}/32", "dev", network.plan.veth)
    try:
        assert not network.connects(None, elastic, 22, other)
        group = network.account.groups["sg-b"]
        rule = replace(group.ingress[0], addresses=(f"{other}/32",))
        groups = network.account.groups | {"sg-b": replace(group, ingress=(rule,))}
        network.arrange(replace(network.account, groups=groups))
        assert network.connects(None, elastic, 22, other)
        assert not network.connects(None, elastic, 22, network.plan.own)
    finally:
        ip("address", "delete", f"{other}/32", "dev", network.plan.veth)
        network.arrange(network.account)


def test_the_machine_is_reached_through_the_bastion_alone(network: Network) -> None:
    assert network.connects(network.bastion, network.machine.address, 22)
    assert not network.connects(network.bastion, network.machine.address, 80)
    # Even where somebody outside knows a way to the private addresses.
    ip("route", "add", network.machine.address, "via", str(network.plan.inside))
    try:
        assert not network.connects(None, network.machine.address, 22)
    finally:
        ip("route", "delete", network.machine.address)
    assert not network.connects(network.machine, network.bastion.address, 22)


def test_a_private_subnet_reaches_the_service_it_has_an_endpoint_for(network: Network) -> None:
    assert network.connects(network.machine, service_address("s3"), 443)
    assert not network.connects(network.machine, service_address("sts"), 443)
    assert network.connects(network.bastion, service_address("sts"), 443)


def test_nobody_speaks_in_the_name_of_another(network: Network) -> None:
    name = guest(network.plan, network.machine)
    assert network.connects(network.bastion, network.machine.address, 22)
    ip("address", "add", "10.44.1.66/24", "dev", "eth0", within=name)
    assert not network.connects(network.machine, service_address("s3"), 443, "10.44.1.66")


def test_metadata_needs_a_token_and_is_ones_own(network: Network) -> None:
    leaves = {
        one.address: tree(one, network.account.subnets[one.subnet]) for one in network.account.instances
    }
    service = serve(network.plan, network.paths.run / "key")
    service.guests = {
        address: Guest(leaves=lambda mine=mine: mine, hop_limit=1)  # type: ignore[misc]
        for address, mine in leaves.items()
    }
    asked: dict[str, tuple[int, bytes]] = {}
    failed: list[BaseException] = []

    def ask() -> None:
        try:
            _enter(guest(network.plan, network.machine))
            asked["without"] = _get("/latest/meta-data/instance-id", {})
            connection = http.client.HTTPConnection(METADATA, timeout=5)
            connection.request(
                "PUT", "/latest/api/token", headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"}
            )
            token = connection.getresponse().read().decode()
            asked["with"] = _get("/latest/meta-data/instance-id", {"X-aws-ec2-metadata-token": token})
        except OSError as problem:
            failed.append(problem)

    worker = threading.Thread(target=ask)
    worker.start()
    worker.join()
    assert not failed
    assert asked["without"][0] == 401
    assert asked["with"] == (200, network.machine.id.encode())


def test_names_of_aws_lead_to_the_emulated_account(network: Network) -> None:
    script = "import socket,sys;print(socket.gethostbyname(sys.argv[1]))"
    resolver = Path("/etc/netns") / guest(network.plan, network.machine) / "resolv.conf"
    resolver.parent.mkdir(parents=True)
    resolver.write_text(f"nameserver {PRIVATE.resolver}\n")
    try:
        for host, address in (
            ("s3.us-east-1.amazonaws.com", service_address("s3")),
            ("berth.s3.us-east-1.amazonaws.com", service_address("s3")),
            ("api.ecr.us-east-1.amazonaws.com", service_address("ecr.api")),
            ("ip-10-44-0-5.ec2.internal", "10.44.0.5"),
        ):
            name = guest(network.plan, network.machine)
            argv = ["ip", "netns", "exec", name, sys.executable, "-c", script, host]
            assert subprocess.run(argv, capture_output=True, text=True).stdout.strip() == address, host
    finally:
        resolver.unlink()
        resolver.parent.rmdir()


def _get(path: str, headers: dict[str, str]) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(METADATA, timeout=5)
    connection.request("GET", path, headers=headers)
    reply = connection.getresponse()
    return reply.status, reply.read()


def _enter(name: str) -> None:
    import ctypes

    with Path("/run/netns", name).open() as target:
        if ctypes.CDLL(None, use_errno=True).setns(target.fileno(), 0x40000000):
            raise OSError(ctypes.get_errno(), "setns")
