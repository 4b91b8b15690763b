"""What data is lost when a resource is deleted or replaced. Pure.

A loss is of lasting data (a disk, a bucket, a database) or of what a machine has on its own disks, which
environments take to be scratch space. A resource whose content the program itself holds is made again when it
is replaced, so that only its deletion counts.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from infra.spend.estimates.lines import block, blocks, known, number, text, true
from infra.spend.preview.reading import Step, type_of

Kind = Literal["lasting", "scratch"]


@dataclass(frozen=True, kw_only=True)
class Loss:
    """kind: lasting data or a machine's scratch space. what: in words. note: what may still save it."""

    kind: Kind
    what: str
    note: str = ""


_LASTING: tuple[tuple[str, str], ...] = (
    (r"aws:(ebs|ec2)/volume:", "everything on the disk"),
    (r"aws:s3/bucket(V2)?:", "every object in the bucket"),
    (r"aws:(rds|neptune|docdb)/(instance|cluster|globalCluster):", "the database"),
    (r"aws:dynamodb/(table|globalTable):", "the table"),
    (r"aws:efs/fileSystem:|aws:fsx/", "everything on the file system"),
    (r"aws:(ebs/snapshot|ec2/amiFromInstance|ec2/ami|rds/.*[sS]napshot):", "the snapshot"),
    (r"aws:ecr/repository:", "every image in the repository"),
    (r"aws:cloudwatch/logGroup:", "the logs"),
    (r"aws:kms/key:", "whatever is encrypted with the key"),
    (r"aws:(elasticache|redshift|opensearch|memorydb)/", "what it stores"),
    (r"aws:backup/vault:", "every backup in the vault"),
    (r"gcp:compute/(disk|regionDisk):", "everything on the disk"),
    (r"gcp:compute/(snapshot|image|machineImage):", "the snapshot"),
    (r"gcp:storage/bucket:", "every object in the bucket"),
    (r"gcp:(sql|spanner|alloydb|bigtable|firestore)/", "the database"),
    (r"gcp:filestore/instance:", "everything on the file system"),
    (r"gcp:artifactregistry/repository:", "every image in the repository"),
    (r"openstack:blockstorage/volume", "everything on the disk"),
    (r"openstack:objectstorage/container:", "every object in the container"),
    (r"openstack:database/", "the database"),
    (r"openstack:sharedfilesystem/share:", "everything on the file system"),
    (r"openstack:images/image:", "the image"),
    (r"pulumi-python:dynamic/berth:Bucket$", "every object in the bucket"),
    (r"kubernetes:core/v1:PersistentVolumeClaim$", "everything on its volume"),
    (r"kubernetes:core/v1:PersistentVolume$", "everything on the volume"),
    (r"kubernetes:core/v1:Namespace$", "everything in the namespace, its volumes too"),
    (r"kubernetes:apps/v1:StatefulSet$", "the volumes of its pods"),
    (r"kubernetes:snapshot\.storage\.k8s\.io/.*:VolumeSnapshot", "the snapshot"),
    (r"kubernetes:apiextensions\.k8s\.io/.*:CustomResourceDefinition$", "every object of this kind"),
)
_MADE_AGAIN: tuple[tuple[str, str], ...] = (
    (r"aws:s3/bucketObject(v2)?:", "the object"),
    (r"gcp:storage/bucketObject:", "the object"),
    (r"openstack:objectstorage/containerObject:", "the object"),
    (r"pulumi-python:dynamic/berth:Object$", "the object"),
)
_SCRATCH: tuple[tuple[str, str], ...] = (
    (r"(aws:ec2|gcp:compute|openstack:compute)/instance:", "what the machine has on its own disks"),
    (r"aws:autoscaling/group:", "what the machines have on their own disks"),
    (r"aws:eks/nodeGroup:|gcp:container/nodePool:", "what the nodes have on their own disks"),
)
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
GROUP = "aws:autoscaling/group:Group"


def of(step: Step, op: str) -> Loss | None:
    """What a step of a kind (delete or replace, else nothing) loses."""
    if op not in {"delete", "replace"} or step.old is None or step.old.retained:
        return None
    token = type_of(step.urn)
    props = {**step.old.outputs, **step.old.inputs}
    if _stays(token, props):
        return None
    tables: list[tuple[Kind, tuple[tuple[str, str], ...]]] = [("lasting", _LASTING), ("scratch", _SCRATCH)]
    if op == "delete":
        tables.append(("lasting", _MADE_AGAIN))
    for kind, table in tables:
        for pattern, what in table:
            if re.match(pattern, token):
                note, size = _note(token, props), _size(token, props)
                return Loss(kind=kind, what=f"{what}{size}", note=note)
    return None


def of_template(template: Step | None, group: Step | None) -> Loss | None:
    """What is lost when a group that refreshes itself replaces its machines.

    A group starts a refresh when its launch template changes.
    https://docs.aws.amazon.com/autoscaling/ec2/userguide/asg-instance-refresh.html
    """
    if group is None or group.new is None or group.old is None or not group.detailed:
        return None
    touched = any(
        path.startswith(("mixedInstancesPolicy", "launchTemplate", "launchConfiguration"))
        for path in group.detailed
    )
    wanted = number(group.old.inputs, "desiredCapacity")
    if not touched or not block(group.new.inputs, "instanceRefresh") or wanted == 0:
        return None
    disks = [
        block(each, "ebs")
        for each in blocks(template.old.inputs if template and template.old else {}, "blockDeviceMappings")
    ]
    gib = sum(number(disk, "volumeSize") or 0 for disk in disks)
    size = f" ({gib:g} GiB each)" if gib else ""
    return Loss(
        kind="scratch", what=f"what the machines have on their own disks{size}: they are replaced in turn"
    )


def _stays(token: str, props: Mapping[str, Any]) -> bool:
    """Whether Kubernetes keeps the data when the object goes.

    https://kubernetes.io/docs/concepts/storage/persistent-volumes/#retain
    https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#persistentvolumeclaim-retention
    """
    spec = block(props, "spec")
    if token.endswith(":PersistentVolume"):
        return text(spec, "persistentVolumeReclaimPolicy") == "Retain"
    kept = text(block(spec, "persistentVolumeClaimRetentionPolicy"), "whenDeleted")
    return token.endswith(":StatefulSet") and kept != "Delete"


def _note(token: str, props: Mapping[str, Any]) -> str:
    if token.startswith(("aws:s3/bucket:", "aws:s3/bucketV2:")) and not true(props, "forceDestroy"):
        return "AWS refuses while the bucket holds anything: forceDestroy is off"
    if token.startswith("aws:ecr/repository") and not true(props, "forceDelete"):
        return "AWS refuses while the repository holds images: forceDelete is off"
    if token.startswith("aws:rds/") and known(props.get("skipFinalSnapshot")) is False:
        return "a final snapshot is taken"
    if token.endswith(":PersistentVolumeClaim"):
        return "unless its volume's reclaim policy is Retain"
    return ""


def _size(token: str, props: Mapping[str, Any]) -> str:
    gib = number(props, "size") if re.search(r"[vV]olume|/disk:", token) else None
    claimed = text(block(block(block(props, "spec"), "resources"), "requests"), "storage")
    return f" ({gib:g} GiB)" if gib else f" ({claimed})" if claimed else ""
