"""StackOutputs: what a stack tells the command line, tests and people. The contract with everything outside.

Written once by the program, as Pulumi outputs, and read back from `pulumi stack output --json`. Needs no
Pulumi, so that the command line starts fast.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pulumi

Text = TypeVar("Text")
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """What the training job reached.

    accuracy: share of the held-out images predicted right, 0 to 1. duration_seconds: of the last attempt.
    run_prefix: where in the bucket the run keeps its files. job: name of the Kubernetes Job.
    """

    accuracy: float
    steps: int
    duration_seconds: float
    run_prefix: str
    job: str

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> TrainingResult:
        return cls(
            accuracy=float(values["accuracy"]),
            steps=int(values["steps"]),
            duration_seconds=float(values["duration_seconds"]),
            run_prefix=str(values["run_prefix"]),
            job=str(values["job"]),
        )


@dataclass(frozen=True, kw_only=True)
class StackOutputs(Generic[Text, Result]):
    """The outputs of any environment.

    predict_url: base URL of the prediction service. s3_endpoint_url: without the bucket.
    """

    environment: str
    namespace: Text
    bucket: Text
    s3_endpoint_url: Text
    predict_url: Text
    service: Text
    model_name: str
    training: Result

    def exports(self) -> dict[str, Any]:
        """Name and value of each stack output."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


Deployed: TypeAlias = "StackOutputs[str, TrainingResult]"
Declared: TypeAlias = "StackOutputs[pulumi.Input[str], pulumi.Output[dict[str, Any]]]"


def from_mapping(outputs: Mapping[str, Any]) -> Deployed:
    """The outputs as `pulumi stack output --json` prints them. Raises KeyError naming the outputs missing."""
    names = {field.name for field in dataclasses.fields(StackOutputs)}
    missing = sorted(names - outputs.keys())
    if missing:
        raise KeyError(", ".join(missing))
    known = {name: outputs[name] for name in names - {"training"}}
    return StackOutputs(**known, training=TrainingResult.from_mapping(outputs["training"]))


Place = TypeVar("Place")


@dataclass(frozen=True, kw_only=True)
class AwsVmOutputs(Generic[Text, Place]):
    """The outputs of an `aws-vm` environment. Place: None where there is none.

    access: ssm, bastion or instance-connect. machine_group: the auto-scaling group, whose instances carry the
    tag berth:role=machine. repositories, images: train and serve; images are whole references. The ports are
    on the machine's loopback. run_prefix: where in the bucket training writes.
    """

    environment: str
    target: str
    region: str
    account_id: str
    access: str
    bastion_instance_id: Place
    bastion_address: Place
    bastion_user: str
    prefix_list_id: Place
    machine_group: Text
    machine_user: str
    machine_count: int
    accelerator: str
    launch_template_id: Text
    image_id: Text
    bucket: Text
    repositories: dict[str, Text]
    images: dict[str, Text]
    model_name: str
    run_prefix: str
    predict_port: int
    jupyter_port: int | None
    expires_at: str
    budget_name: Text

    def exports(self) -> dict[str, Any]:
        """Name and value of each stack output."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


AwsVmDeployed: TypeAlias = "AwsVmOutputs[str, str | None]"
AwsVmDeclared: TypeAlias = "AwsVmOutputs[pulumi.Input[str], pulumi.Input[str] | None]"


def aws_vm_from_mapping(outputs: Mapping[str, Any]) -> AwsVmDeployed:
    """The outputs as `pulumi stack output --json` prints them. Raises KeyError naming the outputs missing.

    What has no value (a bastion, say) is exported as null, or, as Pulumi does with nulls, not at all.
    """
    optional = {"bastion_instance_id", "bastion_address", "prefix_list_id", "jupyter_port"}
    names = {field.name for field in dataclasses.fields(AwsVmOutputs)}
    missing = sorted(names - optional - outputs.keys())
    if missing:
        raise KeyError(", ".join(missing))
    values: dict[str, Any] = {name: outputs.get(name) for name in names}
    for whole in ("machine_count", "predict_port", "jupyter_port"):
        values[whole] = None if values[whole] is None else int(values[whole])
    return AwsVmOutputs(**values)
