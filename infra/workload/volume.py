"""The volume that carries the model from training to serving, where it does not go through the bucket."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

MOUNT_PATH = "/models"


@dataclass(frozen=True, kw_only=True)
class SharedVolumeArgs:
    """size: such as "2Gi". storage_class: None for the cluster's default."""

    namespace: pulumi.Input[str]
    claim: str
    size: str
    storage_class: str | None
    labels: Mapping[str, str]


class SharedVolume(pulumi.ComponentResource):
    """A volume for the pods of one node (ReadWriteOnce): training writes to it, inference reads from it."""

    claim: pulumi.Output[str]

    def __init__(self, name: str, args: SharedVolumeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("berth:workload:SharedVolume", name, None, opts)
        claim = k8s.core.v1.PersistentVolumeClaim(
            f"{name}-claim",
            metadata=k8s.meta.v1.ObjectMetaArgs(
                name=args.claim, namespace=args.namespace, labels=args.labels
            ),
            spec=k8s.core.v1.PersistentVolumeClaimSpecArgs(
                access_modes=["ReadWriteOnce"],
                storage_class_name=args.storage_class,
                resources=k8s.core.v1.VolumeResourceRequirementsArgs(requests={"storage": args.size}),
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.claim = claim.metadata.name
        self.register_outputs({"claim": self.claim})
