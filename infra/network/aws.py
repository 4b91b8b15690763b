"""A network on AWS: a VPC over several zones, each with a public and a private subnet.

Public subnets hold what must have a public address (a bastion, NAT gateways) and hand out none by
themselves; machines belong into the private ones. Security groups belong to what they guard; the VPC's
default one is closed.
"""

from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws

from infra.network.egress import ANYWHERE
from infra.network.endpoints import Endpoints, EndpointsArgs
from infra.network.flow_logs import FlowLogs, FlowLogsArgs
from infra.network.plan import Nat, ZoneSubnets, interface_services, nat_zones, subnets


@dataclass(frozen=True, kw_only=True)
class AwsNetworkArgs:
    """cidr, zones: as `infra.network.plan` lays them out; refused there if they do not fit.

    log_bucket_arn: where flow logs go with `s3`; its policy must let log delivery in.
    """

    environment: str
    region: str
    account_id: pulumi.Input[str]
    cidr: str
    zones: tuple[str, ...]
    nat: Nat
    flow_logs: Literal["none", "cloudwatch", "s3"]
    retention_days: int = 30
    log_bucket_arn: pulumi.Input[str] | None = None


class AwsNetwork(pulumi.ComponentResource):
    """A VPC with a public and a private subnet in every zone."""

    vpc_id: pulumi.Output[str]
    public_subnets: dict[str, pulumi.Output[str]]
    private_subnets: dict[str, pulumi.Output[str]]
    nat_addresses: dict[str, pulumi.Output[str]]

    def __init__(self, name: str, args: AwsNetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("berth:network:AwsNetwork", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        ranges = subnets(args.cidr, args.zones)
        vpc = aws.ec2.Vpc(
            f"{name}-vpc",
            cidr_block=args.cidr,
            enable_dns_support=True,
            enable_dns_hostnames=True,  # interface endpoints need it for the services' own names
            tags=self._named("vpc"),
            opts=self._child,
        )
        self.vpc_id = vpc.id
        aws.ec2.DefaultSecurityGroup(
            f"{name}-default",
            vpc_id=vpc.id,
            ingress=[],
            egress=[],
            tags=self._named("default-closed"),
            opts=self._child,
        )
        public_table, to_internet = self._way_out()
        self.public_subnets = {
            zone: self._subnet(f"public-{zone}", zone, one.public, public_table)
            for zone, one in ranges.items()
        }
        gateways = {zone: self._nat_gateway(zone, to_internet) for zone in nat_zones(args.nat, args.zones)}
        self.nat_addresses = {zone: gateway.public_ip for zone, gateway in gateways.items()}
        private_tables = {zone: self._private_table(zone, gateways) for zone in args.zones}
        self.private_subnets = self._private_subnets(ranges, private_tables)
        Endpoints(
            f"{name}-endpoints",
            EndpointsArgs(
                environment=args.environment,
                region=args.region,
                vpc_id=vpc.id,
                cidr=args.cidr,
                route_tables={"public": public_table.id}
                | {f"private-{zone}": table.id for zone, table in private_tables.items()},
                interface_services=interface_services(args.nat),
                subnets=self.private_subnets,
            ),
            self._child,
        )
        if args.flow_logs != "none":
            FlowLogs(
                f"{name}-flow-logs",
                FlowLogsArgs(
                    environment=args.environment,
                    region=args.region,
                    account_id=args.account_id,
                    vpc_id=vpc.id,
                    retention_days=args.retention_days,
                    bucket_arn=args.log_bucket_arn if args.flow_logs == "s3" else None,
                ),
                self._child,
            )
        self.register_outputs(
            {
                "vpc_id": self.vpc_id,
                "public_subnets": self.public_subnets,
                "private_subnets": self.private_subnets,
                "nat_addresses": self.nat_addresses,
            }
        )

    def _named(self, role: str) -> dict[str, str]:
        return {"Name": f"{self._args.environment}-{role}"}

    def _way_out(self) -> tuple[aws.ec2.RouteTable, aws.ec2.Route]:
        """The public subnets' route table, and its route to the Internet."""
        gateway = aws.ec2.InternetGateway(
            f"{self._name}-internet",
            vpc_id=self.vpc_id,
            tags=self._named("internet"),
            opts=self._child,
        )
        table = aws.ec2.RouteTable(
            f"{self._name}-public", vpc_id=self.vpc_id, tags=self._named("public"), opts=self._child
        )
        route = aws.ec2.Route(
            f"{self._name}-public-internet",
            route_table_id=table.id,
            destination_cidr_block=ANYWHERE,
            gateway_id=gateway.id,
            opts=self._child,
        )
        return table, route

    def _subnet(self, role: str, zone: str, cidr: str, table: aws.ec2.RouteTable) -> pulumi.Output[str]:
        subnet = aws.ec2.Subnet(
            f"{self._name}-{role}",
            vpc_id=self.vpc_id,
            availability_zone=zone,
            cidr_block=cidr,
            map_public_ip_on_launch=False,
            tags=self._named(role),
            opts=self._child,
        )
        aws.ec2.RouteTableAssociation(
            f"{self._name}-{role}", subnet_id=subnet.id, route_table_id=table.id, opts=self._child
        )
        return subnet.id

    def _nat_gateway(self, zone: str, to_internet: aws.ec2.Route) -> aws.ec2.NatGateway:
        address = aws.ec2.Eip(
            f"{self._name}-nat-{zone}", domain="vpc", tags=self._named(f"nat-{zone}"), opts=self._child
        )
        return aws.ec2.NatGateway(
            f"{self._name}-nat-{zone}",
            subnet_id=self.public_subnets[zone],
            allocation_id=address.id,
            tags=self._named(f"nat-{zone}"),
            # It fails without a way to the Internet, and on destroy it must be gone before that is.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[to_internet]),
        )

    def _private_table(self, zone: str, gateways: dict[str, aws.ec2.NatGateway]) -> aws.ec2.RouteTable:
        table = aws.ec2.RouteTable(
            f"{self._name}-private-{zone}",
            vpc_id=self.vpc_id,
            tags=self._named(f"private-{zone}"),
            opts=self._child,
        )
        if gateways:
            gateway = gateways.get(zone) or next(iter(gateways.values()))
            aws.ec2.Route(
                f"{self._name}-private-internet-{zone}",
                route_table_id=table.id,
                destination_cidr_block=ANYWHERE,
                nat_gateway_id=gateway.id,
                opts=self._child,
            )
        return table

    def _private_subnets(
        self, ranges: dict[str, ZoneSubnets], tables: dict[str, aws.ec2.RouteTable]
    ) -> dict[str, pulumi.Output[str]]:
        return {
            zone: self._subnet(f"private-{zone}", zone, one.private, tables[zone])
            for zone, one in ranges.items()
        }
