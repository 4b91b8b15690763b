"""The training job: what it runs, how it survives being stopped, and what it reached."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from infra import naming
from infra.config import Training
from infra.storage import access
from infra.storage.connection import S3Connection
from infra.storage.s3 import JsonObject
from infra.tags import Labels
from infra.workload.pod import ContainerPlan, PodIdentity, Volume, pod_spec
from infra.workload.run import hyperparameters, run_name
from infra.workload.volume import MOUNT_PATH

COMPONENT = "training"
_BAD_OPTIONS = 2  # exit status of the workload where trying again cannot help


@dataclass(frozen=True, kw_only=True)
class TrainingJobArgs:
    """image: with its tag. claim: of the shared volume; None where the model goes to the bucket."""

    model: str
    identity: PodIdentity
    image: str
    training: Training
    gpus: int
    bucket: pulumi.Input[str]
    connection: S3Connection
    dataset_key: pulumi.Input[str]
    dataset_digest: str
    claim: pulumi.Input[str] | None
    labels: Labels


class TrainingJob(pulumi.ComponentResource):
    """A run of training to its end.

    A changed hyperparameter, image or data set makes another run under another name. Any other change runs
    the same one again, which resumes at its newest checkpoint.
    """

    result: pulumi.Output[dict[str, Any]]
    model_sha256: pulumi.Output[str]
    model_location: dict[str, str]

    def __init__(self, name: str, args: TrainingJobArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("berth:workload:TrainingJob", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        run = run_name(args.image, args.dataset_digest, args.training, shared_volume=args.claim is not None)
        prefix = naming.run_prefix(args.model, run)
        job_name = naming.dns_label(args.model, COMPONENT, run)
        labels = args.labels.of(args.model, COMPONENT)
        namespace = args.identity.namespace
        account = k8s.core.v1.ServiceAccount(
            f"{name}-account",
            metadata=k8s.meta.v1.ObjectMetaArgs(
                name=naming.dns_label(args.model, COMPONENT), namespace=namespace, labels=labels
            ),
            automount_service_account_token=False,
            opts=child,
        )
        job = k8s.batch.v1.Job(
            f"{name}-job",
            metadata=k8s.meta.v1.ObjectMetaArgs(name=job_name, namespace=namespace, labels=labels),
            spec=k8s.batch.v1.JobSpecArgs(
                backoff_limit=args.training.retries,
                active_deadline_seconds=args.training.timeout_minutes * 60,
                pod_failure_policy=failure_policy(),
                template=k8s.core.v1.PodTemplateSpecArgs(
                    metadata=k8s.meta.v1.ObjectMetaArgs(labels={**labels, **access.POD_LABEL}),
                    spec=pod_spec(
                        args.identity,
                        ContainerPlan(
                            name="train",
                            image=args.image,
                            variables=_variables(args, prefix, run),
                            resources=args.training.resources,
                            gpus=args.gpus,
                        ),
                        service_account=account.metadata.name,
                        volume=None if args.claim is None else Volume(claim=args.claim, read_only=False),
                        restart_policy="Never",
                        grace_seconds=args.training.grace_seconds,
                    ),
                ),
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                custom_timeouts=pulumi.CustomTimeouts(create=f"{args.training.timeout_minutes + 5}m"),
            ),
        )
        results = JsonObject(
            f"{name}-results",
            bucket=args.bucket,
            key=f"{prefix}/results.json",
            written_by=job.metadata.uid,
            connection=args.connection,
            opts=child,
        )
        self.result = pulumi.Output.all(content=results.content, job=job.metadata.name, prefix=prefix).apply(
            _result
        )
        self.model_sha256 = results.content["model_sha256"]
        self.model_location = model_location(prefix, run, shared=args.claim is not None)
        self.register_outputs({"result": self.result, "model_sha256": self.model_sha256})


def model_location(prefix: str, run: str, *, shared: bool) -> dict[str, str]:
    """The variables that tell the prediction service where the model is."""
    return {"MODEL_DIR": f"{MOUNT_PATH}/{run}"} if shared else {"MODEL_KEY": f"{prefix}/model/model.json"}


def failure_policy() -> k8s.batch.v1.PodFailurePolicyArgs:
    """A pod that was evicted or preempted costs no retry; wrong options end the job at once."""
    return k8s.batch.v1.PodFailurePolicyArgs(
        rules=[
            k8s.batch.v1.PodFailurePolicyRuleArgs(
                action="Ignore",
                on_pod_conditions=[
                    k8s.batch.v1.PodFailurePolicyOnPodConditionsPatternArgs(
                        type="DisruptionTarget", status="True"
                    )
                ],
            ),
            k8s.batch.v1.PodFailurePolicyRuleArgs(
                action="FailJob",
                on_exit_codes=k8s.batch.v1.PodFailurePolicyOnExitCodesRequirementArgs(
                    container_name="train", operator="In", values=[_BAD_OPTIONS]
                ),
            ),
        ]
    )


def _variables(args: TrainingJobArgs, prefix: str, run: str) -> Mapping[str, pulumi.Input[str]]:
    shared = model_location(prefix, run, shared=True) if args.claim is not None else {}
    return {
        **access.variables(args.bucket, args.connection),
        **hyperparameters(args.training),
        **shared,
        "DATASET_KEY": args.dataset_key,
        "RUN_PREFIX": prefix,
    }


def _result(known: dict[str, Any]) -> dict[str, Any]:
    """`infra.outputs.TrainingResult` as a mapping."""
    content = known["content"]
    return {
        "accuracy": content["accuracy"],
        "steps": int(content["steps"]),
        "duration_seconds": content["duration_seconds"],
        "run_prefix": known["prefix"],
        "job": known["job"],
    }
