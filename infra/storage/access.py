"""What a pod needs to use the bucket: the key pair, the variables, and a way through the network policies."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address
from urllib.parse import urlsplit

import pulumi
import pulumi_kubernetes as k8s

from infra.storage.connection import S3Connection, S3Credentials

POD_LABEL = {"berth.dev/object-storage": "allowed"}
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, kw_only=True)
class BucketAccessArgs:
    """credentials: given to pods; secret."""

    namespace: pulumi.Input[str]
    connection: S3Connection
    credentials: S3Credentials
    labels: Mapping[str, str]


class BucketAccess(pulumi.ComponentResource):
    """A namespace's access to the bucket, for the pods that carry `POD_LABEL`."""

    secret_name: pulumi.Output[str]

    def __init__(self, name: str, args: BucketAccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("berth:storage:BucketAccess", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        secret = k8s.core.v1.Secret(
            f"{name}-key",
            metadata=k8s.meta.v1.ObjectMetaArgs(namespace=args.namespace, labels=args.labels),
            string_data={
                key: pulumi.Output.secret(value) for key, value in key_pair(args.credentials).items()
            },
            opts=child,
        )
        cidr, port = destination(args.connection.endpoint_url)
        k8s.networking.v1.NetworkPolicy(
            f"{name}-egress",
            metadata=k8s.meta.v1.ObjectMetaArgs(
                name="allow-object-storage", namespace=args.namespace, labels=args.labels
            ),
            spec=k8s.networking.v1.NetworkPolicySpecArgs(
                pod_selector=k8s.meta.v1.LabelSelectorArgs(match_labels=POD_LABEL),
                policy_types=["Egress"],
                egress=[
                    k8s.networking.v1.NetworkPolicyEgressRuleArgs(
                        to=[
                            k8s.networking.v1.NetworkPolicyPeerArgs(
                                ip_block=k8s.networking.v1.IPBlockArgs(cidr=cidr)
                            )
                        ],
                        ports=[k8s.networking.v1.NetworkPolicyPortArgs(protocol="TCP", port=port)],
                    )
                ],
            ),
            opts=child,
        )
        self.secret_name = secret.metadata.name
        self.register_outputs({"secret_name": self.secret_name})


def key_pair(credentials: S3Credentials) -> dict[str, str]:
    """The credentials as the standard AWS variables; the token only where there is one."""
    pair = {
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
    }
    return pair | ({"AWS_SESSION_TOKEN": credentials.session_token} if credentials.session_token else {})


def variables(bucket: pulumi.Input[str], connection: S3Connection) -> dict[str, pulumi.Input[str]]:
    """Where the bucket is, as the workloads read it; the key pair apart."""
    return {
        "S3_BUCKET": bucket,
        "AWS_ENDPOINT_URL_S3": connection.endpoint_url,
        "AWS_REGION": connection.region,
        "S3_ADDRESSING_STYLE": connection.addressing_style,
        "S3_SIGNATURE_VERSION": connection.signature_version,
    }


def destination(endpoint_url: str) -> tuple[str, int]:
    """The CIDR range and port of an endpoint. A host name may have any address; policies name no hosts."""
    parts = urlsplit(endpoint_url)
    port = parts.port or _PORTS[parts.scheme]
    try:
        return f"{IPv4Address(parts.hostname or '')}/32", port
    except AddressValueError:
        return "0.0.0.0/0", port
