"""The Secret with which a namespace's pods pull their images."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s


@dataclass(frozen=True, kw_only=True)
class PullSecretArgs:
    """login: a docker configuration as JSON, from `infra.registry.login`; secret."""

    namespace: pulumi.Input[str]
    login: pulumi.Input[str]
    labels: Mapping[str, str]


class PullSecret(pulumi.ComponentResource):
    """The login for one registry."""

    secret_name: pulumi.Output[str]

    def __init__(self, name: str, args: PullSecretArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("berth:registry:PullSecret", name, None, opts)
        # Named by Pulumi: a changed login makes a new Secret, pods move to it, and the old one goes last.
        secret = k8s.core.v1.Secret(
            f"{name}-login",
            metadata=k8s.meta.v1.ObjectMetaArgs(namespace=args.namespace, labels=args.labels),
            type="kubernetes.io/dockerconfigjson",
            string_data={".dockerconfigjson": pulumi.Output.secret(args.login)},
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.secret_name = secret.metadata.name
        self.register_outputs({"secret_name": self.secret_name})
