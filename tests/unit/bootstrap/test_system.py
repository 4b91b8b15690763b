"""The checks of the machine and the installation of packages, on files and stubs instead of a machine."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from rehearsal import system
from rehearsal.errors import BerthError
from rehearsal.paths import Paths
from rehearsal.steps import Steps


@pytest.fixture
def where(tmp_path: Path) -> Paths:
    return Paths(cache=tmp_path / "cache", state=tmp_path / "state", run=tmp_path / "run")


@pytest.fixture
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Put a shell script in the place of a program."""
    directory = tmp_path / "stubs"
    directory.mkdir()
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")

    def make(name: str, script: str) -> None:
        (directory / name).write_text(f"#!/bin/sh\n{script}\n")
        (directory / name).chmod(0o755)

    return make


def test_every_obstacle_is_named_at_once(where: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(system.platform, "machine", lambda: "aarch64")
    monkeypatch.setattr(system.shutil, "which", lambda _name, **_: None)
    with pytest.raises(BerthError) as caught:
        system.preflight(where)
    for part in ("root", "aarch64", "apt-get"):
        assert part in caught.value.message
    assert "Nothing has been changed" in caught.value.hint


def test_lacking_disk_is_given_in_figures(where: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 3 * system.GIB})
    monkeypatch.setattr(system.shutil, "disk_usage", lambda _path: usage)
    (obstacle,) = system.disk_obstacles(where, 12 * system.GIB)
    assert "12.0 GiB of disk are needed" in obstacle
    assert "3.0 GiB are free" in obstacle
    assert "9.0 GiB more" in obstacle


def test_what_the_cache_holds_need_not_come_again(where: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 3 * system.GIB})
    monkeypatch.setattr(system.shutil, "disk_usage", lambda _path: usage)
    monkeypatch.setattr(system, "_size", lambda root: 10 * system.GIB if root == where.cache else 0)
    assert system.disk_obstacles(where, 12 * system.GIB) == []


def test_a_listener_on_every_address_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    head = "  sl  local_address rem_address   st tx_queue rx_queue\n"
    tables = {
        "/proc/net/tcp": head + "0: 00000000:1388 00000000:0000 0A\n1: 0100007F:2328 00000000:0000 0A\n",
        "/proc/net/tcp6": head
        + f"0: {'0' * 32}:192B {'0' * 32}:0000 0A\n1: {'0' * 32}:0016 {'0' * 32}:0 01\n",
    }
    monkeypatch.setattr(system, "_read", tables.__getitem__)
    assert system.listening_everywhere() == {5000, 6443}


def test_a_taken_port_is_reported_unless_the_rehearsal_runs(
    where: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "listening_everywhere", lambda: {22, 5000})
    (obstacle,) = system._ports(where)
    assert "port 5000" in obstacle
    assert "image registry" in obstacle
    (where.run / "pids").mkdir(parents=True)
    assert system._ports(where) == []


@pytest.mark.parametrize(
    ("route", "environ", "reported"),
    [
        ("Iface Destination\neth0 00000000\n", {}, False),
        ("Iface Destination\neth0 000200C0\n", {}, True),
        ("Iface Destination\n", {"https_proxy": "http://proxy:3128"}, False),
    ],
)
def test_no_network_is_told_by_the_missing_route(
    monkeypatch: pytest.MonkeyPatch, route: str, environ: dict[str, str], *, reported: bool
) -> None:
    monkeypatch.setattr(system, "_read", {"/proc/net/route": route, "/proc/net/ipv6_route": ""}.__getitem__)
    monkeypatch.setattr(system.os, "environ", environ)
    assert bool(system._network()) is reported


def test_only_packages_that_dpkg_lacks_are_missing(stub: Callable[[str, str], None]) -> None:
    stub("dpkg-query", "echo 'runc ii '; echo 'buildah un '; echo 'conntrack rc '")
    assert system.missing(["runc", "buildah", "conntrack", "buildah"]) == ["buildah", "conntrack"]


def test_a_plan_counts_dependencies_and_sizes(stub: Callable[[str, str], None]) -> None:
    stub(
        "apt-get",
        "for p in buildah uidmap; do\n"
        "echo \"'http://m/p/${p}_1_amd64.deb' ${p}_1_amd64.deb 1048576 SHA256:0\"\ndone",
    )
    planned = system.plan(["buildah"])
    assert planned.packages == ("buildah", "uidmap")
    assert str(planned) == "buildah, and 1 that they depend on (2 MiB to download)"


def test_a_plan_without_package_lists_still_names_what_is_missing(stub: Callable[[str, str], None]) -> None:
    stub("apt-get", "exit 100")
    assert str(system.plan(["runc", "buildah"])) == "buildah, runc"


def test_services_are_held_and_the_machines_policy_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = tmp_path / "policy-rc.d"
    monkeypatch.setattr(system, "POLICY", policy)
    monkeypatch.setattr(system, "_ASIDE", tmp_path / "policy-rc.d.before-berth")
    policy.write_text("#!/bin/sh\nexit 0\n")
    with system.services_held():
        assert subprocess.run([policy], check=False).returncode == 101
    assert policy.read_text() == "#!/bin/sh\nexit 0\n"
    policy.unlink()
    with system.services_held():
        pass
    assert list(tmp_path.iterdir()) == [], "nothing is left where there was nothing"


def test_a_policy_left_by_a_killed_run_does_not_replace_the_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy, aside = tmp_path / "policy-rc.d", tmp_path / "policy-rc.d.before-berth"
    monkeypatch.setattr(system, "POLICY", policy)
    monkeypatch.setattr(system, "_ASIDE", aside)
    policy.write_text(system._OURS)
    aside.write_text("the machine's")
    with system.services_held():
        pass
    assert policy.read_text() == "the machine's"


def test_installing_updates_the_lists_when_a_package_is_unknown(
    where: Paths, tmp_path: Path, stub: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system.os, "geteuid", lambda: 0)
    monkeypatch.setattr(system, "POLICY", tmp_path / "policy-rc.d")
    calls = tmp_path / "calls"
    done = tmp_path / "done"
    stub("dpkg-query", f'[ "$1" = -L ] && exit; echo "bash ii "; [ ! -e {done} ] || echo "runc ii "')
    stub(
        "apt-get",
        f'echo "$*" >> {calls}\n'
        f'case "$*" in *update*) touch {tmp_path}/lists ;;\n'
        f'*simulate*) [ -e {tmp_path}/lists ] || echo "E: Unable to locate package runc" ;;\n'
        f"*) touch {done} ;; esac",
    )
    with Steps(where.logs).step("packages") as step:
        assert system.install(["runc"], step, where) == ["runc"]
    assert "update" in calls.read_text()
    assert (where.state / "apt-installed").read_text() == "runc\n"
