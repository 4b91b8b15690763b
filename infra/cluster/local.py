"""A cluster that is already there, reached as kubectl reaches it. Creates nothing in it."""

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s


@dataclass(frozen=True, kw_only=True)
class LocalClusterArgs:
    """context: of the ambient kubeconfig; None: its current one."""

    context: str | None = None


class LocalCluster(pulumi.ComponentResource):
    """The way into an existing cluster."""

    provider: k8s.Provider

    def __init__(self, name: str, args: LocalClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("berth:cluster:LocalCluster", name, None, opts)
        self.provider = k8s.Provider(
            f"{name}-kubernetes", context=args.context, opts=pulumi.ResourceOptions(parent=self)
        )
        self.register_outputs({})
