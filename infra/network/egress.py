"""The way out to the web, from whatever security group asks for it; other ways out belong to their groups."""

import pulumi
import pulumi_aws as aws

ANYWHERE = "0.0.0.0/0"
# Package mirrors still speak HTTP, with signed content; time and names come from link-local addresses and the
# VPC's own resolver, which security groups do not filter.
# https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html
_PORTS = {"http": 80, "https": 443}


def to_the_web(
    name: str, group_id: pulumi.Input[str], *, named: str, description: str, opts: pulumi.ResourceOptions
) -> None:
    """HTTP and HTTPS to anywhere, a rule each: `{name}-http`, which is tagged as `{named}-http`."""
    for scheme, port in _PORTS.items():
        aws.vpc.SecurityGroupEgressRule(
            f"{name}-{scheme}",
            security_group_id=group_id,
            cidr_ipv4=ANYWHERE,
            description=description,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            tags={"Name": f"{named}-{scheme}"},
            opts=opts,
        )
