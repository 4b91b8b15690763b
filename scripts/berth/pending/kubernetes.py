"""Whether what was being created exists in a cluster: an object, or a Helm release, by namespace and name."""

import os
import subprocess
import tempfile
from typing import Any

from scripts.berth.place import Place

Inputs = dict[str, Any]
SECONDS = 60


RELEASE = "kubernetes:helm.sh/v3:Release"


def identity(kind: str, inputs: Inputs) -> str | None:
    """The id that the provider gives: `<namespace>/<name>`, or `<name>`; None without a name."""
    metadata = inputs if kind == RELEASE else inputs.get("metadata") or {}
    name = metadata.get("name")
    if not isinstance(name, str):
        return None
    namespace = metadata.get("namespace") or ("default" if kind == RELEASE else None)
    return f"{namespace}/{name}" if isinstance(namespace, str) else name


def live(place: Place, resource: Inputs, provider: Inputs) -> str | None:
    """The id of what a resource's inputs describe, if the provider's cluster has it.

    Without kubectl, or an answer, None: to create an object again that exists changes it to what is wanted.
    https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/managing-resources-with-server-side-apply/
    """
    kind, inputs = str(resource.get("type")), resource.get("inputs") or {}
    wanted = identity(kind, inputs)
    if wanted is None:
        return None
    namespace, _, name = wanted.rpartition("/")
    if kind == RELEASE:
        # https://helm.sh/docs/topics/advanced/#storage-backends
        argv = ["kubectl", "get", "secrets", "-o", "name", "-l", f"owner=helm,name={name},status=deployed"]
    else:
        group, _, version = str(inputs.get("apiVersion", "v1")).rpartition("/")
        argv = ["kubectl", "get", f"{inputs.get('kind')}.{version}.{group}", name, "-o", "name"]
    if namespace:
        argv += ["--namespace", namespace]
    if isinstance(provider.get("context"), str):
        argv += ["--context", provider["context"]]
    config = provider.get("kubeconfig")
    with tempfile.TemporaryDirectory(prefix="berth-kubeconfig-") as folder:
        if isinstance(config, str) and config:
            file = os.path.join(folder, "config")  # noqa: PTH118 - opened with a mode
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), "w") as out:
                out.write(config)
            argv += ["--kubeconfig", file if not os.path.exists(config) else config]  # noqa: PTH110
        try:
            done = subprocess.run(argv, env=place.environ, capture_output=True, check=False, timeout=SECONDS)
        except (OSError, subprocess.TimeoutExpired):
            return None
    return wanted if done.returncode == 0 and done.stdout.strip() else None
