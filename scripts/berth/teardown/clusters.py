"""The Kubernetes clusters that a stack's objects are in: which answer, and of the others, which exist."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rehearsal.errors import BerthError
from rehearsal.values import target_of
from scripts.berth.aws.clients import asking, client, code_of
from scripts.berth.place import Place
from scripts.berth.teardown import state as states

SECONDS = 15
_UNREACHABLE = (
    *("connection refused", "no such host", "no route to host", "network is unreachable", "i/o timeout"),
    *("timed out", "Client.Timeout", "deadline exceeded", "connection reset", "was refused", "EOF"),
)
_NOT_THERE = ("does not exist", "no configuration has been provided", "invalid configuration")
_SECRET = "4dabf18193072939515e22adb298388d"  # noqa: S105 - the engine's mark of a secret in a state


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """One provider of Kubernetes. kubeconfig: a file, its content, or empty for the shell's own.

    own: the stack's state has the cluster itself, which goes with the environment.
    eks: its name, where it is one of AWS's.
    """

    provider: str
    kubeconfig: str
    context: str
    own: bool
    eks: str
    region: str


def of(state: states.State) -> list[Cluster]:
    """Every cluster that the state has objects in; the state with its secrets shown."""
    known = {one.urn: one for one in states.resources(state)}
    found = []
    for raw in states.providers(state, "kubernetes"):
        inputs = raw.get("inputs") or {}
        eks = next(
            (one for one in _needed(str(raw["urn"]), known) if one.type == "aws:eks/cluster:Cluster"), None
        )
        if states.of_provider(state, str(raw["urn"])):
            found.append(
                Cluster(
                    provider=str(raw["urn"]),
                    kubeconfig=_plain(inputs.get("kubeconfig")),
                    context=_plain(inputs.get("context")),
                    own=eks is not None,
                    eks=eks.id if eks else "",
                    region=states.region(state, eks),
                )
            )
    return found


def can_be_asked(place: Place, cluster: Cluster) -> bool:
    """Whether there is a kubectl; without one, a cluster that stays is left to the engine alone."""
    return cluster.own or shutil.which("kubectl", path=place.environ.get("PATH")) is not None


def silence(place: Place, cluster: Cluster) -> str:
    """Why a cluster's API server does not answer; empty where it does.

    Raises:
        BerthError: it answers, and not to you.
    """
    done = kubectl(place, cluster, "get", "--raw", "/version", f"--request-timeout={SECONDS}s")
    if done.returncode == 0:
        return ""
    said = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no answer"
    if any(mark in done.stderr for mark in (*_UNREACHABLE, *_NOT_THERE)):
        return said
    raise BerthError(
        f"the cluster answers, and not to you: {said}",
        "Renew the credentials of its kubeconfig; `kubectl get nodes` tells whether they work.",
    )


def exists(place: Place, env: str, cluster: Cluster) -> bool | None:
    """Whether a cluster that does not answer is there, as its cloud says; None where nobody can be asked."""
    if cluster.eks:
        return _eks(place, cluster.eks, cluster.region)
    server = _server(place, cluster)
    host = urlsplit(server).hostname or ""
    # https://docs.aws.amazon.com/eks/latest/userguide/cluster-endpoint.html
    if host.endswith(".eks.amazonaws.com"):
        return _eks_at(place, server, host.split(".")[-4])
    if place.rehearsed and target_of(env) == "local":
        return _rehearsed(env)
    return None


def kubectl(place: Place, cluster: Cluster, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run it on a cluster.

    Raises:
        BerthError: there is none on PATH.
    """
    program = shutil.which("kubectl", path=place.environ.get("PATH"))
    if program is None:
        raise BerthError(
            "there is no `kubectl` on PATH", "Install it: https://kubernetes.io/docs/tasks/tools/"
        )
    with tempfile.TemporaryDirectory(prefix="berth-") as folder:
        flags = ["--context", cluster.context] if cluster.context else []
        if cluster.kubeconfig:
            file = Path(folder) / "kubeconfig"
            if "\n" in cluster.kubeconfig or cluster.kubeconfig.lstrip().startswith("{"):
                file.touch(mode=0o600)
                file.write_text(cluster.kubeconfig)
            else:
                file = Path(cluster.kubeconfig).expanduser()
            flags += ["--kubeconfig", str(file)]
        return subprocess.run(
            [program, *flags, *arguments], env=place.environ, capture_output=True, text=True, check=False
        )


def objects(place: Place, cluster: Cluster, kind: str, namespace: str = "") -> list[dict[str, Any]]:
    """Every object of a kind, in one namespace or in all."""
    where = ["--namespace", namespace] if namespace else ["--all-namespaces"]
    done = kubectl(place, cluster, "get", kind, *where, "-o", "json", f"--request-timeout={SECONDS}s")
    if done.returncode:
        raise BerthError(f"the cluster does not list its {kind}: {done.stderr.strip()}")
    found: list[dict[str, Any]] = json.loads(done.stdout)["items"]
    return found


def _needed(urn: str, known: Mapping[str, states.Resource]) -> list[states.Resource]:
    """All that a resource needs, directly or not."""
    found: dict[str, states.Resource] = {}
    waiting = [urn]
    while waiting:
        for needed in known[waiting.pop()].needs:
            if needed in known and needed not in found:
                found[needed] = known[needed]
                waiting.append(needed)
    return list(found.values())


def _plain(value: Any) -> str:
    """A provider's setting, which the state keeps as text, as JSON or as a secret of one of them."""
    if isinstance(value, Mapping) and _SECRET in value:
        try:
            value = json.loads(str(value.get("plaintext")))
        except ValueError:
            return ""
    return value if isinstance(value, str) else json.dumps(value) if value else ""


def _server(place: Place, cluster: Cluster) -> str:
    done = kubectl(
        place, cluster, "config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}"
    )
    return done.stdout.strip() if done.returncode == 0 else ""


def _eks(place: Place, name: str, region: str) -> bool:
    with asking(f"the cluster {name}"):
        api = client(place, "eks", region)
        try:
            # https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeCluster.html
            api.describe_cluster(name=name)
        except api.exceptions.ClientError as refusal:
            if code_of(refusal) == "ResourceNotFoundException":
                return False
            raise
    return True


def _eks_at(place: Place, server: str, region: str) -> bool:
    with asking("the clusters of the region"):
        api = client(place, "eks", region)
        names = [name for page in api.get_paginator("list_clusters").paginate() for name in page["clusters"]]
        endpoints = {api.describe_cluster(name=name)["cluster"].get("endpoint") for name in names}
    return server.rstrip("/") in {str(one).rstrip("/") for one in endpoints}


def _rehearsed(env: str) -> bool | None:
    from rehearsal import session
    from rehearsal.paths import paths
    from scripts.berth import targets

    record = session.load(paths())
    if record is None or record.choice.cluster != "embedded":
        return None
    return targets.of(env).alive(paths(), record.choice)
