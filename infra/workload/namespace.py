"""A namespace that holds its pods to rules: pod security, quota, defaults, and no traffic unasked for."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from infra.config import Quota

_LEVEL = "restricted"


@dataclass(frozen=True, kw_only=True)
class NamespaceArgs:
    """gpus: the most that the namespace's pods may hold together."""

    namespace: str
    quota: Quota
    gpus: int
    labels: Mapping[str, str]


class Namespace(pulumi.ComponentResource):
    """A guarded namespace."""

    namespace: pulumi.Output[str]

    def __init__(self, name: str, args: NamespaceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("berth:workload:Namespace", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        space = k8s.core.v1.Namespace(
            f"{name}-space",
            metadata=k8s.meta.v1.ObjectMetaArgs(
                name=args.namespace, labels={**args.labels, **pod_security_labels()}
            ),
            opts=child,
        )
        self.namespace = space.metadata.name

        def metadata(role: str) -> k8s.meta.v1.ObjectMetaArgs:
            return k8s.meta.v1.ObjectMetaArgs(name=role, namespace=self.namespace, labels=args.labels)

        k8s.core.v1.ResourceQuota(
            f"{name}-quota",
            metadata=metadata("quota"),
            spec=k8s.core.v1.ResourceQuotaSpecArgs(hard=hard_limits(args.quota, args.gpus)),
            opts=child,
        )
        k8s.core.v1.LimitRange(
            f"{name}-defaults",
            metadata=metadata("defaults"),
            spec=k8s.core.v1.LimitRangeSpecArgs(
                limits=[
                    k8s.core.v1.LimitRangeItemArgs(
                        type="Container",
                        default={"cpu": "500m", "memory": "256Mi"},
                        default_request={"cpu": "50m", "memory": "128Mi"},
                    )
                ]
            ),
            opts=child,
        )
        k8s.networking.v1.NetworkPolicy(
            f"{name}-deny",
            metadata=metadata("default-deny"),
            spec=k8s.networking.v1.NetworkPolicySpecArgs(
                pod_selector=k8s.meta.v1.LabelSelectorArgs(), policy_types=["Ingress", "Egress"]
            ),
            opts=child,
        )
        k8s.networking.v1.NetworkPolicy(
            f"{name}-dns",
            metadata=metadata("allow-dns"),
            spec=k8s.networking.v1.NetworkPolicySpecArgs(
                pod_selector=k8s.meta.v1.LabelSelectorArgs(),
                policy_types=["Egress"],
                egress=[
                    k8s.networking.v1.NetworkPolicyEgressRuleArgs(
                        to=[
                            k8s.networking.v1.NetworkPolicyPeerArgs(
                                namespace_selector=k8s.meta.v1.LabelSelectorArgs(
                                    match_labels={"kubernetes.io/metadata.name": "kube-system"}
                                )
                            )
                        ],
                        ports=[
                            k8s.networking.v1.NetworkPolicyPortArgs(protocol=protocol, port=53)
                            for protocol in ("UDP", "TCP")
                        ],
                    )
                ],
            ),
            opts=child,
        )
        self.register_outputs({"namespace": self.namespace})


def pod_security_labels() -> dict[str, str]:
    """https://kubernetes.io/docs/concepts/security/pod-security-admission/."""
    return {f"pod-security.kubernetes.io/{mode}": _LEVEL for mode in ("enforce", "audit", "warn")}


def hard_limits(quota: Quota, gpus: int) -> dict[str, str]:
    """A ResourceQuota's `hard`."""
    return {
        "requests.cpu": quota.cpu,
        "requests.memory": quota.memory,
        "limits.memory": quota.memory,
        "pods": str(quota.pods),
        "requests.nvidia.com/gpu": str(gpus),
        "services.nodeports": "1",  # a LoadBalancer service takes one for each port
        "services.loadbalancers": "1",
    }
