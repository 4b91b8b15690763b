"""What is read from the machine, and what is said when it is unfit."""

import json
import os
import socket
from pathlib import Path

import pytest

from rehearsal import addresses
from rehearsal.cluster import cgroups, firewall, host, preflight
from rehearsal.errors import BerthError
from rehearsal.paths import Paths

HYBRID = """\
20 1 254:0 / / rw shared:1 - ext4 /dev/vda rw
30 20 0:25 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu
31 20 0:26 / /sys/fs/cgroup/cpuacct rw - cgroup cgroup rw,cpuacct
32 20 0:27 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset
33 20 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
34 20 0:29 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
35 20 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
"""
UNIFIED = """\
20 1 254:0 / / rw shared:1 - ext4 /dev/vda rw
30 20 0:25 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate
"""
SAVED = """\
*filter
:INPUT ACCEPT [0:0]
:DOCKER-USER - [0:0]
:KUBE-FORWARD - [0:0]
-A INPUT -s 10.2.13.4/32 -j DROP
-A FORWARD -s 10.213.64.0/20 -m comment --comment berth -j ACCEPT
-A FORWARD -j DOCKER-USER
-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD
-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:CNI-DN-0a1b2c - [0:0]
:CNI-DN-podman - [0:0]
:CNI-HOSTPORT-DNAT - [0:0]
:CNI-HOSTPORT-MASQ - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
-A CNI-DN-0a1b2c -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.213.64.9:80
-A CNI-DN-podman -p tcp -m tcp --dport 9999 -j DNAT --to-destination 10.88.0.2:80
-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \\"berth-pods\\" id: \\"x\\"" -j CNI-DN-0a1b2c
-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \\"podman\\" id: \\"y\\"" -j CNI-DN-podman
COMMIT
"""


def test_control_groups_are_recognised() -> None:
    hybrid = cgroups.detect(host.parse_mounts(HYBRID))
    assert not hybrid.unified
    assert {"cpu", "cpuset", "memory", "pids"} <= hybrid.controllers
    cgroups.check(hybrid)
    unified = cgroups.detect(host.parse_mounts(UNIFIED))
    assert unified.unified
    assert [str(point) for point, _ in unified.hierarchies] == ["/sys/fs/cgroup"]


def test_a_missing_controller_is_named() -> None:
    without_memory = "\n".join(line for line in HYBRID.splitlines() if "memory" not in line)
    with pytest.raises(BerthError, match="lack memory"):
        cgroups.check(cgroups.detect(host.parse_mounts(without_memory)))
    with pytest.raises(BerthError, match="lack cpu"):
        cgroups.check(cgroups.detect(host.parse_mounts("20 1 254:0 / / rw - ext4 /dev/vda rw\n")))


def test_mount_points_with_spaces_are_read() -> None:
    found = host.parse_mounts("20 1 0:1 / /var/a\\040b rw - tmpfs tmpfs rw\n")
    assert found[0].point == Path("/var/a b")


def test_only_our_firewall_rules_are_removed() -> None:
    plan = firewall.removal(SAVED)
    for foreign in ("10.2.13.4", "DOCKER-USER", "podman", "9999"):
        assert foreign not in plan, f"a rule of somebody else would go: {foreign}"
    assert "-D FORWARD -s 10.213.64.0/20 -m comment --comment berth -j ACCEPT" in plan
    assert "-X KUBE-FORWARD" in plan
    assert "-X CNI-DN-0a1b2c" in plan
    assert "-X CNI-HOSTPORT-DNAT" not in plan, "Podman still uses it"


def test_shared_chains_go_with_their_last_rule() -> None:
    alone = "\n".join(line for line in SAVED.splitlines() if "podman" not in line)
    plan = firewall.removal(alone)
    assert "-X CNI-HOSTPORT-DNAT" in plan
    assert "-D PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT" in plan


def test_another_kubernetes_keeps_its_rules() -> None:
    plan = firewall.removal(SAVED, kubernetes=False)
    assert "KUBE-" not in plan
    assert "-D FORWARD -s 10.213.64.0/20" in plan


def test_nothing_to_remove_is_an_empty_plan() -> None:
    assert firewall.removal("*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n") == ""


def test_only_tables_that_say_nothing_are_dropped() -> None:
    chain = {"family": "ip", "table": "nat", "name": "INPUT", "hook": "input", "policy": "accept"}
    plain: list[dict[str, object]] = [{"metainfo": {}}, {"table": {"name": "nat"}}, {"chain": chain}]
    assert firewall.is_empty(json.dumps({"nftables": plain}))
    for more in (
        {"rule": {}},
        {"set": {}},
        {"chain": chain | {"policy": "drop"}},
        {"chain": {"name": "mine"}},
    ):
        assert not firewall.is_empty(json.dumps({"nftables": [*plain, more]})), more
    assert not firewall.is_empty("")


def test_who_is_not_root_is_told_so() -> None:
    with pytest.raises(BerthError, match="needs root") as caught:
        preflight.check_user(1000)
    assert "sudo" in caught.value.hint
    preflight.check_user(0)


def test_an_unsupported_processor_is_named() -> None:
    with pytest.raises(BerthError, match="aarch64"):
        preflight.check_cpu("aarch64")
    preflight.check_cpu("x86_64")


@pytest.mark.parametrize("listening", ["127.0.0.1", "0.0.0.0"])
def test_a_port_in_use_says_by_whom(listening: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server((listening, 0)) as server:
        port = server.getsockname()[1]
        holder = host.port_holder("127.0.0.1", port)
        assert holder is not None
        assert f"pid {os.getpid()} " in holder
        if listening == "127.0.0.1":
            assert host.port_holder(str(addresses.NODE), port) is None
        monkeypatch.setattr(preflight, "PORTS", {"kube-apiserver": (("127.0.0.1", port),)})
        monkeypatch.setattr(preflight, "SETTLE_SECONDS", 0.0)
        where = Paths(cache=tmp_path, state=tmp_path, run=tmp_path)
        with pytest.raises(BerthError, match=f"port {port}, which kube-apiserver needs .* pid {os.getpid()}"):
            preflight.check_ports(where)
    assert host.port_holder("127.0.0.1", port) is None


def test_a_port_taken_over_ipv6_counts() -> None:
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        assert host.port_holder(str(addresses.NODE), server.getsockname()[1]) is not None


def test_missing_packages_come_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "packages", lambda: ["containerd", "runc"])
    with pytest.raises(BerthError, match="containerd, runc") as caught:
        preflight.check_programs()
    assert "apt-get install" in caught.value.hint
