"""Whether the Kubernetes object that was being created exists: its id is its namespace and name."""

import os
import subprocess
import tempfile
from typing import Any

from scripts.berth.place import Place

Inputs = dict[str, Any]
SECONDS = 60


def identity(inputs: Inputs) -> str | None:
    """The id that the provider gives an object: `<namespace>/<name>`, or `<name>`; None without a name."""
    metadata = inputs.get("metadata") or {}
    name = metadata.get("name")
    if not isinstance(name, str):
        return None
    namespace = metadata.get("namespace")
    return f"{namespace}/{name}" if isinstance(namespace, str) else name


def live(place: Place, provider: Inputs, inputs: Inputs) -> str | None:
    """The id of the object that these inputs describe, if the provider's cluster has it.

    Without kubectl, or an answer, None: to create an object again that exists changes it to what is wanted.
    https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/managing-resources-with-server-side-apply/
    """
    wanted = identity(inputs)
    if wanted is None:
        return None
    group, _, version = str(inputs.get("apiVersion", "v1")).rpartition("/")
    metadata = inputs["metadata"]
    argv = ["kubectl", "get", f"{inputs.get('kind')}.{version}.{group}", str(metadata["name"])]
    if metadata.get("namespace"):
        argv += ["--namespace", str(metadata["namespace"])]
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
    return wanted if done.returncode == 0 else None
