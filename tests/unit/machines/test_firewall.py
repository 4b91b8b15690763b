"""What the firewall script lets through, chain by chain."""

import re
from dataclasses import replace

import pytest
from machines_samples import (
    MACHINE_GROUP,
    PRIVATE,
    S3_GATEWAY,
    SSM_INTERFACE,
    account,
    instance,
    machine,
)

from rehearsal.machines.model import Account, Rule, SecurityGroup
from rehearsal.machines.network.firewall import render
from rehearsal.machines.network.plan import Plan, service_address

PLAN = Plan(namespace="berth-aws", veth="berth-aws0")
BASTION, MACHINE = instance(), machine()


def chain(script: str, name: str) -> list[str]:
    """The rules of a chain."""
    found = re.search(rf"^  chain {re.escape(name)} {{\n(.*?)^  }}", script, re.MULTILINE | re.DOTALL)
    assert found, f"no chain {name} in\n{script}"
    return [line.strip() for line in found[1].splitlines()]


def ways_out(state: Account) -> list[str]:
    """Where the GPU machine may go beyond the VPC."""
    begin = f'iifname "{MACHINE.tap}" oifname "uplink" '
    rules = chain(render(state, PLAN), "forward")
    return [rule.removeprefix(begin) for rule in rules if rule.startswith(begin)]


def test_a_new_script_replaces_the_old_one_in_one_transaction() -> None:
    lines = render(account(), PLAN).splitlines()
    for table in ("inet berth", "ip berth-nat"):
        assert lines.index(f"table {table} {{}}") < lines.index(f"delete table {table}")
        assert lines.index(f"delete table {table}") < lines.index(f"table {table} {{")


def test_the_bastion_takes_ssh_from_the_own_address_alone() -> None:
    rules = chain(render(account(), PLAN), f"in-{BASTION.id}")
    assert rules == ["ip saddr { 203.0.113.7 } tcp dport 22 accept", "drop"]


def test_a_group_in_a_rule_stands_for_the_addresses_of_its_members() -> None:
    rules = chain(render(account(), PLAN), f"in-{MACHINE.id}")
    assert rules == [f"ip saddr {{ {BASTION.address} }} tcp dport 22 accept", "drop"]


def test_a_member_that_ended_is_no_source_any_more() -> None:
    ended = replace(BASTION, state="terminated")
    assert chain(render(account(ended, MACHINE), PLAN), f"in-{MACHINE.id}") == ["drop"]


def test_nobody_may_use_the_address_of_another() -> None:
    script = render(account(), PLAN)
    for name in ("input", "forward"):
        rules = chain(script, name)
        check = rules.index(f'iifname "{MACHINE.tap}" ip saddr != {MACHINE.address} drop')
        assert check < next(i for i, rule in enumerate(rules) if "jump" in rule or "dport 53" in rule)


def test_link_local_addresses_are_never_forwarded() -> None:
    rules = chain(render(account(), PLAN), "forward")
    assert rules.index("ip daddr 169.254.0.0/16 drop") < rules.index("ct state established,related accept")


def test_a_private_subnet_without_routes_reaches_nothing() -> None:
    assert ways_out(account()) == []


def test_a_gateway_endpoint_opens_its_service_and_nothing_else() -> None:
    state = account(private=replace(PRIVATE, endpoints=(S3_GATEWAY,)))
    assert ways_out(state) == [f"ct original ip daddr {service_address('s3')} tcp dport 443 accept"]


def test_an_interface_endpoint_is_guarded_by_its_own_groups() -> None:
    guard = SecurityGroup(
        id="sg-endpoint", ingress=(Rule(protocol="tcp", ports=(443, 443), groups=("sg-machine",)),)
    )
    groups = account().groups | {guard.id: guard}
    state = account(private=replace(PRIVATE, endpoints=(SSM_INTERFACE,)), groups=groups)
    assert ways_out(state) == [
        f"ct original ip daddr {service_address('ssm')} tcp dport 443 goto in-vpce-ssm"
    ]
    rules = chain(render(state, PLAN), "in-vpce-ssm")
    assert rules == [f"ip saddr {{ {MACHINE.address} }} tcp dport 443 accept", "drop"]


def test_a_rule_for_the_subnets_block_covers_the_interfaces_in_it() -> None:
    inner = replace(
        MACHINE_GROUP, egress=(Rule(protocol="tcp", ports=(443, 443), addresses=("10.0.0.0/16",)),)
    )
    groups = account().groups | {inner.id: inner}
    state = account(private=replace(PRIVATE, endpoints=(SSM_INTERFACE,)), groups=groups)
    rules = chain(render(state, PLAN), f"out-{MACHINE.id}")
    assert (
        rules[0] == f"ct original ip daddr {{ 10.0.0.0/16, {service_address('ssm')} }} tcp dport 443 return"
    )


def test_through_nat_it_reaches_the_internet_but_not_the_rest_of_the_rehearsal() -> None:
    out = ways_out(account(private=replace(PRIVATE, nat="198.51.100.9")))
    assert out[-2:] == ["ct original ip daddr 10.213.0.0/16 drop", "accept"]
    assert "ct original ip daddr 10.213.0.1 tcp dport 5000 accept" in out
    postrouting = chain(render(account(private=replace(PRIVATE, nat="198.51.100.9")), PLAN), "postrouting")
    assert f'oifname "uplink" ip saddr {MACHINE.address} snat to 198.51.100.9' in postrouting


def test_an_internet_gateway_serves_only_machines_with_a_public_address() -> None:
    begin = f'iifname "{BASTION.tap}" oifname "uplink"'
    without = replace(BASTION, public_address=None)
    assert any(rule.startswith(begin) for rule in chain(render(account(), PLAN), "forward"))
    assert not any(rule.startswith(begin) for rule in chain(render(account(without), PLAN), "forward"))


def test_an_elastic_address_leads_to_its_machine() -> None:
    rules = chain(render(account(), PLAN), "prerouting")
    assert f"ip daddr 198.51.100.5 dnat to {BASTION.address}" in rules


def test_https_covers_the_registry_which_stands_for_ecr() -> None:
    rules = chain(render(account(), PLAN), f"out-{MACHINE.id}")
    assert rules == [
        "ct original ip daddr { 0.0.0.0/0 } tcp dport 443 return",
        "ct original ip daddr 10.213.0.1 tcp dport 5000 return",
        "drop",
    ]


@pytest.mark.parametrize("ports", [(22, 22), (1000, 2000)])
def test_other_ports_do_not(ports: tuple[int, int]) -> None:
    narrow = replace(MACHINE_GROUP, egress=(Rule(protocol="tcp", ports=ports, addresses=("0.0.0.0/0",)),))
    state = account(groups=account().groups | {narrow.id: narrow})
    assert not any("5000" in rule for rule in chain(render(state, PLAN), f"out-{MACHINE.id}"))


@pytest.mark.parametrize(
    ("rule", "match"),
    [
        (Rule(protocol="-1", addresses=("10.0.0.0/8",)), "ip saddr { 10.0.0.0/8 } accept"),
        (
            Rule(protocol="udp", ports=(1000, 2000), addresses=("10.0.0.0/8",)),
            "ip saddr { 10.0.0.0/8 } udp dport 1000-2000 accept",
        ),
        (Rule(protocol="tcp", addresses=("10.0.0.0/8",)), "ip saddr { 10.0.0.0/8 } meta l4proto tcp accept"),
        (Rule(protocol="icmp", addresses=("10.0.0.0/8",)), "ip saddr { 10.0.0.0/8 } ip protocol icmp accept"),
        (
            Rule(protocol="tcp", ports=(22, 22), addresses=("10.0.0.0/8", "10.1.0.0/16", "192.0.2.1/32")),
            "ip saddr { 10.0.0.0/8, 192.0.2.1 } tcp dport 22 accept",
        ),
    ],
)
def test_rules_become_matches(rule: Rule, match: str) -> None:
    group = replace(MACHINE_GROUP, ingress=(rule,))
    state = account(groups=account().groups | {group.id: group})
    assert chain(render(state, PLAN), f"in-{MACHINE.id}") == [match, "drop"]
