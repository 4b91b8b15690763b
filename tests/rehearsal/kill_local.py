"""The committed environment local, killed at a point and brought up again, in the machine's rehearsal.

The rehearsal runs already (`berth rehearse env local`), and no environment is deployed in it. The stack is in
a backend of its own, and the training is short.
"""

import base64
import http.client
import json
import os
import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from kill_runs import (
    TRIES,
    Outcome,
    Point,
    Tollgate,
    differences,
    inventory,
    left_pending,
    run_and_kill,
    tollgate,
)

from rehearsal import recovery, session, workspace
from rehearsal.paths import Paths, paths
from scripts.berth import pending
from scripts.berth.place import Place

STACK = "local"
NAMESPACE = "berth-local"
SECONDS = 600
_PASSING = {"events", "pods", "replicasets.apps", "endpoints", "leases.coordination.k8s.io"} | {
    "endpointslices.discovery.k8s.io",
    "events.events.k8s.io",
    "pods.metrics.k8s.io",
    "controllerrevisions.apps",
}
"""What the cluster itself makes and names."""


class KillableLocal:
    """One cluster, one backend, and the `up` that nobody kills, to compare with."""

    def __init__(self, where: Paths, folder: Path, gate: Tollgate) -> None:
        record = session.load(where)
        assert record is not None, "bring a rehearsal up first: `berth rehearse env local`"
        assert not recovery.stacks(where), "an environment is up: `./scripts/down` first"
        self.gate, self.backend = gate, folder / "backend"
        self.folder = workspace.refresh(where)
        config = folder / "kubeconfig"
        config.write_text(yaml.safe_dump(_through(gate.endpoint)))
        self.environ = {
            **session.inside(where, record, STACK).over(os.environ),
            "PULUMI_BACKEND_URL": f"file://{self.backend}",
            "KUBECONFIG": str(config),
        }
        self._afresh()
        began = time.monotonic()
        self._up()
        self.usual = time.monotonic() - began
        self.calls = gate.passed
        self.wanted = inventory(self._found())
        self.destroy()

    def kill_and_converge(self, number: int, point: Point, *, thorough: bool) -> Outcome:
        """An `up` from nothing that is killed, and the next; thorough: and a preview that finds no change."""
        outcome = Outcome(number, point)
        began = time.monotonic()
        for _ in range(TRIES):
            self._afresh()
            ended = run_and_kill(self._argv("up"), self.environ, point, self.gate, self.usual)
            self.gate.disarm()
            if ended.killed or point.moment != "time":
                break
            self.usual = ended.seconds  # it was faster than usual
            self.destroy()
        outcome.killed = ended.killed
        outcome.pending = left_pending(self.backend, STACK)
        try:
            pending.resolve(self.place(), STACK, outcome.resolved.append)
            self._up()
            outcome.problems += differences(self.wanted, inventory(self._found()))
            if thorough:
                self.pulumi("preview", "--expect-no-changes")
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a result
            outcome.problems.append(f"{type(error).__name__}: {error}"[-3000:])
        left = left_pending(self.backend, STACK)
        outcome.problems += [f"still pending: {one}" for one in left]
        self.destroy()
        outcome.seconds = round(time.monotonic() - began, 1)
        return outcome

    def place(self) -> Place:
        """As a command would have it."""
        values = self.folder / "values"
        engine = self._argv()[0]
        return Place(engine=engine, environ=self.environ, project=self.folder, rehearsed=True, values=values)

    def pulumi(self, *arguments: str) -> str:
        done = subprocess.run(
            self._argv(*arguments), env=self.environ, capture_output=True, text=True, timeout=SECONDS
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    def destroy(self) -> None:
        """Nothing of the environment is left, which is checked."""
        self.pulumi("destroy", "--yes", "--skip-preview")
        looked = self._kubectl("get", "namespace", NAMESPACE, check=False)
        assert "NotFound" in looked.stderr, looked.stdout + looked.stderr

    def _argv(self, *arguments: str) -> list[str]:
        engine = str(shutil.which("pulumi", path=self.environ["PATH"].partition(":")[2]))
        more = ["--yes", "--skip-preview"] if arguments == ("up",) else []
        stack = ["--stack", STACK] if arguments[:1] != ("stack",) else []
        return [engine, "-C", str(self.folder), "--non-interactive", *arguments, *stack, *more]

    def _up(self) -> None:
        ended = run_and_kill(self._argv("up"), self.environ, None, self.gate, 0)
        assert "Resources:" in ended.output, ended.output
        assert "error:" not in ended.output, ended.output

    def _afresh(self) -> None:
        shutil.rmtree(self.backend, ignore_errors=True)
        self.backend.mkdir(parents=True)
        self.pulumi("stack", "init", STACK)

    def _kubectl(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["kubectl", *arguments], env=self.environ, capture_output=True, text=True, check=check
        )

    def _found(self) -> list[dict[str, Any]]:
        """What the namespace has, without what the cluster names itself."""
        resources = self._kubectl("api-resources", "--namespaced", "--verbs=list", "-o", "name").stdout
        kinds = ",".join(kind for kind in resources.split() if kind not in _PASSING)
        listed = json.loads(self._kubectl("-n", NAMESPACE, "get", kinds, "-o", "json").stdout)
        return [
            {
                "service": "kubernetes",
                "kind": one["kind"],
                "id": one["metadata"]["name"],
                "is": one["metadata"].get("labels") or {},
            }
            for one in listed["items"]
        ]


def _through(endpoint: str) -> dict[str, Any]:
    """A kubeconfig of a server that asks for nothing."""
    name = "tollgate"
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": endpoint}}],
        "users": [{"name": name, "user": {}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }


def _to_cluster(kubeconfig: Path, folder: Path) -> Callable[[], http.client.HTTPConnection]:
    """Makes connections to the cluster, with the rights that the kubeconfig gives."""
    config = yaml.safe_load(kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    context = ssl.create_default_context(cafile=_file(cluster, "certificate-authority", folder))
    context.load_cert_chain(str(_file(user, "client-certificate", folder)), _file(user, "client-key", folder))
    address = urlsplit(cluster["server"]).netloc
    return lambda: http.client.HTTPSConnection(address, timeout=SECONDS, context=context)


def _file(entry: dict[str, str], name: str, folder: Path) -> str | None:
    if f"{name}-data" not in entry:
        return entry.get(name)
    file = folder / re.sub(r"\W", "-", name)
    file.write_bytes(base64.b64decode(entry[f"{name}-data"]))
    return str(file)


@contextmanager
def killable(folder: Path) -> Iterator[KillableLocal]:
    """In the machine's rehearsal, with the first `up` done and undone."""
    where = paths()
    values = workspace.refresh(where) / "values" / f"Pulumi.{STACK}.yaml"
    before = values.read_text()
    values.write_text(re.sub(r"epochs: \d+", "epochs: 2", before))
    try:
        with tollgate(_to_cluster(where.kubeconfig, folder)) as gate:
            yield KillableLocal(where, folder, gate)
    finally:
        values.write_text(before)
