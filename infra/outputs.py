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
