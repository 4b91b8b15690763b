"""The security group of the GPU machine: nothing comes in but what the way in adds, and little goes out."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.network.egress import to_the_web


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
        to_the_web(
            name,
            group.id,
            named=f"{args.environment}-machine",
            description="AWS, and the package mirrors",
            opts=child,
        )
        self.security_group_id = group.id
        self.register_outputs({"security_group_id": self.security_group_id})
