"""What keeps a Deployment's pods enough, available and unreached by others."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from infra.config import Inference


@dataclass(frozen=True, kw_only=True)
class Guard:
    """metadata: name, namespace and labels for the objects. deployment: name of the one to scale."""

    metadata: k8s.meta.v1.ObjectMetaArgs
    selector: Mapping[str, str]
    inference: Inference
    deployment: pulumi.Input[str]
    port: int


def guard(name: str, args: Guard, opts: pulumi.ResourceOptions) -> None:
    """Declare the autoscaler, the disruption budget and the network policy of a Deployment."""
    pods = k8s.meta.v1.LabelSelectorArgs(match_labels=args.selector)
    k8s.autoscaling.v2.HorizontalPodAutoscaler(
        f"{name}-autoscaler",
        metadata=args.metadata,
        spec=k8s.autoscaling.v2.HorizontalPodAutoscalerSpecArgs(
            scale_target_ref=k8s.autoscaling.v2.CrossVersionObjectReferenceArgs(
                api_version="apps/v1", kind="Deployment", name=args.deployment
            ),
            min_replicas=args.inference.min_replicas,
            max_replicas=args.inference.max_replicas,
            metrics=[
                k8s.autoscaling.v2.MetricSpecArgs(
                    type="Resource",
                    resource=k8s.autoscaling.v2.ResourceMetricSourceArgs(
                        name="cpu",
                        target=k8s.autoscaling.v2.MetricTargetArgs(
                            type="Utilization", average_utilization=args.inference.target_cpu_percent
                        ),
                    ),
                )
            ],
        ),
        opts=opts,
    )
    k8s.policy.v1.PodDisruptionBudget(
        f"{name}-budget",
        metadata=args.metadata,
        # Not min_available: with one replica that would forbid a node's drain for ever.
        spec=k8s.policy.v1.PodDisruptionBudgetSpecArgs(max_unavailable=1, selector=pods),
        opts=opts,
    )
    k8s.networking.v1.NetworkPolicy(
        f"{name}-ingress",
        metadata=args.metadata,
        spec=k8s.networking.v1.NetworkPolicySpecArgs(
            pod_selector=pods,
            policy_types=["Ingress"],
            ingress=[
                k8s.networking.v1.NetworkPolicyIngressRuleArgs(
                    from_=[
                        k8s.networking.v1.NetworkPolicyPeerArgs(
                            ip_block=k8s.networking.v1.IPBlockArgs(cidr=source)
                        )
                        for source in args.inference.allowed_sources
                    ],
                    ports=[k8s.networking.v1.NetworkPolicyPortArgs(protocol="TCP", port=args.port)],
                )
            ],
        ),
        opts=opts,
    )
