"""The prediction service: its pods, how they are replaced without a dropped request, and its address."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from infra import naming
from infra.config import Inference
from infra.storage import access
from infra.storage.connection import S3Connection
from infra.tags import Labels
from infra.workload.pod import ContainerPlan, PodIdentity, Volume, http_probe, pod_spec
from infra.workload.scaling import Guard, guard

COMPONENT = "inference"
PORT = 8080
HTTP = 80
FINISH_SECONDS = 25  # for the requests that a pod has accepted when it stops to accept any


@dataclass(frozen=True, kw_only=True)
class InferenceServiceArgs:
    """model_location: `TrainingJob.model_location`. model_sha256: a new model rolls the pods."""

    model: str
    identity: PodIdentity
    image: str
    inference: Inference
    bucket: pulumi.Input[str]
    connection: S3Connection
    model_location: Mapping[str, str]
    model_sha256: pulumi.Input[str]
    claim: pulumi.Input[str] | None
    labels: Labels


class InferenceService(pulumi.ComponentResource):
    """A model that answers over HTTP."""

    service: pulumi.Output[str]
    predict_url: pulumi.Output[str]

    def __init__(
        self, name: str, args: InferenceServiceArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("berth:workload:InferenceService", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        labels = args.labels.of(args.model, COMPONENT)
        selector = args.labels.selector(args.model, COMPONENT)
        object_name = naming.dns_label(args.model, COMPONENT)
        metadata = k8s.meta.v1.ObjectMetaArgs(
            name=object_name, namespace=args.identity.namespace, labels=labels
        )
        account = k8s.core.v1.ServiceAccount(
            f"{name}-account", metadata=metadata, automount_service_account_token=False, opts=child
        )
        deployment = k8s.apps.v1.Deployment(
            f"{name}-deployment",
            metadata=metadata,
            spec=k8s.apps.v1.DeploymentSpecArgs(
                # No `replicas`: the autoscaler owns them.
                selector=k8s.meta.v1.LabelSelectorArgs(match_labels=selector),
                strategy=rolling_update(),
                min_ready_seconds=2,
                revision_history_limit=5,
                progress_deadline_seconds=300,
                template=k8s.core.v1.PodTemplateSpecArgs(
                    metadata=k8s.meta.v1.ObjectMetaArgs(
                        labels={**labels, **access.POD_LABEL},
                        annotations={"berth.dev/model-sha256": args.model_sha256},
                    ),
                    spec=pod_spec(
                        args.identity,
                        _container(args),
                        service_account=account.metadata.name,
                        volume=None if args.claim is None else Volume(claim=args.claim, read_only=True),
                        restart_policy="Always",
                        grace_seconds=args.inference.drain_seconds + FINISH_SECONDS,
                        spread=selector,
                    ),
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self, custom_timeouts=pulumi.CustomTimeouts(create="10m")),
        )
        guard(
            name,
            Guard(
                metadata=metadata,
                selector=selector,
                inference=args.inference,
                deployment=deployment.metadata.name,
                port=PORT,
            ),
            child,
        )
        service = k8s.core.v1.Service(
            f"{name}-service",
            metadata=k8s.meta.v1.ObjectMetaArgs(
                name=args.model, namespace=args.identity.namespace, labels=labels
            ),
            spec=k8s.core.v1.ServiceSpecArgs(
                type="LoadBalancer",
                selector=selector,
                ports=[
                    k8s.core.v1.ServicePortArgs(
                        name="http", port=args.inference.port, target_port="http", protocol="TCP"
                    )
                ],
                load_balancer_source_ranges=source_ranges(args.inference),
            ),
            # A Service is awaited until pods answer, and these start only when training has ended.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[deployment]),
        )
        self.service = service.metadata.name
        self.predict_url = service.status.apply(lambda status: _base_url(status, args.inference.port))
        self.register_outputs({"service": self.service, "predict_url": self.predict_url})


def rolling_update() -> k8s.apps.v1.DeploymentStrategyArgs:
    """A pod goes only after its successor is ready; told to stop, it still answers while the news spreads."""
    return k8s.apps.v1.DeploymentStrategyArgs(
        type="RollingUpdate",
        rolling_update=k8s.apps.v1.RollingUpdateDeploymentArgs(max_unavailable=0, max_surge=1),
    )


def source_ranges(inference: Inference) -> list[str] | None:
    """None where everybody may ask: some load balancers make a rule for each range."""
    ranges = list(inference.allowed_sources)
    return None if "0.0.0.0/0" in ranges else ranges


def _container(args: InferenceServiceArgs) -> ContainerPlan:
    return ContainerPlan(
        name="serve",
        image=args.image,
        variables={
            **access.variables(args.bucket, args.connection),
            **args.model_location,
            "MODEL_NAME": args.model,
            "PORT": str(PORT),
            "MAX_BATCH_SIZE": str(args.inference.max_batch_size),
            "MAX_BATCH_DELAY_MS": str(args.inference.max_batch_delay_ms),
            "DRAIN_SECONDS": str(args.inference.drain_seconds),
        },
        resources=args.inference.resources,
        ports=[k8s.core.v1.ContainerPortArgs(name="http", container_port=PORT, protocol="TCP")],
        startup_probe=http_probe("/livez", period=1, failures=120),
        readiness_probe=http_probe("/readyz", period=2, failures=2),
        liveness_probe=http_probe("/livez", period=10, failures=3),
    )


def _base_url(status: k8s.core.v1.outputs.ServiceStatus | None, port: int) -> str:
    """The service's address as the load balancer published it. Raises ValueError where it published none."""
    ingress = status.load_balancer.ingress if status and status.load_balancer else None
    if not ingress:
        raise ValueError("the service has no address: the cluster has nothing that serves type LoadBalancer")
    host = ingress[0].ip or ingress[0].hostname
    return f"http://{host}" if port == HTTP else f"http://{host}:{port}"
