"""Dynamic volumes: the default storage class, whose volumes are directories under `<state>/volumes`."""

from pathlib import Path

from rehearsal import process
from rehearsal.cluster.addons import parts
from rehearsal.cluster.addons.parts import Addon
from rehearsal.paths import Paths
from rehearsal.process import Daemon

NAME = "volumes"
STORAGE_CLASS = "standard"
PROVISIONER = "berth.dev/directory"


def directory(paths: Paths) -> Path:
    """Where the volumes are."""
    return paths.state / "volumes"


def addon(paths: Paths, program: Path) -> Addon:
    """The provisioner, given its program."""
    kubeconfig = parts.access(paths, NAME)
    return Addon(
        objects=[
            *parts.rights(
                NAME,
                [
                    parts.rule(
                        "",
                        ["persistentvolumes"],
                        "get",
                        "list",
                        "watch",
                        "create",
                        "update",
                        "patch",
                        "delete",
                    ),
                    parts.rule("", ["persistentvolumeclaims"], "get", "list", "watch", "update"),
                    parts.rule("", ["nodes"], "get", "list", "watch"),
                    parts.rule("", ["events"], "create", "patch", "update"),
                    parts.rule("storage.k8s.io", ["storageclasses"], "get", "list", "watch"),
                ],
            ),
            {
                "apiVersion": "storage.k8s.io/v1",
                "kind": "StorageClass",
                "metadata": {
                    "name": STORAGE_CLASS,
                    "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
                },
                "provisioner": PROVISIONER,
                "reclaimPolicy": "Delete",
                "volumeBindingMode": "WaitForFirstConsumer",
            },
        ],
        daemon=Daemon(
            name=NAME,
            argv=[
                str(program),
                f"-kubeconfig={kubeconfig}",
                f"-provisioner={PROVISIONER}",
                f"-root={directory(paths)}",
            ],
            env=parts.ENVIRONMENT,
        ),
        inputs=[kubeconfig],
        healthy=lambda: process.pid_of(paths, NAME) is not None,
    )
