"""What is handed to other programs: QEMU's command line, dnsmasq's settings, the authority's archive."""

import struct
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from machines_samples import account, instance, machine

from rehearsal import addresses
from rehearsal.machines import image, qemu, reconcile
from rehearsal.machines.image.authority import archive
from rehearsal.machines.model import Volume
from rehearsal.machines.network import names, namespace, plan
from rehearsal.paths import Paths

WHERE = qemu.Files(directory=Path("/state/machines/i-1"), qmp=Path("/run/machines/i-1.qmp"))
BOOT = qemu.Boot(kernel=Path("/vmlinux"), initrd=Path("/initrd"), accelerator=("-accel", "tcg"))
PLAN = plan.Plan(namespace="berth-aws", veth="berth-aws0")


def value(argv: list[str], flag: str) -> list[str]:
    """Every value of a flag."""
    return [argv[i + 1] for i, word in enumerate(argv) if word == flag]


def test_a_machine_looks_like_ec2() -> None:
    argv = qemu.arguments(machine(), WHERE, BOOT)
    smbios = dict(part.split("=", 1) for part in value(argv, "-smbios")[1].split(","))
    assert smbios["product"] == "g4dn.xlarge"
    assert smbios["manufacturer"] == "Amazon EC2"
    assert smbios["uuid"] == smbios["serial"]
    assert smbios["uuid"].startswith("ec2")


def test_sizes_follow_the_instance_type() -> None:
    assert value(qemu.arguments(instance(), WHERE, BOOT), "-m") == ["384"]
    assert value(qemu.arguments(machine(), WHERE, BOOT), "-m") == ["3072"]
    assert value(qemu.arguments(machine(), WHERE, BOOT), "-smp") == ["2"]


def test_volumes_are_nvme_disks_that_know_their_device_names() -> None:
    volumes = (Volume(device="/dev/sdf", id="vol-1", gib=20),)
    argv = qemu.arguments(machine(volumes=volumes), WHERE, BOOT)
    assert "nvme,drive=ebs0,serial=ebs-sdf" in value(argv, "-device")
    assert any(drive.startswith("file=/state/machines/i-1/sdf.qcow2,") for drive in value(argv, "-drive"))


def test_each_machine_has_its_own_interface_of_a_legal_length() -> None:
    names_of = {one.tap for one in (instance(), machine())}
    assert len(names_of) == 2
    assert all(len(name) <= 15 for name in names_of)


def test_leases_are_fixed_and_hosts_have_names() -> None:
    lines = names.configuration(account(), PLAN, "/leases", 1400).splitlines()
    assert "dhcp-host=02:00:00:00:80:09,10.0.128.9,ip-10-0-128-9" in lines
    assert "host-record=ip-10-0-128-9.ec2.internal,10.0.128.9" in lines
    assert "dhcp-range=set:subnet-private,10.0.128.0,static,255.255.240.0,1h" in lines
    assert "dhcp-option=tag:subnet-private,option:dns-server,10.0.0.2" in lines
    assert "dhcp-option=26,1400" in lines


def test_ended_instances_have_no_lease() -> None:
    state = account(instance(), machine(state="terminated"))
    assert not any("10.0.128.9" in line for line in names.configuration(state, PLAN, "", 1500).splitlines())


def test_an_address_that_is_given_out_again_is_not_kept_for_the_machine_before() -> None:
    gone = "1795394517 02:00:00:aa:48:bd 10.0.128.9 ip-10-0-128-9 ff:01"
    living = "1795394312 02:00:00:00:00:05 10.0.0.5 ip-10-0-0-5 ff:02"
    assert names.living_leases(f"{gone}\n{living}\n", account()) == f"{living}\n"


def test_service_names_lead_to_addresses_of_their_own() -> None:
    lines = names.configuration(account(), PLAN, "", 1500).splitlines()
    s3 = f"address=/s3.us-east-1.amazonaws.com/{plan.service_address('s3')}"
    registry = f"address=/dkr.ecr.us-east-1.amazonaws.com/{plan.service_address('ecr.dkr')}"
    other = f"address=/amazonaws.com/{plan.OTHER_SERVICES}"
    assert {s3, registry, other} <= set(lines)
    answers = [
        line.rpartition("/")[2] for line in lines if line.startswith("address=/") and "amazonaws" in line
    ]
    assert len(set(answers)) == len(answers)
    assert names.internal_domain("eu-west-1") == "eu-west-1.compute.internal"


def test_names_and_addresses_of_two_rehearsals_differ(paths: Paths) -> None:
    usual = plan.plan(replace(paths, run=Path("/run/berth")))
    assert (usual.namespace, usual.veth) == ("berth-aws", "berth-aws0")
    other = plan.plan(paths)
    assert other.namespace != usual.namespace
    assert len(other.veth) <= 15
    assert plan.apart(paths).link != usual.link


def test_the_own_address_can_change(paths: Paths) -> None:
    assert plan.plan(paths).own == "203.0.113.7"
    addresses.own_address_file(paths.run).write_text("203.0.113.8\n")
    assert plan.plan(paths).own == "203.0.113.8"


def test_this_machine_lends_the_machines_nothing_but_what_stands_for_aws() -> None:
    rules = namespace.host_rules(PLAN)
    inbound = rules.partition("chain input {")[2].partition("}\n")[0]
    assert "ip daddr 10.213.0.1 tcp dport 5000 accept" in inbound
    assert inbound.split()[-1] == "drop"
    assert "203.0.113.0/24" not in rules
    assert not PLAN.link.overlaps(IPv4Network("203.0.113.0/24"))


def test_an_archive_ends_on_a_block_and_names_its_files() -> None:
    made = archive({"a.crt": b"12345"})
    assert made.startswith(b"070701")
    assert len(made) % 512 == 0
    assert made.index(b"a.crt\0") < made.index(b"12345") < made.index(b"TRAILER!!!")
    # newc: every header and every content begins at a multiple of four.
    assert made.index(b"12345") % 4 == 0
    assert made.index(b"070701", 6) % 4 == 0


def test_the_recipe_decides_the_images_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = image.fingerprint()
    changed = tmp_path / "recipe.toml"
    changed.write_text(image.RECIPE.read_text().replace('"curl",', ""))
    monkeypatch.setattr(image, "HERE", tmp_path)
    monkeypatch.setattr(image, "RECIPE", changed)
    monkeypatch.setattr(image, "FILES", tmp_path / "files")
    assert image.fingerprint() != before


def test_the_kernel_is_found_in_its_bzimage() -> None:
    setup = bytearray(1024)
    setup[0x1F1] = 1
    struct.pack_into("<II", setup, 0x248, 16, 10)
    assert image.payload(bytes(setup) + b"." * 16 + b"kernelSIZE....") == b"kernel"


def test_a_console_tells_a_power_off_from_a_crash(paths: Paths) -> None:
    console = qemu.files(paths, "i-1").console
    console.parent.mkdir(parents=True)
    console.write_text("[ 12.0] systemd[1]: Reached target.\n")
    assert not qemu.powered_off(paths, "i-1")
    console.write_text("[ 12.0] reboot: Power down\n")
    assert qemu.powered_off(paths, "i-1")
    assert reconcile.SHUTDOWN_SECONDS > 0
