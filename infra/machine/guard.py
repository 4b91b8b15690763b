"""The security group of the GPU machine: nothing comes in but what the way in adds, and little goes out."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

_ANYWHERE = "0.0.0.0/0"
# Package mirrors still speak HTTP, with signed content; time and names come from link-local addresses and the
# VPC's own resolver, which security groups do not filter.
# https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, kw_only=True)
class MachineGuardArgs:
    """Where the machine stands."""

    environment: str
    vpc_id: pulumi.Input[str]


class MachineGuard(pulumi.ComponentResource):
    """What may reach the GPU machine, and what it may reach."""

    security_group_id: pulumi.Output[str]

    def __init__(self, name: str, args: MachineGuardArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("berth:machine:MachineGuard", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        group = aws.ec2.SecurityGroup(
            f"{name}-group",
            vpc_id=args.vpc_id,
            description="GPU machine: no ingress of its own",
            tags={"Name": f"{args.environment}-machine"},
            opts=child,
        )
        for scheme, port in _PORTS.items():
            aws.vpc.SecurityGroupEgressRule(
                f"{name}-{scheme}",
                security_group_id=group.id,
                cidr_ipv4=_ANYWHERE,
                description="AWS, and the package mirrors",
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
                tags={"Name": f"{args.environment}-machine-{scheme}"},
                opts=child,
            )
        self.security_group_id = group.id
        self.register_outputs({"security_group_id": self.security_group_id})
