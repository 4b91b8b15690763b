"""Clusters that are not ours: one that `kind` makes for the rehearsal, or the current context's.

Both get the same treatment as the embedded one from whoever starts a rehearsal: `of(name)` returns an object
with `ensure_running`, `stop` and `is_running`. Their access is left where the embedded cluster's would be,
in `Paths.kubeconfig`. Pods reach the registry and object storage on this machine's own address, so the nodes
have to be on this machine.
"""

import ipaddress
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from rehearsal import addresses, artifacts, ca, process
from rehearsal.cluster import containers, supervisor, teardown
from rehearsal.cluster.host import command
from rehearsal.cluster.software import KUBERNETES_PROGRAM, which
from rehearsal.errors import BerthError
from rehearsal.files import write_private
from rehearsal.paths import Paths
from rehearsal.steps import Steps

OLDEST = (1, 30)
KIND_NAME = "berth"
# Gives Services of type LoadBalancer an address (kind.sigs.k8s.io/docs/user/loadbalancer).
KIND_BALANCER = "cloud-provider-kind"
_CERTS = "/etc/containerd/certs.d"
# What a rehearsal's environment creates.
_NEEDED = (
    "namespaces",
    "secrets",
    "services",
    "serviceaccounts",
    "persistentvolumeclaims",
    "resourcequotas",
    "deployments.apps",
    "jobs.batch",
    "horizontalpodautoscalers.autoscaling",
    "poddisruptionbudgets.policy",
    "networkpolicies.networking.k8s.io",
)


class Cluster(Protocol):
    """What a rehearsal asks of a cluster, whoever's it is."""

    def ensure_running(self, paths: Paths, steps: Steps, *, gpus: int = 0) -> None:
        """Have it ready, with its access in `paths.kubeconfig`."""

    def stop(self, paths: Paths, steps: Steps) -> None:
        """Remove what `ensure_running` made."""

    def is_running(self, paths: Paths) -> bool:
        """Whether it answers."""


def of(name: str) -> Cluster:
    """The cluster by its name on the command line: `embedded`, `kind` or `current`."""
    known: dict[str, Cluster] = {"embedded": Embedded(), "kind": Kind(), "current": Current()}
    if name not in known:
        raise BerthError(f"there is no kind of cluster {name!r}", f"One of: {', '.join(known)}.")
    return known[name]


@dataclass(frozen=True)
class Embedded:
    """The cluster of this package."""

    def ensure_running(self, paths: Paths, steps: Steps, *, gpus: int = 0) -> None:
        supervisor.ensure_running(paths, steps, gpus=gpus)

    def stop(self, paths: Paths, steps: Steps) -> None:
        teardown.stop(paths, steps)

    def is_running(self, paths: Paths) -> bool:
        return supervisor.is_running(paths)


@dataclass(frozen=True)
class Kind:
    """A cluster in a container, made and removed by the program `kind`."""

    def ensure_running(self, paths: Paths, steps: Steps, *, gpus: int = 0) -> None:
        del gpus
        missing = [program for program in ("kind", KIND_BALANCER) if which(program) is None]
        if missing:
            raise BerthError(
                f"not on PATH: {', '.join(missing)}",
                "Install it (kind.sigs.k8s.io; its own page on load balancers names "
                f"{KIND_BALANCER}), or leave out --cluster for the embedded cluster.",
            )
        with steps.step("kind cluster", expected="about a minute") as step:
            paths.create()
            if KIND_NAME not in command(["kind", "get", "clusters"]).split():
                trust = paths.state / "kind" / "certs.d" / addresses.REGISTRY
                trust.mkdir(parents=True, exist_ok=True)
                (trust / "ca.crt").write_bytes(ca.ensure_ca(paths).read_bytes())
                hosts = containers.hosts_toml(Path(_CERTS, addresses.REGISTRY, "ca.crt"))
                (trust / "hosts.toml").write_text(hosts)
                config = paths.state / "kind" / "config.json"
                config.write_text(json.dumps(kind_config(trust.parent), indent=2))
                kubeconfig = ["--kubeconfig", str(paths.kubeconfig)]
                step.run(
                    ["kind", "create", "cluster", "--name", KIND_NAME, "--config", config, *kubeconfig],
                    on_line=str.strip,
                )
            else:
                write_private(paths.kubeconfig, command(["kind", "get", "kubeconfig", "--name", KIND_NAME]))
            step.result = check_fit(paths)
            process.start(paths, process.Daemon(name=KIND_BALANCER, argv=[KIND_BALANCER]))

    def stop(self, paths: Paths, steps: Steps) -> None:
        process.stop(paths, KIND_BALANCER)
        if (
            which("kind") is not None
            and KIND_NAME in command(["kind", "get", "clusters"], check=False).split()
        ):
            with steps.step("remove the kind cluster") as step:
                step.run(["kind", "delete", "cluster", "--name", KIND_NAME, "--kubeconfig", paths.kubeconfig])
        paths.kubeconfig.unlink(missing_ok=True)

    def is_running(self, paths: Paths) -> bool:
        return answers(paths)


@dataclass(frozen=True)
class Current:
    """The cluster of the kubeconfig's current context; nothing about it is changed."""

    def ensure_running(self, paths: Paths, steps: Steps, *, gpus: int = 0) -> None:
        del gpus
        with steps.step("current cluster") as step:
            paths.create()
            view = [*_kubectl(paths), "config", "view", "--minify", "--flatten", "--raw"]
            try:
                text = command([*view, "--output=json"])
            except BerthError as problem:
                raise BerthError(
                    f"the kubeconfig has no usable current context: {problem.message}",
                    "Choose one: kubectl config use-context NAME",
                ) from problem
            write_private(paths.kubeconfig, text)
            step.result = check_fit(paths)

    def stop(self, paths: Paths, steps: Steps) -> None:
        del steps
        paths.kubeconfig.unlink(missing_ok=True)

    def is_running(self, paths: Paths) -> bool:
        return answers(paths)


def kind_config(certs: Path) -> dict[str, object]:
    """A cluster whose containerd trusts the rehearsal's registry. certs: a directory for its certs.d."""
    patch = f'[plugins."io.containerd.grpc.v1.cri".registry]\n  config_path = "{_CERTS}"\n'
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "nodes": [
            {
                "role": "control-plane",
                "extraMounts": [{"hostPath": str(certs), "containerPath": _CERTS, "readOnly": True}],
            }
        ],
        "containerdConfigPatches": [patch],
    }


def answers(paths: Paths) -> bool:
    """Whether the cluster of `paths.kubeconfig` is ready."""
    if not paths.kubeconfig.exists():
        return False
    return command([*_on(paths), "get", "--raw", "/readyz", "--request-timeout=3s"], check=False) == "ok"


def check_fit(paths: Paths) -> str:
    """Refuse a cluster that a rehearsal cannot use; returns its version.

    Raises:
        BerthError: it does not answer, is too old, lacks rights, or its nodes are elsewhere.
    """
    version = json.loads(command([*_on(paths), "version", "--output=json"])).get("serverVersion")
    if version is None:
        raise BerthError("the cluster does not answer", "Check it: kubectl get nodes")
    check_version(str(version["gitVersion"]))
    refused = [kind for kind in _NEEDED if not _may_create(paths, kind)]
    if refused:
        raise BerthError(
            f"this user may not create {', '.join(refused)} in the cluster",
            "Use a context with the ClusterRole cluster-admin.",
        )
    nodes = json.loads(command([*_on(paths), "get", "nodes", "--output=json"]))
    check_nodes(nodes["items"])
    return f"Kubernetes {version['gitVersion']}"


def check_version(text: str) -> None:
    """Raises BerthError for a server older than `OLDEST`."""
    found = re.match(r"v?(\d+)\.(\d+)", text)
    if found is None or (int(found[1]), int(found[2])) < OLDEST:
        raise BerthError(
            f"the cluster is of version {text}; a rehearsal needs {'.'.join(map(str, OLDEST))} or later",
            "Upgrade it, or leave out --cluster for the embedded one.",
        )


def check_nodes(nodes: list[dict[str, Any]]) -> None:
    """Raises BerthError where no node is on this machine: others cannot reach the registry and storage."""
    found = [entry["address"] for node in nodes for entry in node["status"]["addresses"]]
    if not any(_is_here(address) for address in found):
        raise BerthError(
            f"the cluster's nodes ({', '.join(found) or 'none'}) are not on this machine and cannot reach "
            f"the rehearsal's registry and object storage on {addresses.NODE}",
            "Use a cluster on this machine (kind, k3s, minikube with docker), or the embedded one.",
        )


def _is_here(address: str) -> bool:
    """Whether an address is this machine's, or that of a container on one of its bridges."""
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    words = command(["ip", "route", "get", address], check=False).split()
    if not words or "via" in words or "dev" not in words:
        return False
    device = words[words.index("dev") + 1]
    return words[0] == "local" or Path("/sys/class/net", device, "bridge").is_dir()


def _may_create(paths: Paths, kind: str) -> bool:
    scope = [] if kind == "namespaces" else ["--all-namespaces"]
    return command([*_on(paths), "auth", "can-i", "create", kind, *scope], check=False).strip() == "yes"


def _kubectl(paths: Paths) -> list[str]:
    if which("kubectl") is not None:
        return ["kubectl"]
    return [str(artifacts.directory(KUBERNETES_PROGRAM, paths) / "kubectl")]


def _on(paths: Paths) -> list[str]:
    return [*_kubectl(paths), "--kubeconfig", str(paths.kubeconfig)]
