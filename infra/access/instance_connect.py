"""The way in through an EC2 Instance Connect Endpoint: SSH by way of AWS's API, without a public address.

Who may open a tunnel, IAM says; AWS charges nothing for it.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/connect-with-ec2-instance-connect-endpoint.html
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.access.ssh import Ssh, SshArgs


@dataclass(frozen=True, kw_only=True)
class InstanceConnectArgs:
    """subnet_id: a private one; one endpoint serves the whole VPC.

    machine_security_group_id: gets the SSH rule.
    """

    environment: str
    vpc_id: pulumi.Input[str]
    subnet_id: pulumi.Input[str]
    machine_security_group_id: pulumi.Input[str]


class InstanceConnect(pulumi.ComponentResource):
    """An endpoint that reaches the machines' SSH port."""

    endpoint_id: pulumi.Output[str]

    def __init__(
        self, name: str, args: InstanceConnectArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("berth:access:InstanceConnect", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        group = aws.ec2.SecurityGroup(
            f"{name}-group",
            vpc_id=args.vpc_id,
            description="Instance Connect Endpoint: SSH to the machines",
            tags={"Name": f"{args.environment}-instance-connect"},
            opts=child,
        )
        Ssh(
            f"{name}-ssh",
            SshArgs(
                environment=args.environment,
                from_group_id=group.id,
                to_group_id=args.machine_security_group_id,
            ),
            child,
        )
        endpoint = aws.ec2transitgateway.InstanceConnectEndpoint(
            f"{name}-endpoint",
            subnet_id=args.subnet_id,
            security_group_ids=[group.id],
            preserve_client_ip=False,  # the machines' rule names the endpoint's group, not people's addresses
            tags={"Name": f"{args.environment}-instance-connect"},
            opts=child,
        )
        self.endpoint_id = endpoint.id
        self.register_outputs({"endpoint_id": self.endpoint_id})
