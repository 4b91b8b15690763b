"""The arguments and flags that several commands share."""

from typing import Annotated, Optional

import typer

Env = Annotated[str, typer.Argument(metavar="ENV", help="Environment: a values file stacks/Pulumi.ENV.yaml.")]
MaybeEnv = Annotated[
    Optional[str],  # noqa: UP045 - typer reads it
    typer.Argument(metavar="[ENV]", help="Environment; without it, the rehearsal as a whole."),
]
Cluster = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        metavar="embedded|kind|current",
        help="Kubernetes of its own (default), a running kind cluster, or the current kubeconfig context.",
    ),
]
Gpus = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(min=0, max=1024, metavar="N", help="Simulated GPUs of the node."),
]
Machines = Annotated[
    Optional[bool],  # noqa: UP045
    typer.Option("--machines/--no-machines", help="Whether emulated instances really boot (they do)."),
]
Refresh = Annotated[bool, typer.Option("--refresh", help="Ask first what has changed behind Pulumi's back.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
KeepSnapshots = Annotated[
    bool,
    typer.Option("--keep-snapshots", help="Save every disk in a snapshot first, not protected ones alone."),
]
ClusterGone = Annotated[
    bool,
    typer.Option(
        "--cluster-gone", help="The Kubernetes cluster that does not answer is gone: forget its objects."
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the whole plan; change nothing.")]
Purge = Annotated[bool, typer.Option("--purge", help="Remove the caches too.")]
Threshold = Annotated[
    float,
    typer.Option(min=0.0, max=1.0, help="Least share of right predictions, and least training accuracy."),
]
Minutes = Annotated[
    float, typer.Option("--minutes", min=0.1, help="How long to wait until machines have come up.")
]
Samples = Annotated[int, typer.Option(min=1, max=1000, help="Held-out samples to predict.")]
