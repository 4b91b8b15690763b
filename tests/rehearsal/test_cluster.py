"""The embedded cluster from its first start to nothing left, with a crash in between."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from rehearsal import addresses, artifacts, cluster, process
from rehearsal.cluster import addons, api, cgroups, containers, daemons, firewall, network, software, teardown
from rehearsal.cluster.layout import Layout
from rehearsal.lock import exclusive
from rehearsal.paths import Paths
from rehearsal.steps import Steps

pytestmark = pytest.mark.rehearsal
NAMESPACE = "cluster-test"


@pytest.fixture(scope="module")
def held(paths: Paths) -> Iterator[None]:
    with exclusive(paths):
        yield


@pytest.fixture(scope="module")
def running(paths: Paths, steps: Steps, held: None) -> Iterator[Paths]:
    cluster.ensure_running(paths, steps)
    kubectl(paths, "create", "namespace", NAMESPACE)
    yield paths
    if cluster.is_running(paths):
        kubectl(paths, "delete", "namespace", NAMESPACE, "--wait=false")


def kubectl(paths: Paths, *argv: str, stdin: str = "", check: bool = True) -> str:
    program = artifacts.directory(software.KUBERNETES_PROGRAM, paths) / "kubectl"
    done = subprocess.run(
        [program, "--kubeconfig", paths.kubeconfig, *argv],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
    )
    if check:
        assert done.returncode == 0, f"kubectl {' '.join(argv)}: {done.stderr}"
    return done.stdout + done.stderr


def pod(paths: Paths, name: str, security: Mapping[str, object] | None = None) -> str:
    pause = artifacts.directory(software.PAUSE_PROGRAM, paths) / "pause"
    container = {
        "name": "main",
        "image": containers.pause_image(pause),
        "imagePullPolicy": "Never",
        "securityContext": dict(security or {}),
    }
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"containers": [container], "terminationGracePeriodSeconds": 1},
        }
    )


def test_a_pod_runs_and_its_logs_and_commands_work(running: Paths) -> None:
    kubectl(running, "apply", "-f", "-", stdin=pod(running, "first"))
    kubectl(running, "-n", NAMESPACE, "wait", "--for=condition=Ready", "pod/first", "--timeout=60s")
    assert "holding the pod" in kubectl(running, "-n", NAMESPACE, "logs", "first")
    assert "holding the pod" in kubectl(running, "-n", NAMESPACE, "exec", "first", "--", "/pause", "sign")


def test_versions_are_told_right(running: Paths) -> None:
    versions = json.loads(kubectl(running, "version", "-o", "json"))
    assert versions["clientVersion"]["gitVersion"] == f"v{software.KUBERNETES}"
    assert versions["serverVersion"]["gitVersion"] == f"v{software.KUBERNETES}"


def test_a_restricted_namespace_refuses_a_privileged_pod(running: Paths) -> None:
    kubectl(
        running,
        "label",
        "namespace",
        NAMESPACE,
        "pod-security.kubernetes.io/enforce=restricted",
        "--overwrite",
    )
    try:
        answer = kubectl(
            running, "apply", "-f", "-", stdin=pod(running, "bold", {"privileged": True}), check=False
        )
        assert 'violates PodSecurity "restricted' in answer, answer
    finally:
        kubectl(running, "label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce-")


def test_nobody_is_served_without_a_certificate_or_a_token(running: Paths) -> None:
    for path in ("/version", "/readyz", "/api/v1/namespaces"):
        status, _ = api.request(running, "GET", path, anonymous=True)
        assert status == 401, f"{path} answered {status} to a stranger"


def test_secrets_are_not_readable_in_the_database(running: Paths) -> None:
    kubectl(
        running, "-n", NAMESPACE, "create", "secret", "generic", "s", "--from-literal=key=plain-to-see-7213"
    )
    database = Layout(running).etcd / "member" / "snap" / "db"
    log = b"".join(path.read_bytes() for path in (Layout(running).etcd / "member" / "wal").glob("*.wal"))
    assert b"plain-to-see-7213" not in database.read_bytes() + log


def test_nothing_listens_on_the_machines_own_addresses(running: Paths) -> None:
    from rehearsal.cluster.host import port_holder

    for port in (2379, 2380, 6443, 10249, 10250, 10256, 10257, 10259):
        assert port_holder("192.0.2.77", port) is None, f"port {port} is open to the network"


def test_a_neighbour_who_routes_through_this_machine_is_not_heard(running: Paths) -> None:
    def ip(*argv: str) -> None:
        subprocess.run(["ip", *argv], check=True)

    # A network that neither this machine nor what it rehearses has routes to (rehearsal/addresses.py).
    ip("netns", "add", "neighbour")
    try:
        ip("link", "add", "to-neighbour", "type", "veth", "peer", "name", "lan", "netns", "neighbour")
        ip("address", "add", "100.100.7.1/24", "dev", "to-neighbour")
        ip("link", "set", "to-neighbour", "up")
        ip("-n", "neighbour", "address", "add", "100.100.7.2/24", "dev", "lan")
        ip("-n", "neighbour", "link", "set", "lan", "up")
        ip("-n", "neighbour", "route", "add", str(addresses.NETWORK), "via", "100.100.7.1")
        knock = (
            "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), int(sys.argv[3]))"
        )
        # The first says that this machine can be reached at all; a new link loses packets for a while.
        for host, port, patience, heard in (
            ("100.100.7.1", 1, 60, "ConnectionRefusedError"),
            (str(addresses.NODE), addresses.API_SERVER_PORT, 2, "TimeoutError"),
            (str(next(addresses.SERVICES.hosts())), 443, 2, "TimeoutError"),
        ):
            peer = [host, str(port), str(patience)]
            argv = ["ip", "netns", "exec", "neighbour", sys.executable, "-c", knock, *peer]
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
            assert heard in done.stderr, f"{host}:{port} was heard: {done.stderr}"
    finally:
        ip("netns", "delete", "neighbour")


def test_a_second_start_changes_nothing_and_is_quick(running: Paths, steps: Steps) -> None:
    before = {name: process.pid_of(running, name) for name in process.names(running)}
    began = time.monotonic()
    cluster.ensure_running(running, steps)
    assert time.monotonic() - began < 3
    assert {name: process.pid_of(running, name) for name in process.names(running)} == before


@pytest.mark.parametrize("victims", [("kubelet", "kube-apiserver"), daemons.NAMES], ids=["two", "all"])
def test_dead_parts_are_started_again_and_pods_live_on(
    running: Paths, steps: Steps, victims: tuple[str, ...]
) -> None:
    kubectl(running, "apply", "-f", "-", stdin=pod(running, "first"))
    kubectl(running, "-n", NAMESPACE, "wait", "--for=condition=Ready", "pod/first", "--timeout=60s")
    for name in victims:
        pid = process.pid_of(running, name)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    assert not cluster.is_running(running)
    cluster.ensure_running(running, steps)
    assert cluster.is_running(running)
    assert "holding the pod" in kubectl(running, "-n", NAMESPACE, "logs", "first")
    state = json.loads(kubectl(running, "-n", NAMESPACE, "get", "pod", "first", "-o", "json"))["status"]
    assert state["containerStatuses"][0]["restartCount"] == 0, "the container was not left alone"


def test_it_comes_back_after_a_reboot_with_its_data(running: Paths, steps: Steps) -> None:
    """A reboot as far as it can be played: every process killed, no mounts, interfaces or run directory."""
    layout = Layout(running)
    kubectl(running, "-n", NAMESPACE, "create", "configmap", "kept", "--from-literal=a=b")
    victims = [pid for name in process.names(running) if (pid := process.pid_of(running, name))]
    teardown.kill_all([*victims, *teardown.shims(running)])
    cgroups.kill(cgroups.detect())
    teardown._unmount(layout)
    network.remove_interfaces()
    firewall.remove(layout)
    cgroups.remove(cgroups.detect())
    for path in teardown.shim_sockets(layout):
        path.unlink(missing_ok=True)
    for path in (running.run / "pids", layout.containerd_run, layout.cni_state, running.run / "runc"):
        subprocess.run(["rm", "-rf", "--one-file-system", path], check=True)
    cluster.ensure_running(running, steps)
    assert "kept" in kubectl(running, "-n", NAMESPACE, "get", "configmaps")
    restarted = "--for=jsonpath={.status.containerStatuses[0].restartCount}=1"
    kubectl(running, "-n", NAMESPACE, "wait", restarted, "pod/first", "--timeout=60s")
    kubectl(running, "-n", NAMESPACE, "wait", "--for=condition=Ready", "pod/first", "--timeout=60s")
    assert "holding the pod" in kubectl(running, "-n", NAMESPACE, "logs", "first")


def test_stopping_leaves_nothing(running: Paths, steps: Steps) -> None:
    addons.stop(running)
    settings = json.loads(Layout(running).sysctls.read_text())["before"]
    assert len(cluster.leftovers(running)) > 10, "the inventory does not see a cluster that runs"
    began = time.monotonic()
    cluster.stop(running, steps)
    assert not teardown.DEVICE_PLUGINS.exists()
    assert time.monotonic() - began < 15
    assert cluster.leftovers(running) == []
    for name, value in settings.items():
        assert Path("/proc/sys", name).read_text().strip() == value, f"{name} was not put back"
    rules = subprocess.run(["iptables-save"], capture_output=True, text=True, check=True).stdout
    assert "KUBE-" not in rules
    assert str(addresses.NETWORK).removesuffix(".0.0/16") not in rules
    cluster.stop(running, steps)
