"""Pods as this project runs them: PodSecurity `restricted`, a read-only root, and stated resources. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes as k8s

from infra.config import Pod
from infra.workload.volume import MOUNT_PATH

USER = 65532  # of the images; any user but root would do
SCRATCH = "/tmp"  # noqa: S108 - a volume of the pod's own
GPU = "nvidia.com/gpu"


@dataclass(frozen=True, kw_only=True)
class PodIdentity:
    """What a pod needs from its namespace.

    pull_secret: None where the registry asks for no login. key_secret: the Secret with the bucket's key pair.
    """

    namespace: pulumi.Input[str]
    key_secret: pulumi.Input[str]
    pull_secret: pulumi.Input[str] | None


@dataclass(frozen=True, kw_only=True)
class Volume:
    """A claim mounted at `MOUNT_PATH`."""

    claim: pulumi.Input[str]
    read_only: bool


@dataclass(frozen=True, kw_only=True)
class ContainerPlan:
    """The one container of a pod."""

    name: str
    image: str
    variables: Mapping[str, pulumi.Input[str]]
    resources: Pod
    gpus: int = 0
    ports: Sequence[k8s.core.v1.ContainerPortArgs] = field(default_factory=tuple)
    startup_probe: k8s.core.v1.ProbeArgs | None = None
    readiness_probe: k8s.core.v1.ProbeArgs | None = None
    liveness_probe: k8s.core.v1.ProbeArgs | None = None


def pod_spec(
    identity: PodIdentity,
    plan: ContainerPlan,
    *,
    service_account: pulumi.Input[str],
    volume: Volume | None,
    restart_policy: str,
    grace_seconds: int,
    spread: Mapping[str, str] | None = None,
) -> k8s.core.v1.PodSpecArgs:
    """One container that may do nothing to its node. spread: the labels of the pods to keep apart."""
    return k8s.core.v1.PodSpecArgs(
        service_account_name=service_account,
        automount_service_account_token=False,
        enable_service_links=False,
        restart_policy=restart_policy,
        termination_grace_period_seconds=grace_seconds,
        image_pull_secrets=None
        if identity.pull_secret is None
        else [k8s.core.v1.LocalObjectReferenceArgs(name=identity.pull_secret)],
        security_context=k8s.core.v1.PodSecurityContextArgs(
            run_as_non_root=True,
            run_as_user=USER,
            run_as_group=USER,
            fs_group=USER,
            fs_group_change_policy="OnRootMismatch",
            seccomp_profile=k8s.core.v1.SeccompProfileArgs(type="RuntimeDefault"),
        ),
        tolerations=[k8s.core.v1.TolerationArgs(key=GPU, operator="Exists", effect="NoSchedule")]
        if plan.gpus
        else None,
        topology_spread_constraints=None if spread is None else [_apart(spread)],
        containers=[_container(identity, plan, volume)],
        volumes=_volumes(volume),
    )


def resources(pod: Pod, gpus: int) -> k8s.core.v1.ResourceRequirementsArgs:
    """Memory is not overcommitted, so that no pod is killed for its neighbour's use. GPUs cannot be."""
    extended = {GPU: str(gpus)} if gpus else {}
    return k8s.core.v1.ResourceRequirementsArgs(
        requests={"cpu": pod.cpu, "memory": pod.memory, "ephemeral-storage": "64Mi", **extended},
        limits={"cpu": pod.cpu_limit, "memory": pod.memory, "ephemeral-storage": "2Gi", **extended},
    )


def http_probe(path: str, *, period: int, failures: int) -> k8s.core.v1.ProbeArgs:
    """A GET on the port named http. period: seconds between tries."""
    return k8s.core.v1.ProbeArgs(
        http_get=k8s.core.v1.HTTPGetActionArgs(path=path, port="http"),
        period_seconds=period,
        timeout_seconds=3,
        failure_threshold=failures,
    )


def _apart(labels: Mapping[str, str]) -> k8s.core.v1.TopologySpreadConstraintArgs:
    return k8s.core.v1.TopologySpreadConstraintArgs(
        max_skew=1,
        topology_key="kubernetes.io/hostname",
        when_unsatisfiable="ScheduleAnyway",  # on one node they share it
        label_selector=k8s.meta.v1.LabelSelectorArgs(match_labels=labels),
    )


def _container(
    identity: PodIdentity, plan: ContainerPlan, volume: Volume | None
) -> k8s.core.v1.ContainerArgs:
    variables = {"HOME": SCRATCH, **plan.variables}
    return k8s.core.v1.ContainerArgs(
        name=plan.name,
        image=plan.image,
        image_pull_policy="IfNotPresent",  # a tag names its content and never moves
        env=[k8s.core.v1.EnvVarArgs(name=name, value=value) for name, value in sorted(variables.items())],
        env_from=[
            k8s.core.v1.EnvFromSourceArgs(
                secret_ref=k8s.core.v1.SecretEnvSourceArgs(name=identity.key_secret)
            )
        ],
        ports=plan.ports or None,
        resources=resources(plan.resources, plan.gpus),
        security_context=k8s.core.v1.SecurityContextArgs(
            allow_privilege_escalation=False,
            privileged=False,
            read_only_root_filesystem=True,
            run_as_non_root=True,
            capabilities=k8s.core.v1.CapabilitiesArgs(drop=["ALL"]),
            seccomp_profile=k8s.core.v1.SeccompProfileArgs(type="RuntimeDefault"),
        ),
        startup_probe=plan.startup_probe,
        readiness_probe=plan.readiness_probe,
        liveness_probe=plan.liveness_probe,
        termination_message_policy="FallbackToLogsOnError",
        volume_mounts=_mounts(volume),
    )


def _mounts(volume: Volume | None) -> list[k8s.core.v1.VolumeMountArgs]:
    scratch = k8s.core.v1.VolumeMountArgs(name="scratch", mount_path=SCRATCH)
    if volume is None:
        return [scratch]
    model = k8s.core.v1.VolumeMountArgs(name="models", mount_path=MOUNT_PATH, read_only=volume.read_only)
    return [scratch, model]


def _volumes(volume: Volume | None) -> list[k8s.core.v1.VolumeArgs]:
    scratch = k8s.core.v1.VolumeArgs(
        name="scratch", empty_dir=k8s.core.v1.EmptyDirVolumeSourceArgs(size_limit="1Gi")
    )
    if volume is None:
        return [scratch]
    source = k8s.core.v1.PersistentVolumeClaimVolumeSourceArgs(
        claim_name=volume.claim, read_only=volume.read_only
    )
    return [scratch, k8s.core.v1.VolumeArgs(name="models", persistent_volume_claim=source)]
