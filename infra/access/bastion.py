"""The way in through a bastion: a small machine with a fixed address, which admits named addresses alone.

The addresses are in a managed prefix list, which the rule names: a changed address changes the list and
nothing else. What the machine may do is put its own report into the bucket.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.access.ssh import PORT, Ssh, SshArgs
from infra.network.egress import to_the_web

# What the list may hold, not what it holds: AWS counts it against the rules of every group that names it,
# and a change of it is an update of its own.
# https://docs.aws.amazon.com/vpc/latest/userguide/managed-prefix-lists.html
MOST_ADDRESSES = 10


@dataclass(frozen=True, kw_only=True)
class BastionArgs:
    """subnet_id: a public one. allowed: IPv4 ranges, at most MOST_ADDRESSES. user_data: the whole of it.

    bucket_arn: where the machine puts its host key and its log. machine_security_group_id: gets the SSH rule.
    """

    environment: str
    vpc_id: pulumi.Input[str]
    subnet_id: pulumi.Input[str]
    machine_security_group_id: pulumi.Input[str]
    allowed: tuple[str, ...]
    image_id: pulumi.Input[str]
    instance_type: str = "t3.nano"
    root_gib: int = 8
    user_data: pulumi.Input[str]
    bucket_arn: pulumi.Input[str]


class Bastion(pulumi.ComponentResource):
    """The SSH entry point to a private network."""

    instance_id: pulumi.Output[str]
    public_address: pulumi.Output[str]
    prefix_list_id: pulumi.Output[str]
    security_group_id: pulumi.Output[str]

    def __init__(self, name: str, args: BastionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("berth:access:Bastion", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        addresses = aws.ec2.ManagedPrefixList(
            f"{name}-allowed",
            name=f"{args.environment}-allowed",
            address_family="IPv4",
            max_entries=MOST_ADDRESSES,
            entries=entries(args.allowed),
            tags=self._named("allowed"),
            opts=self._child,
        )
        group = self._guard(addresses.id)
        instance = aws.ec2.Instance(
            f"{name}-machine",
            ami=args.image_id,
            instance_type=args.instance_type,
            subnet_id=args.subnet_id,
            vpc_security_group_ids=[group.id],
            iam_instance_profile=self._profile().name,
            user_data=args.user_data,
            user_data_replace_on_change=True,
            # A session token, and no way to it from a container or a forwarded request.
            # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-options.html
            metadata_options=aws.ec2.InstanceMetadataOptionsArgs(
                http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
            ),
            root_block_device=aws.ec2.InstanceRootBlockDeviceArgs(
                volume_type="gp3",
                volume_size=args.root_gib,
                encrypted=True,
                delete_on_termination=True,
                tags=self._named("bastion"),
            ),
            tags={**self._named("bastion"), "berth:role": "bastion"},
            opts=self._child,
        )
        # The address stays when the machine is replaced, and with it every ssh configuration that names it.
        address = aws.ec2.Eip(f"{name}-address", domain="vpc", tags=self._named("bastion"), opts=self._child)
        aws.ec2.EipAssociation(
            f"{name}-address", allocation_id=address.id, instance_id=instance.id, opts=self._child
        )
        self.instance_id = instance.id
        self.public_address = address.public_ip
        self.prefix_list_id = addresses.id
        self.security_group_id = group.id
        self.register_outputs(
            {
                "instance_id": self.instance_id,
                "public_address": self.public_address,
                "prefix_list_id": self.prefix_list_id,
                "security_group_id": self.security_group_id,
            }
        )

    def _named(self, role: str) -> dict[str, str]:
        return {"Name": f"{self._args.environment}-{role}"}

    def _guard(self, prefix_list_id: pulumi.Input[str]) -> aws.ec2.SecurityGroup:
        """SSH from the allowed addresses; out to the machines, and to S3 and the distribution's updates."""
        group = aws.ec2.SecurityGroup(
            f"{self._name}-group",
            vpc_id=self._args.vpc_id,
            description="Bastion: SSH from the allowed addresses",
            tags=self._named("bastion"),
            opts=self._child,
        )
        aws.vpc.SecurityGroupIngressRule(
            f"{self._name}-ssh",
            security_group_id=group.id,
            prefix_list_id=prefix_list_id,
            description="SSH from the allowed addresses",
            ip_protocol="tcp",
            from_port=PORT,
            to_port=PORT,
            tags=self._named("bastion-ssh"),
            opts=self._child,
        )
        to_the_web(
            self._name,
            group.id,
            named=f"{self._args.environment}-bastion",
            description="S3, and the distribution's package mirrors",
            opts=self._child,
        )
        Ssh(
            f"{self._name}-machines",
            SshArgs(
                environment=self._args.environment,
                from_group_id=group.id,
                to_group_id=self._args.machine_security_group_id,
            ),
            self._child,
        )
        return group

    def _profile(self) -> aws.iam.InstanceProfile:
        role = aws.iam.Role(
            f"{self._name}-role",
            description="The bastion: reports its host key",
            assume_role_policy=json.dumps(
                _policy({"Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}})
            ),
            tags=self._named("bastion"),
            opts=self._child,
        )
        machines = pulumi.Output.concat(self._args.bucket_arn, "/machines")
        aws.iam.RolePolicy(
            f"{self._name}-report",
            role=role.name,
            policy=machines.apply(lambda arn: json.dumps(report_policy(arn))),
            opts=self._child,
        )
        return aws.iam.InstanceProfile(
            f"{self._name}-profile", role=role.name, tags=self._named("bastion"), opts=self._child
        )


def entries(allowed: Sequence[str]) -> list[aws.ec2.ManagedPrefixListEntryArgs]:
    """The list's entries, in an order of their own, so that the values file's order makes no difference."""
    return [
        aws.ec2.ManagedPrefixListEntryArgs(cidr=cidr, description="allowed address")
        for cidr in sorted(set(allowed))
    ]


def report_policy(machines: str) -> dict[str, object]:
    """Write what machines report, and read what they are told. machines: ARN of that part of the bucket.

    The conformance run reads back a `probe` that it wrote.
    """
    return _policy(
        {"Action": "s3:PutObject", "Resource": f"{machines}/i-*"},
        {
            "Action": "s3:GetObject",
            "Resource": [f"{machines}/bringup/*", f"{machines}/expires-at", f"{machines}/i-*/probe"],
        },
    )


def _policy(*statements: dict[str, object]) -> dict[str, object]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **one} for one in statements]}
