import previews
import pytest
from steps import recording, step

from infra.spend.preview import changes, losses

KEEPS = {"spec": {"persistentVolumeReclaimPolicy": "Retain"}}
GOES = {"spec": {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete"}}}
CLAIM = {"spec": {"resources": {"requests": {"storage": "5Gi"}}}}
GROUP = "aws:autoscaling/group:Group"
TEMPLATE_CHANGES = {"mixedInstancesPolicy.launchTemplate.launchTemplateSpecification.version": "update"}


@pytest.mark.parametrize(
    ("op", "token", "inputs", "kind", "words"),
    [
        ("delete", "aws:ebs/volume:Volume", {"size": 60}, "lasting", "everything on the disk (60 GiB)"),
        ("replace", "aws:s3/bucket:Bucket", {"forceDestroy": True}, "lasting", "every object"),
        ("delete", "aws:s3/bucketObjectv2:BucketObjectv2", {}, "lasting", "the object"),
        ("delete", "pulumi-python:dynamic/berth:Object", {"size": 99999}, "lasting", "the object"),
        ("delete", "aws:rds/instance:Instance", {}, "lasting", "the database"),
        ("delete", "aws:efs/fileSystem:FileSystem", {}, "lasting", "file system"),
        ("delete", "aws:ebs/snapshot:Snapshot", {}, "lasting", "snapshot"),
        ("delete", "aws:ecr/repository:Repository", {}, "lasting", "every image"),
        ("delete", "kubernetes:core/v1:PersistentVolumeClaim", CLAIM, "lasting", "its volume (5Gi)"),
        ("delete", "kubernetes:core/v1:PersistentVolume", {}, "lasting", "the volume"),
        ("delete", "kubernetes:core/v1:Namespace", {}, "lasting", "everything in the namespace"),
        ("delete", "pulumi-python:dynamic/berth:Bucket", {}, "lasting", "every object in the bucket"),
        ("delete", "kubernetes:apps/v1:StatefulSet", GOES, "lasting", "volumes of its pods"),
        ("delete", "openstack:blockstorage/volume:Volume", {"size": 20}, "lasting", "disk (20 GiB)"),
        ("replace", "gcp:compute/disk:Disk", {"size": 20}, "lasting", "disk (20 GiB)"),
        ("delete", "aws:ec2/instance:Instance", {}, "scratch", "own disks"),
        ("replace", "aws:autoscaling/group:Group", {}, "scratch", "own disks"),
    ],
)
def test_data_that_goes_is_told(
    op: str, token: str, inputs: dict[str, object], kind: str, words: str
) -> None:
    loss = losses.of(step(op, token, inputs=inputs), op)
    assert loss is not None
    assert loss.kind == kind
    assert words in loss.what


@pytest.mark.parametrize(
    ("op", "token", "more"),
    [
        ("update", "aws:ebs/volume:Volume", {}),
        ("create", "aws:ebs/volume:Volume", {}),
        ("delete", "aws:ec2/vpc:Vpc", {}),
        ("delete", "aws:s3/bucketPolicy:BucketPolicy", {}),
        ("delete", "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", {}),
        ("replace", "aws:s3/bucketObjectv2:BucketObjectv2", {}),
        ("delete", "aws:ebs/volume:Volume", {"retained": True}),
        ("delete", "kubernetes:core/v1:PersistentVolume", {"inputs": KEEPS}),
        ("delete", "kubernetes:apps/v1:Deployment", {}),
        ("delete", "kubernetes:apps/v1:StatefulSet", {}),
    ],
)
def test_what_loses_nothing_is_not_told(op: str, token: str, more: dict[str, object]) -> None:
    assert losses.of(step(op, token, **more), op) is None


def test_what_stands_in_the_way_of_a_loss_is_said() -> None:
    loss = losses.of(step("delete", "aws:s3/bucket:Bucket"), "delete")
    assert loss is not None
    assert "forceDestroy" in loss.note
    (one,) = changes.of(recording(step("delete", "aws:ebs/volume:Volume", protect=True))).all
    assert one.protected


def test_a_group_that_refreshes_itself_loses_what_its_machines_have() -> None:
    (loss,) = changes.of(previews.recorded("bigger-machine")).losses[-1:]
    assert loss.type == GROUP
    assert loss.op == "update"
    assert loss.loss is not None
    assert loss.loss.kind == "scratch"
    assert "80 GiB each" in loss.loss.what


@pytest.mark.parametrize(
    ("group", "detailed"),
    [
        ({"desiredCapacity": 1}, TEMPLATE_CHANGES),
        ({"desiredCapacity": 0, "instanceRefresh": {"strategy": "Rolling"}}, TEMPLATE_CHANGES),
        ({"desiredCapacity": 1, "instanceRefresh": {"strategy": "Rolling"}}, {"maxSize": "update"}),
    ],
    ids=["no refresh", "no machines", "another property"],
)
def test_a_group_that_keeps_its_machines_loses_nothing(
    group: dict[str, object], detailed: dict[str, str]
) -> None:
    assert not changes.of(recording(step("update", GROUP, inputs=group, detailed=detailed))).losses
