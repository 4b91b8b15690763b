"""Networks: VPC, subnets, internet gateways, DHCP options.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Operations_Amazon_Virtual_Private_Cloud.html
"""

from rehearsal.providers.aws.api import Api
from rehearsal.providers.aws.table import Change, Type
from rehearsal.providers.aws.tagging import EC2, as_filters, specification, tag_map
from rehearsal.providers.plugin.model import Values

# VPC

_VPC_ATTRIBUTES = {
    "enableDnsSupport": "EnableDnsSupport",
    "enableDnsHostnames": "EnableDnsHostnames",
    "enableNetworkAddressUsageMetrics": "EnableNetworkAddressUsageMetrics",
}


def _create_vpc(api: Api, new: Values) -> str:
    made = api.call(
        "create_vpc",
        **api.fill("create_vpc", new, "cidrBlock", "instanceTenancy"),
        AmazonProvidedIpv6CidrBlock=new.get("assignGeneratedIpv6CidrBlock") or None,
        TagSpecifications=specification("vpc", new),
    )
    return str(made["Vpc"]["VpcId"])


def _vpc_attribute(prop: str) -> Change:
    def change(api: Api, vpc: str, old: Values, new: Values) -> None:
        if new.get(prop) != old.get(prop):
            value: Values = {_VPC_ATTRIBUTES[prop]: {"Value": bool(new.get(prop))}}
            api.call("modify_vpc_attribute", VpcId=vpc, **value)

    return change


_VPC_CHANGES = {prop: _vpc_attribute(prop) for prop in _VPC_ATTRIBUTES}


def _set_vpc_attributes(api: Api, vpc: str, old: Values, new: Values) -> None:
    del old
    aws_has = {
        "enableDnsSupport": True,
        "enableDnsHostnames": False,
        "enableNetworkAddressUsageMetrics": False,
    }
    for change in _VPC_CHANGES.values():
        change(api, vpc, aws_has, {**aws_has, **new})


def _read_vpc(api: Api, vpc: str, known: Values) -> Values | None:
    found = api.one("describe_vpcs", "Vpcs", VpcIds=[vpc])
    if found is None:
        return None
    attributes = {
        prop: api.call("describe_vpc_attribute", VpcId=vpc, Attribute=name[0].lower() + name[1:])[name][
            "Value"
        ]
        for prop, name in _VPC_ATTRIBUTES.items()
    }
    here = [{"Name": "vpc-id", "Values": [vpc]}]
    main = [*here, {"Name": "association.main", "Values": ["true"]}]
    default = [*here, {"Name": "default", "Values": ["true"]}]
    own = [*here, {"Name": "group-name", "Values": ["default"]}]
    table = api.one("describe_route_tables", "RouteTables", Filters=main) or {}
    acl = api.one("describe_network_acls", "NetworkAcls", Filters=default) or {}
    group = api.one("describe_security_groups", "SecurityGroups", Filters=own) or {}
    return {
        **attributes,
        "arn": api.arn(f"vpc/{vpc}"),
        "assignGeneratedIpv6CidrBlock": bool(found.get("Ipv6CidrBlockAssociationSet")),
        "cidrBlock": found["CidrBlock"],
        "defaultNetworkAclId": acl.get("NetworkAclId", ""),
        "defaultRouteTableId": known.get("defaultRouteTableId") or table.get("RouteTableId", ""),
        "defaultSecurityGroupId": group.get("GroupId", ""),
        "dhcpOptionsId": found.get("DhcpOptionsId", ""),
        "instanceTenancy": found.get("InstanceTenancy", "default"),
        "mainRouteTableId": table.get("RouteTableId", ""),
        "ownerId": found.get("OwnerId") or api.account.id,
        "tags": tag_map(found.get("Tags")),
    }


def _find_vpc(api: Api, new: Values) -> list[str]:
    cidr = {"Name": "cidr", "Values": [new["cidrBlock"]]}
    found = api.all("describe_vpcs", "Vpcs", Filters=[cidr, *as_filters(new.get("tags"))])
    return [vpc["VpcId"] for vpc in found]


VPC = Type(
    "aws:ec2/vpc:Vpc",
    "ec2",
    create=_create_vpc,
    after=_set_vpc_attributes,
    read=_read_vpc,
    update=_VPC_CHANGES,
    delete=lambda api, vpc, _: api.call("delete_vpc", VpcId=vpc),
    find=_find_vpc,
    replace_on=frozenset({"assignGeneratedIpv6CidrBlock", "cidrBlock", "instanceTenancy"}),
    defaults={"enableDnsSupport": True, "instanceTenancy": "default"},
    computed=frozenset({"enableDnsHostnames", "enableNetworkAddressUsageMetrics"}),
    choices={"instanceTenancy": ("default", "dedicated")},
    tags=EC2,
)

# Subnet

_SUBNET_ATTRIBUTES = {
    "mapPublicIpOnLaunch": "MapPublicIpOnLaunch",
    "assignIpv6AddressOnCreation": "AssignIpv6AddressOnCreation",
    "enableDns64": "EnableDns64",
    "enableResourceNameDnsARecordOnLaunch": "EnableResourceNameDnsARecordOnLaunch",
    "privateDnsHostnameTypeOnLaunch": "PrivateDnsHostnameTypeOnLaunch",
}


def _create_subnet(api: Api, new: Values) -> str:
    keys = ("availabilityZone", "availabilityZoneId", "cidrBlock", "ipv6CidrBlock", "vpcId")
    made = api.call(
        "create_subnet",
        **api.fill("create_subnet", new, *keys),
        TagSpecifications=specification("subnet", new),
    )
    return str(made["Subnet"]["SubnetId"])


def _subnet_attribute(prop: str) -> Change:
    def change(api: Api, subnet: str, old: Values, new: Values) -> None:
        del old
        value = new.get(prop, False)
        given: Values = {_SUBNET_ATTRIBUTES[prop]: {"Value": value} if isinstance(value, bool) else value}
        api.call("modify_subnet_attribute", SubnetId=subnet, **given)

    return change


_SUBNET_CHANGES = {prop: _subnet_attribute(prop) for prop in _SUBNET_ATTRIBUTES}


def _set_subnet_attributes(api: Api, subnet: str, old: Values, new: Values) -> None:
    for prop, change in _SUBNET_CHANGES.items():
        if new.get(prop):
            change(api, subnet, old, new)


def _read_subnet(api: Api, subnet: str, known: Values) -> Values | None:
    del known
    found = api.one("describe_subnets", "Subnets", SubnetIds=[subnet])
    if found is None:
        return None
    on_launch = found.get("PrivateDnsNameOptionsOnLaunch") or {}
    return {
        "arn": found.get("SubnetArn") or api.arn(f"subnet/{subnet}"),
        "assignIpv6AddressOnCreation": bool(found.get("AssignIpv6AddressOnCreation")),
        "availabilityZone": found["AvailabilityZone"],
        "availabilityZoneId": found.get("AvailabilityZoneId", ""),
        "cidrBlock": found["CidrBlock"],
        "enableDns64": bool(found.get("EnableDns64")),
        "enableResourceNameDnsARecordOnLaunch": bool(on_launch.get("EnableResourceNameDnsARecord")),
        "mapPublicIpOnLaunch": bool(found.get("MapPublicIpOnLaunch")),
        "ownerId": found.get("OwnerId") or api.account.id,
        "privateDnsHostnameTypeOnLaunch": on_launch.get("HostnameType", "ip-name"),
        "tags": tag_map(found.get("Tags")),
        "vpcId": found["VpcId"],
    }


def _find_subnet(api: Api, new: Values) -> list[str]:
    exact = [
        {"Name": "vpc-id", "Values": [new["vpcId"]]},
        {"Name": "cidr-block", "Values": [new["cidrBlock"]]},
    ]
    found = api.all("describe_subnets", "Subnets", Filters=[*exact, *as_filters(new.get("tags"))])
    return [subnet["SubnetId"] for subnet in found]


SUBNET = Type(
    "aws:ec2/subnet:Subnet",
    "ec2",
    create=_create_subnet,
    after=_set_subnet_attributes,
    read=_read_subnet,
    update=_SUBNET_CHANGES,
    delete=lambda api, subnet, _: api.call("delete_subnet", SubnetId=subnet),
    find=_find_subnet,
    replace_on=frozenset({"availabilityZone", "availabilityZoneId", "cidrBlock", "ipv6CidrBlock", "vpcId"}),
    computed=frozenset({"availabilityZone", "availabilityZoneId", "privateDnsHostnameTypeOnLaunch"}),
    choices={"privateDnsHostnameTypeOnLaunch": ("ip-name", "resource-name")},
    tags=EC2,
)

TYPES = [VPC, SUBNET]
