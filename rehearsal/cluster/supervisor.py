"""Bring the cluster up, and say how it is. Everything here can be repeated; what runs is left alone."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

from rehearsal import addresses, artifacts, process
from rehearsal.cluster import api, cgroups, containers, daemons, firewall, identity, network, preflight
from rehearsal.cluster.host import argv_of
from rehearsal.cluster.layout import NODE_NAME, Layout
from rehearsal.cluster.software import KUBERNETES, KUBERNETES_PROGRAM, PAUSE_PROGRAM, cni_directory, programs
from rehearsal.cluster.teardown import stop_strays
from rehearsal.errors import BerthError
from rehearsal.files import write_private
from rehearsal.paths import Paths
from rehearsal.process import Daemon
from rehearsal.steps import Step, Steps, tail

API_SECONDS = 90.0
NODE_SECONDS = 120.0


def ensure_running(paths: Paths, steps: Steps, *, gpus: int = 0) -> None:
    """Start what does not run and wait until the node is ready.

    gpus: how many simulated GPUs the node has; they are an add-on's business, which the caller starts.

    Raises:
        BerthError: the machine is unfit, a port is in use, or a part died (with the end of its log).
    """
    del gpus
    preflight.check_user(os.geteuid())
    if is_running(paths) and _unchanged(paths):
        return
    for program in programs():
        if not artifacts.present(program, paths):
            with steps.step(f"program {program.name}", expected=program.expected) as step:
                artifacts.ensure(program, paths, step)
    with steps.step("cluster", expected="about 20 seconds") as step:
        _Start(paths.create(), step).run()
        step.result = f"Kubernetes {KUBERNETES} on {identity.SERVER}"


def is_running(paths: Paths) -> bool:
    """Whether every part is alive, the API server answers and the node is ready."""
    if any(process.pid_of(paths, name) is None for name in daemons.NAMES):
        return False
    return api.is_ready(paths) and _is_fresh(paths, api.node(paths))


def status(paths: Paths) -> dict[str, Any]:
    """The state of every part (pid, None where it is dead; memory in bytes) and of the node."""
    parts = {}
    for name in daemons.NAMES:
        pid = process.pid_of(paths, name)
        parts[name] = {"pid": pid, "memory": _memory(pid)}
    ready = parts["kube-apiserver"]["pid"] is not None and api.is_ready(paths)
    node = api.node(paths) if ready else None
    state, message = api.condition(node)
    return {
        "server": identity.SERVER,
        "version": KUBERNETES,
        "parts": parts,
        "ready": ready,
        "node": {"name": NODE_NAME, "ready": state == "True", "message": message},
    }


def _is_fresh(paths: Paths, node: dict[str, Any] | None) -> bool:
    """Whether the node is ready by the word of the kubelet that runs now: a dead one's stays for a while."""
    pid = process.pid_of(paths, "kubelet")
    state, _ = api.condition(node)
    if node is None or pid is None or state != "True":
        return False
    ticks = process.start_time(pid) or 0
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    started = time.time() - (uptime - ticks / os.sysconf("SC_CLK_TCK"))
    heard = next(c["lastHeartbeatTime"] for c in node["status"]["conditions"] if c["type"] == "Ready")
    return datetime.fromisoformat(heard).timestamp() >= started - 1


def _memory(pid: int | None) -> int:
    """Proportional memory of a process (bytes): shared program text is counted once over all."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def _unchanged(paths: Paths) -> bool:
    """Whether what runs is of the programs that this version of berth wants, and the bridge is there."""
    wanted = artifacts.directory(KUBERNETES_PROGRAM, paths)
    pid = process.pid_of(paths, "kube-apiserver")
    try:
        program = Path(f"/proc/{pid}/exe").readlink()
    except OSError:
        return False
    here = artifacts.present(PAUSE_PROGRAM, paths) and network.interface_exists(addresses.BRIDGE)
    return here and program.parent == wanted


class _Start:
    """One start of the cluster."""

    def __init__(self, paths: Paths, step: Step) -> None:
        self.paths = paths
        self.step = step
        self.layout = Layout(paths)

    def run(self) -> None:
        self.step.say("looking at this machine")
        stop_strays(self.paths)
        groups = preflight.check(self.paths)
        for directory in (self.layout.root, self.layout.etcd, self.layout.pod_logs):
            directory.mkdir(parents=True, exist_ok=True)
            directory.chmod(0o700)
        network.apply_sysctls(self.layout)
        network.ensure_bridge()
        network.ensure_routes()
        firewall.ensure()
        cgroups.create(groups)
        parts = self._parts()
        pause = artifacts.directory(PAUSE_PROGRAM, self.paths) / "pause"

        self.step.say("starting etcd, the API server and containerd")
        self._start(parts["etcd"])
        self._start(parts["containerd"])
        self._start(parts["kube-apiserver"])
        with ThreadPoolExecutor(1) as pool:
            # The API server takes some seconds to begin with: time enough for the pause image.
            imported = pool.submit(self._prepare_containerd, pause)
            self._wait(
                "the API server", lambda: api.is_ready(self.paths), API_SECONDS, "kube-apiserver", "etcd"
            )
            imported.result()
        self._grant()
        self.step.say("starting the controllers and the node")
        for name in ("kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet"):
            self._start(parts[name])
        self._await_node()

    def _parts(self) -> dict[str, daemons.Part]:
        ids = identity.ensure(self.layout)
        plugins = cni_directory()
        if plugins is None:
            raise BerthError("the CNI plugins are missing", "apt-get install containernetworking-plugins")
        fallback = self.layout.config / "resolv.conf"
        fallback.touch()
        files = containers.files(
            self.layout,
            plugins=plugins,
            authority=ids.authority.certificate,
            sandbox=containers.pause_image(artifacts.directory(PAUSE_PROGRAM, self.paths) / "pause"),
            mtu=network.pod_mtu(),
        )
        return daemons.parts(self.layout, artifacts.directory(KUBERNETES_PROGRAM, self.paths), ids, files)

    def _start(self, part: daemons.Part) -> None:
        """Start a part; one that runs with another command line or configuration is restarted."""
        changed = False
        for target, content in part.files.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            changed = write_private(target, content) or changed
        pid = process.pid_of(self.paths, part.name)
        if pid is not None and (changed or argv_of(pid) != part.argv):
            process.stop(self.paths, part.name)
        if part.name == "containerd" and process.pid_of(self.paths, part.name) is None:
            self.layout.containerd_socket.unlink(missing_ok=True)
        process.start(self.paths, Daemon(name=part.name, argv=part.argv, env=part.env))

    def _prepare_containerd(self, pause: Path) -> None:
        self._wait("containerd", self._containerd_serves, 30.0, "containerd")
        containers.ensure_pause_image(self.layout, pause)

    def _containerd_serves(self) -> bool:
        if not self.layout.containerd_socket.exists():
            return False
        return "Server" in containers.ctr(self.layout, "version", check=False)

    def _grant(self) -> None:
        binding = identity.kubelet_access()
        path = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
        code, text = api.request(self.paths, "POST", path, binding)
        if code not in (201, 409):
            raise BerthError(f"the API server refused a role binding (status {code}): {text[:500]}")

    def _wait(self, what: str, done: Callable[[], bool], seconds: float, *parts: str) -> None:
        """Wait for something that these parts are to bring about; a part that dies ends the wait."""
        until = time.monotonic() + seconds
        while not done():
            self._check_alive(*parts)
            if time.monotonic() > until:
                raise BerthError(
                    f"{what} was not up after {seconds:.0f} s\n\n{self._tail(parts[0])}", self._hint()
                )
            if self.step.cancelled.wait(0.1):
                raise KeyboardInterrupt

    def _check_alive(self, *parts: str) -> None:
        for name in parts:
            if process.pid_of(self.paths, name) is None:
                raise BerthError(f"{name} has ended\n\n{self._tail(name)}", self._hint())

    def _tail(self, part: str) -> str:
        return tail(self.paths.logs / f"{part}.log")

    def _hint(self) -> str:
        return f"The whole logs are in {self.paths.logs}; running the same command again goes on from here."

    def _await_node(self) -> None:
        """Wait until the node is ready and pods can be made (their service account is there)."""
        until = time.monotonic() + NODE_SECONDS
        path = f"/api/v1/nodes?fieldSelector=metadata.name%3D{NODE_NAME}"
        while time.monotonic() < until:
            self._check_alive(*daemons.NAMES)
            for event in api.watch(self.paths, path, seconds=5):
                state, message = api.condition(event.get("object"))
                self.step.say(f"node {NODE_NAME}: {message or 'registered'}")
                if state == "True" and _is_fresh(self.paths, event["object"]):
                    self._wait(
                        "the default service account", self._has_account, 30, "kube-controller-manager"
                    )
                    self._wait("the node's list of pods", self._knows_pods, 30, "kubelet")
                    return
            if self.step.cancelled.wait(0.2):
                raise KeyboardInterrupt
        raise BerthError(
            f"the node was not ready after {NODE_SECONDS:.0f} s\n\n{self._tail('kubelet')}", self._hint()
        )

    def _has_account(self) -> bool:
        return api.get(self.paths, "/api/v1/namespaces/default/serviceaccounts/default") is not None

    def _knows_pods(self) -> bool:
        """Whether kubelet has been told of its pods: one that was just started refuses their logs."""
        known = api.get(self.paths, f"/api/v1/nodes/{NODE_NAME}/proxy/pods")
        bound = api.get(self.paths, f"/api/v1/pods?fieldSelector=spec.nodeName%3D{NODE_NAME}")
        if known is None or bound is None:
            return False
        uids = {pod["metadata"]["uid"] for pod in known["items"] or []}
        ended = ("Succeeded", "Failed")
        return all(
            pod["metadata"]["uid"] in uids
            for pod in bound["items"]
            if pod["status"].get("phase") not in ended
        )
