"""The functions of pulumi-aws (`getAmi`, `getPolicyDocument`, …): a table from token to a small function.

Each takes a Request and returns the properties that the published SDK's result class reads; what was asked
(filters, names, the region) is added here. The names are held to pulumi_aws by a test.
"""

from importlib import import_module
from typing import Any, Final, NamedTuple

from rehearsal.providers.aws.account import Account
from rehearsal.providers.aws.functions.request import Request

__all__ = ["TOKENS", "call"]


class _Function(NamedTuple):
    module: str
    name: str
    regional: bool = True
    """Whether it can be asked about another region, and answers which one it was."""


_TABLE: Final = {
    "aws:index/getAvailabilityZone:getAvailabilityZone": _Function("account", "availability_zone"),
    "aws:index/getAvailabilityZones:getAvailabilityZones": _Function("account", "availability_zones"),
    "aws:index/getCallerIdentity:getCallerIdentity": _Function("account", "caller_identity", regional=False),
    "aws:index/getPartition:getPartition": _Function("account", "partition", regional=False),
    "aws:index/getRegion:getRegion": _Function("account", "region"),
    "aws:ec2/getAmi:getAmi": _Function("images", "ami"),
    "aws:ec2/getInstanceType:getInstanceType": _Function("instancetypes", "instance_type"),
    "aws:ec2/getInstanceTypeOfferings:getInstanceTypeOfferings": _Function("instancetypes", "offerings"),
    "aws:ec2/getManagedPrefixList:getManagedPrefixList": _Function("networks", "managed_prefix_list"),
    "aws:ec2/getPrefixList:getPrefixList": _Function("networks", "prefix_list"),
    "aws:ec2/getSecurityGroup:getSecurityGroup": _Function("networks", "security_group"),
    "aws:ec2/getSpotPrice:getSpotPrice": _Function("instancetypes", "spot_price"),
    "aws:ec2/getSubnet:getSubnet": _Function("networks", "subnet"),
    "aws:ec2/getSubnets:getSubnets": _Function("networks", "subnets"),
    "aws:ec2/getVpc:getVpc": _Function("networks", "vpc"),
    "aws:ecr/getAuthorizationToken:getAuthorizationToken": _Function("stores", "authorization_token"),
    "aws:iam/getPolicyDocument:getPolicyDocument": _Function("policies", "policy_document", regional=False),
    "aws:kms/getAlias:getAlias": _Function("stores", "alias"),
    "aws:kms/getKey:getKey": _Function("stores", "key"),
    "aws:s3/getBucket:getBucket": _Function("stores", "bucket"),
    "aws:servicequotas/getServiceQuota:getServiceQuota": _Function("account", "service_quota"),
    "aws:ssm/getParameter:getParameter": _Function("stores", "parameter"),
}
TOKENS: Final = frozenset(_TABLE)


def call(token: str, args: dict[str, Any], account: Account) -> dict[str, Any]:
    """What the function answers, in the SDK's camelCase.

    `args` are plain values: neither secret marks nor unknowns. Raises KeyError for a token that is not in
    TOKENS, BerthError where the answer is not exactly one thing, AwsError where AWS refuses.
    """
    function = _TABLE[token]
    given = {name: value for name, value in args.items() if value is not None}
    region = given.get("region") or account.region
    run = getattr(import_module(f"{__name__}.{function.module}"), function.name)
    answer: dict[str, Any] = run(Request(given, account, region))
    return {**given, **({"region": region} if function.regional else {}), **answer}
