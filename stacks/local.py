"""A cluster at hand: train a model on it, and serve it there."""

import os

import pulumi

from infra.cluster.local import LocalCluster, LocalClusterArgs
from infra.config import LocalEnvironment
from infra.naming import image_reference
from infra.outputs import Declared, StackOutputs
from infra.registry.content import content_tag
from infra.registry.login import pull_login
from infra.registry.pull_secret import PullSecret, PullSecretArgs
from infra.storage.access import BucketAccess, BucketAccessArgs
from infra.storage.connection import S3Connection, credentials
from infra.storage.s3 import Bucket
from infra.tags import Labels
from infra.workload.dataset import Dataset, DatasetArgs, packaged_digest
from infra.workload.inference import InferenceService, InferenceServiceArgs
from infra.workload.namespace import Namespace, NamespaceArgs
from infra.workload.pod import PodIdentity
from infra.workload.training import TrainingJob, TrainingJobArgs
from infra.workload.volume import SharedVolume, SharedVolumeArgs


def build(env: LocalEnvironment) -> Declared:
    """Declare the environment. Raises ConfigError where a login or a key pair is missing."""
    labels = Labels(environment=env.environment, owner=env.owner)
    key_pair = credentials(env.environment, os.environ)
    login = pull_login(env.environment, env.registry.server, os.environ) if env.registry.private else None
    connection = S3Connection(
        endpoint_url=env.storage.endpoint_url,
        region=env.storage.region,
        signature_version=env.storage.signature_version,
        addressing_style=env.storage.addressing_style,
    )
    digest = packaged_digest()

    cluster = LocalCluster("cluster", LocalClusterArgs(context=env.kubernetes.context))
    on_cluster = pulumi.ResourceOptions(provider=cluster.provider)
    space = Namespace(
        "namespace",
        NamespaceArgs(namespace=env.namespace, quota=env.quota, gpus=env.gpus, labels=labels.common()),
        on_cluster,
    )
    namespace = space.namespace
    bucket = Bucket("bucket", bucket=env.storage.bucket, connection=connection).bucket
    dataset = Dataset("dataset", DatasetArgs(bucket=bucket, digest=digest, connection=connection))
    access = BucketAccess(
        "storage",
        BucketAccessArgs(
            namespace=namespace, connection=connection, credentials=key_pair, labels=labels.common()
        ),
        on_cluster,
    )
    pull_secret = None
    if login is not None:
        registry = PullSecretArgs(namespace=namespace, login=login, labels=labels.common())
        pull_secret = PullSecret("registry", registry, on_cluster).secret_name
    claim = None
    if env.model_store == "shared-volume":
        volume = SharedVolumeArgs(
            namespace=namespace,
            claim="models",
            size=env.shared_volume.size,
            storage_class=env.shared_volume.storage_class,
            labels=labels.common(),
        )
        claim = SharedVolume("models", volume, on_cluster).claim
    identity = PodIdentity(namespace=namespace, key_secret=access.secret_name, pull_secret=pull_secret)

    training = TrainingJob(
        "training",
        TrainingJobArgs(
            model=env.model_name,
            identity=identity,
            image=image_reference(env.registry.server, env.images.train, content_tag("train")),
            training=env.training,
            gpus=env.gpus,
            bucket=bucket,
            connection=connection,
            dataset_key=dataset.key,
            dataset_digest=digest,
            claim=claim,
            labels=labels,
        ),
        on_cluster,
    )
    inference = InferenceService(
        "inference",
        InferenceServiceArgs(
            model=env.model_name,
            identity=identity,
            image=image_reference(env.registry.server, env.images.serve, content_tag("serve")),
            inference=env.inference,
            bucket=bucket,
            connection=connection,
            model_location=training.model_location,
            model_sha256=training.model_sha256,
            claim=claim,
            labels=labels,
        ),
        on_cluster,
    )
    return StackOutputs(
        environment=env.environment,
        namespace=namespace,
        bucket=bucket,
        s3_endpoint_url=connection.endpoint_url,
        predict_url=inference.predict_url,
        service=inference.service,
        model_name=env.model_name,
        training=training.result,
    )
