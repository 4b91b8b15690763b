"""The values of `local`: an environment on a cluster that is already there."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from infra.config.shared import Environment, Hyperparameters
from infra.values import (
    BucketName,
    Bytes,
    Cpu,
    DnsLabel,
    DnsName,
    Endpoint,
    LabelValue,
    Milliseconds,
    NetworkRange,
    RegistryServer,
    Repository,
    Some,
    Values,
    byte_count,
    millicores,
)

_MONTH_MINUTES = 43_200
Replicas = Annotated[int, Field(ge=1, le=1000)]


def _own_namespace(name: str) -> str:
    """https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/#initial-namespaces."""
    if name == "default" or name.startswith("kube-"):
        raise ValueError("is Kubernetes' own namespace; name one that berth creates")
    return name


class Kubernetes(Values):
    """Which cluster: the ambient kubeconfig's current context unless one is named."""

    context: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, description="kubeconfig context; absent: the current one", examples=["admin@lab"]
    )


class Registry(Values):
    """Where images are pulled from."""

    server: RegistryServer = Field(
        description="host and port, no scheme", examples=["registry.example.org:5000"]
    )
    private: bool = Field(
        default=True,
        description="pods need a login, taken from the container tools' own login file",
        examples=[True],
    )


class Images(Values):
    """Repositories; their tags follow from the content of `images/` and `workloads/`."""

    train: Repository = Field(
        default="berth/train", description="the training image", examples=["berth/train"]
    )
    serve: Repository = Field(
        default="berth/serve", description="the serving image", examples=["berth/serve"]
    )


class Storage(Values):
    """An S3-compatible bucket, created with the environment and emptied with it."""

    bucket: BucketName = Field(description="name of the bucket", examples=["berth-local"])
    endpoint_url: Endpoint = Field(description="the S3 server", examples=["https://s3.example.org"])
    region: LabelValue = Field(default="us-east-1", description="signing region", examples=["us-east-1"])
    signature_version: Literal["s3v4", "s3"] = Field(
        default="s3v4", description="s3 is signature version 2, for old servers", examples=["s3v4"]
    )
    addressing_style: Literal["path", "virtual", "auto"] = Field(
        default="path", description="bucket in the path or in the host name", examples=["path"]
    )


class SharedVolume(Values):
    """The volume that training writes the model to when `model_store` is shared-volume."""

    size: Bytes = Field(default="2Gi", description="capacity", examples=["2Gi"])
    storage_class: DnsName | None = Field(
        default=None, description="absent: the cluster's default class", examples=["local-path"]
    )


class Pod(Values):
    """The resources of one pod: requests, and limits of CPU and memory."""

    cpu: Cpu = Field(description="CPU request", examples=["500m"])
    cpu_limit: Cpu = Field(description="CPU limit", examples=["2"])
    memory: Bytes = Field(description="memory request and limit", examples=["1Gi"])

    @model_validator(mode="after")
    def _limit_is_not_below_the_request(self) -> "Pod":
        if millicores(self.cpu_limit) < millicores(self.cpu):
            raise ValueError(f"cpu_limit ({self.cpu_limit}) is below cpu ({self.cpu})")
        return self


class Training(Hyperparameters):
    """Hyperparameters, and what the training job may take. A change of a hyperparameter trains again."""

    resources: Pod = Field(
        default=Pod(cpu="500m", cpu_limit="2", memory="1536Mi"),
        description="of the pod",
        examples=[{"cpu": "500m", "cpu_limit": "2", "memory": "1536Mi"}],
    )
    retries: int = Field(
        default=4, ge=0, le=1000, description="failures before the job is given up", examples=[4]
    )
    timeout_minutes: int = Field(
        default=30, ge=1, le=_MONTH_MINUTES, description="for the whole job, retries included", examples=[30]
    )
    grace_seconds: int = Field(
        default=60, ge=1, le=3600, description="to write a checkpoint when told to stop", examples=[60]
    )


class Inference(Values):
    """The service that answers predictions, and how far it scales."""

    min_replicas: Replicas = Field(default=2, description="pods at least", examples=[2])
    max_replicas: Replicas = Field(default=3, description="pods at most", examples=[3])
    target_cpu_percent: int = Field(default=70, ge=1, le=100, description="of the CPU request", examples=[70])
    port: int = Field(default=80, ge=1, le=65535, description="of the service's address", examples=[80])
    allowed_sources: Annotated[tuple[NetworkRange, ...], Some] = Field(
        default=("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
        description="who may ask for predictions; private addresses unless others are named",
        examples=[["10.0.0.0/8"]],
    )
    max_batch_size: int = Field(
        default=64, ge=1, le=4096, description="images predicted together", examples=[64]
    )
    max_batch_delay_ms: Milliseconds = Field(default=2, description="wait for a fuller batch", examples=[2])
    drain_seconds: int = Field(
        default=5,
        ge=1,
        le=600,
        description="for which a pod that is told to stop answers new requests",
        examples=[5],
    )
    resources: Pod = Field(
        default=Pod(cpu="100m", cpu_limit="1", memory="768Mi"),
        description="of a pod",
        examples=[{"cpu": "100m", "cpu_limit": "1", "memory": "768Mi"}],
    )

    @model_validator(mode="after")
    def _at_most_is_not_below_at_least(self) -> "Inference":
        if self.max_replicas < self.min_replicas:
            raise ValueError(
                f"max_replicas ({self.max_replicas}) is below min_replicas ({self.min_replicas})"
            )
        return self


class Quota(Values):
    """The most that all pods of the namespace may ask for together."""

    cpu: Cpu = Field(default="8", description="sum of CPU requests", examples=["8"])
    memory: Bytes = Field(default="12Gi", description="sum of memory requests and limits", examples=["12Gi"])
    pods: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=20, description="pods that have not finished", examples=[20]
    )


class LocalEnvironment(Environment):
    """An environment on a cluster that is already there."""

    target: Literal["local"] = Field(description="which program builds it", examples=["local"])
    kubernetes: Kubernetes = Field(
        default=Kubernetes(), description="the cluster", examples=[{"context": "admin@lab"}]
    )
    namespace: Annotated[DnsLabel, AfterValidator(_own_namespace)] = Field(
        description="Kubernetes namespace, created by berth", examples=["berth-local"]
    )
    registry: Registry = Field(examples=[{"server": "registry.example.org:5000"}])
    images: Images = Field(default=Images(), examples=[{"train": "berth/train", "serve": "berth/serve"}])
    storage: Storage = Field(
        examples=[{"bucket": "berth-local", "endpoint_url": "https://s3.example.org"}],
    )
    model_store: Literal["s3", "shared-volume"] = Field(
        default="s3", description="how the model gets from training to serving", examples=["s3"]
    )
    shared_volume: SharedVolume = Field(default=SharedVolume(), examples=[{"size": "2Gi"}])
    training: Training = Field(default=Training(), examples=[{"epochs": 40}])
    inference: Inference = Field(default=Inference(), examples=[{"min_replicas": 2}])
    quota: Quota = Field(default=Quota(), examples=[{"cpu": "8", "memory": "12Gi", "pods": 20}])
    gpus: int = Field(default=0, ge=0, le=1024, description="GPUs of the training pod", examples=[0])

    @model_validator(mode="after")
    def _quota_holds_the_pods(self) -> "LocalEnvironment":
        pods = [self.training.resources] + [self.inference.resources] * (self.inference.max_replicas + 1)
        asked = sum(byte_count(pod.memory) for pod in pods)
        if asked > byte_count(self.quota.memory):
            raise ValueError(
                f"quota.memory ({self.quota.memory}) is below the {asked // 2**20}Mi of one training pod and "
                f"{self.inference.max_replicas} + 1 inference pods (one more while a change rolls out)"
            )
        cores = sum(millicores(pod.cpu) for pod in pods)
        if cores > millicores(self.quota.cpu):
            raise ValueError(f"quota.cpu ({self.quota.cpu}) is below the {cores}m that these pods ask for")
        if len(pods) > self.quota.pods:
            raise ValueError(
                f"quota.pods ({self.quota.pods}) is below the {len(pods)} pods of this environment"
            )
        return self
