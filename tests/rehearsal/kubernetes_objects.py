"""kubectl with the administrator's rights, and the small objects that tests of the cluster create with it."""

import base64
import json
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from rehearsal import artifacts, registry
from rehearsal.cluster.software import KUBERNETES_PROGRAM
from rehearsal.paths import Paths

Object = dict[str, Any]
T = TypeVar("T")
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}


class Kubectl:
    """kubectl in one namespace."""

    def __init__(self, paths: Paths, namespace: str = "default") -> None:
        self.paths = paths
        self.namespace = namespace
        self.program = artifacts.directory(KUBERNETES_PROGRAM, paths) / "kubectl"

    def __call__(self, *arguments: str, stdin: str = "", check: bool = True) -> str:
        command = [
            str(self.program),
            f"--kubeconfig={self.paths.kubeconfig}",
            "-n",
            self.namespace,
            *arguments,
        ]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=180)
        assert not check or done.returncode == 0, f"{arguments}: {done.stderr}"
        return done.stdout

    def create(self, *objects: Object) -> None:
        self(
            "apply",
            "--server-side",
            "-f",
            "-",
            stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}),
        )

    def get(self, kind: str, name: str) -> Object:
        return dict(json.loads(self("get", kind, name, "-o", "json")))

    def exists(self, kind: str, name: str) -> bool:
        return bool(self("get", kind, name, "--ignore-not-found", "-o", "name"))


def until(what: str, ask: Callable[[], T], *, seconds: float) -> T:
    """Ask until the answer is true; returns it."""
    end = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < end, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.3)
    return answer


@contextmanager
def pulling_namespace(paths: Paths, prefix: str) -> Iterator[Kubectl]:
    """kubectl in a namespace of its own, restricted, whose pods may pull from the registry."""
    made = Kubectl(paths, f"{prefix}-{secrets.token_hex(3)}")
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    credentials = {".dockerconfigjson": base64.b64encode(registry.auth_file(paths).read_bytes()).decode()}
    made.create(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": made.namespace, "labels": labels}}
    )
    made.create(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "pull"},
            "type": "kubernetes.io/dockerconfigjson",
            "data": credentials,
        }
    )
    until("the default account", lambda: made.exists("serviceaccount", "default"), seconds=30)
    made("patch", "serviceaccount", "default", "-p", '{"imagePullSecrets": [{"name": "pull"}]}')
    yield made
    made("delete", "namespace", made.namespace, "--timeout=90s")


def pod_spec(image: str, *command: str, **more: Any) -> Object:
    """The specification of a pod that PodSecurity's restricted level admits."""
    container = {
        "name": "main",
        "image": image,
        "command": list(command),
        "securityContext": RESTRICTED,
        **more.pop("container", {}),
    }
    security = {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "fsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    return {
        "containers": [container],
        "securityContext": security,
        "terminationGracePeriodSeconds": 0,
        **more,
    }


def pod(name: str, spec: Object) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": spec,
    }


def deployment(name: str, spec: Object, *, replicas: int = 1) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": spec},
        },
    }
