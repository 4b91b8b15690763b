"""How a VPC reaches AWS's own services without the Internet: S3 always, others where there is no NAT."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, kw_only=True)
class EndpointsArgs:
    """route_tables: by role, those that get the route to S3. subnets: by zone, for the interface endpoints.

    cidr: the VPC's own range, which alone may use them.
    """

    environment: str
    region: str
    vpc_id: pulumi.Input[str]
    cidr: str
    route_tables: Mapping[str, pulumi.Input[str]]
    interface_services: tuple[str, ...]
    subnets: Mapping[str, pulumi.Input[str]]


class Endpoints(pulumi.ComponentResource):
    """A gateway endpoint for S3, which costs nothing, and interface endpoints for the services named."""

    s3_prefix_list_id: pulumi.Output[str]

    def __init__(self, name: str, args: EndpointsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("berth:network:Endpoints", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        s3 = aws.ec2.VpcEndpoint(
            f"{name}-s3",
            vpc_id=args.vpc_id,
            service_name=f"com.amazonaws.{args.region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=[args.route_tables[role] for role in sorted(args.route_tables)],
            tags={"Name": f"{args.environment}-s3"},
            opts=child,
        )
        self.s3_prefix_list_id = s3.prefix_list_id
        if args.interface_services:
            group = aws.ec2.SecurityGroup(
                f"{name}-group",
                vpc_id=args.vpc_id,
                description="Interface endpoints: HTTPS from inside the VPC",
                tags={"Name": f"{args.environment}-endpoints"},
                opts=child,
            )
            aws.vpc.SecurityGroupIngressRule(
                f"{name}-https",
                security_group_id=group.id,
                description="HTTPS from inside the VPC",
                ip_protocol="tcp",
                from_port=443,
                to_port=443,
                cidr_ipv4=args.cidr,
                tags={"Name": f"{args.environment}-endpoints-https"},
                opts=child,
            )
            for service in args.interface_services:
                aws.ec2.VpcEndpoint(
                    f"{name}-{service}",
                    vpc_id=args.vpc_id,
                    service_name=f"com.amazonaws.{args.region}.{service}",
                    vpc_endpoint_type="Interface",
                    private_dns_enabled=True,
                    subnet_ids=[args.subnets[zone] for zone in sorted(args.subnets)],
                    security_group_ids=[group.id],
                    tags={"Name": f"{args.environment}-{service}"},
                    opts=child,
                )
        self.register_outputs({"s3_prefix_list_id": self.s3_prefix_list_id})
