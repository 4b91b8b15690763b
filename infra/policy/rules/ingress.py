"""Nobody is let in from everywhere."""

from collections.abc import Iterator
from typing import Any

from infra.policy.model import Resource, Rule, is_open, listed

_GROUPS = (
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
)
_PREFIX_LIST = "aws:ec2/managedPrefixList:ManagedPrefixList"


def _ranges(resource: Resource) -> Iterator[Any]:
    """Where a resource lets traffic in from."""
    match resource.type:
        case "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule":
            yield from (resource.at("cidrIpv4"), resource.at("cidrIpv6"))
        case "aws:ec2/securityGroupRule:SecurityGroupRule" if resource.at("type") == "ingress":
            yield from [*resource.each("cidrBlocks"), *resource.each("ipv6CidrBlocks")]
        case kind if kind in _GROUPS:
            for rule in resource.each("ingress"):
                yield from [*listed(rule.get("cidrBlocks")), *listed(rule.get("ipv6CidrBlocks"))]
        case kind if kind == _PREFIX_LIST:
            yield from (one.get("cidr") for one in resource.each("entries"))
        case "aws:ec2/managedPrefixListEntry:ManagedPrefixListEntry":
            yield resource.at("cidr")
        case "aws:eks/cluster:Cluster":
            yield from resource.each("vpcConfig", "publicAccessCidrs")


def closed(resource: Resource) -> Iterator[str]:
    for cidr in _ranges(resource):
        if is_open(cidr):
            yield f"lets traffic in from {cidr}; name the addresses that need it, such as 203.0.113.7/32"


NO_OPEN_INGRESS = Rule(
    name="no-open-ingress",
    description="No security group, prefix list or cluster endpoint lets the public in.",
    resource=closed,
)
