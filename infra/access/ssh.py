"""SSH from one security group to another: a rule at each end."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

PORT = 22


@dataclass(frozen=True, kw_only=True)
class SshArgs:
    """from_group_id: of the way in. to_group_id: of the machines."""

    environment: str
    from_group_id: pulumi.Input[str]
    to_group_id: pulumi.Input[str]


class Ssh(pulumi.ComponentResource):
    """What lets one group's members reach the SSH port of another's."""

    def __init__(self, name: str, args: SshArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("berth:access:Ssh", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        aws.vpc.SecurityGroupEgressRule(
            f"{name}-out",
            security_group_id=args.from_group_id,
            referenced_security_group_id=args.to_group_id,
            description="SSH to the machines",
            ip_protocol="tcp",
            from_port=PORT,
            to_port=PORT,
            tags={"Name": f"{args.environment}-ssh-out"},
            opts=child,
        )
        aws.vpc.SecurityGroupIngressRule(
            f"{name}-in",
            security_group_id=args.to_group_id,
            referenced_security_group_id=args.from_group_id,
            description="SSH from the way in",
            ip_protocol="tcp",
            from_port=PORT,
            to_port=PORT,
            tags={"Name": f"{args.environment}-ssh-in"},
            opts=child,
        )
        self.register_outputs({})
