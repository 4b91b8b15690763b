"""Networks: VPC, subnets, internet gateways, DHCP options.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Operations_Amazon_Virtual_Private_Cloud.html
"""

from typing import Any

from rehearsal.providers.aws.api import Api
from rehearsal.providers.aws.ec2 import finder, where
from rehearsal.providers.aws.errors import AwsError
from rehearsal.providers.aws.table import Change, Type
from rehearsal.providers.aws.tagging import EC2, specification, tag_map
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
    main = where(vpc_id=vpc, association__main="true")
    table = api.one("describe_route_tables", "RouteTables", Filters=main) or {}
    default = where(vpc_id=vpc, default="true")
    acl = api.one("describe_network_acls", "NetworkAcls", Filters=default) or {}
    own = where(vpc_id=vpc, group_name="default")
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


VPC = Type(
    "aws:ec2/vpc:Vpc",
    "ec2",
    create=_create_vpc,
    after=_set_vpc_attributes,
    read=_read_vpc,
    update=_VPC_CHANGES,
    delete=lambda api, vpc, _: api.call("delete_vpc", VpcId=vpc),
    find=finder("describe_vpcs", "Vpcs", "VpcId", lambda new: where(cidr=new["cidrBlock"])),
    foreign=frozenset({"dhcpOptionsId", "mainRouteTableId"}),
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


def _place(new: Values) -> list[dict[str, Any]]:
    return where(vpc_id=new["vpcId"], cidr_block=new["cidrBlock"])


SUBNET = Type(
    "aws:ec2/subnet:Subnet",
    "ec2",
    create=_create_subnet,
    after=_set_subnet_attributes,
    read=_read_subnet,
    update=_SUBNET_CHANGES,
    delete=lambda api, subnet, _: api.call("delete_subnet", SubnetId=subnet),
    find=finder("describe_subnets", "Subnets", "SubnetId", _place),
    replace_on=frozenset({"availabilityZone", "availabilityZoneId", "cidrBlock", "ipv6CidrBlock", "vpcId"}),
    computed=frozenset({"availabilityZone", "availabilityZoneId", "privateDnsHostnameTypeOnLaunch"}),
    choices={"privateDnsHostnameTypeOnLaunch": ("ip-name", "resource-name")},
    tags=EC2,
)

# Internet gateway


def _create_gateway(api: Api, new: Values) -> str:
    made = api.call("create_internet_gateway", TagSpecifications=specification("internet-gateway", new))
    return str(made["InternetGateway"]["InternetGatewayId"])


def _attach_gateway(api: Api, gateway: str, old: Values, new: Values) -> None:
    """Attach it to the VPC that the inputs name, and to no other."""
    del old
    found = api.one("describe_internet_gateways", "InternetGateways", InternetGatewayIds=[gateway]) or {}
    attached = [one["VpcId"] for one in found.get("Attachments") or ()]
    for vpc in attached:
        if vpc != new.get("vpcId"):
            _detach_gateway(api, gateway, vpc)
    if new.get("vpcId") and new["vpcId"] not in attached:
        api.call("attach_internet_gateway", InternetGatewayId=gateway, VpcId=new["vpcId"])


def _detach_gateway(api: Api, gateway: str, vpc: str) -> None:
    try:
        api.call("detach_internet_gateway", InternetGatewayId=gateway, VpcId=vpc)
    except AwsError as error:
        # A repeated request, whose first answer got lost.
        if error.code != "Gateway.NotAttached":
            raise


def _read_gateway(api: Api, gateway: str, known: Values) -> Values | None:
    del known
    found = api.one("describe_internet_gateways", "InternetGateways", InternetGatewayIds=[gateway])
    if found is None:
        return None
    attached = found.get("Attachments") or []
    return {
        "arn": api.arn(f"internet-gateway/{gateway}"),
        "ownerId": found.get("OwnerId") or api.account.id,
        "tags": tag_map(found.get("Tags")),
        "vpcId": attached[0]["VpcId"] if attached else "",
    }


def _delete_gateway(api: Api, gateway: str, known: Values) -> None:
    """Detaching is refused while anything in the VPC has a public address."""
    del known
    _attach_gateway(api, gateway, {}, {})
    api.call("delete_internet_gateway", InternetGatewayId=gateway)


INTERNET_GATEWAY = Type(
    "aws:ec2/internetGateway:InternetGateway",
    "ec2",
    create=_create_gateway,
    after=_attach_gateway,
    read=_read_gateway,
    update={"vpcId": _attach_gateway},
    delete=_delete_gateway,
    find=finder("describe_internet_gateways", "InternetGateways", "InternetGatewayId", lambda _: ()),
    computed=frozenset({"vpcId"}),
    tags=EC2,
)

# DHCP options

_OPTIONS = {
    "domainName": "domain-name",
    "domainNameServers": "domain-name-servers",
    "ipv6AddressPreferredLeaseTime": "ipv6-address-preferred-lease-time",
    "netbiosNameServers": "netbios-name-servers",
    "netbiosNodeType": "netbios-node-type",
    "ntpServers": "ntp-servers",
}
_LISTS = frozenset({"domainNameServers", "netbiosNameServers", "ntpServers"})


def _create_options(api: Api, new: Values) -> str:
    given = {name: new[prop] for prop, name in _OPTIONS.items() if new.get(prop)}
    made = api.call(
        "create_dhcp_options",
        DhcpConfigurations=[
            {"Key": key, "Values": value if isinstance(value, list) else [value]}
            for key, value in given.items()
        ],
        TagSpecifications=specification("dhcp-options", new),
    )
    return str(made["DhcpOptions"]["DhcpOptionsId"])


def _read_options(api: Api, options: str, known: Values) -> Values | None:
    del known
    found = api.one("describe_dhcp_options", "DhcpOptions", DhcpOptionsIds=[options])
    if found is None:
        return None
    given = {
        one["Key"]: [value["Value"] for value in one["Values"]]
        for one in found.get("DhcpConfigurations") or ()
    }
    return {
        **{
            prop: given[name] if prop in _LISTS else given[name][0]
            for prop, name in _OPTIONS.items()
            if given.get(name)
        },
        "arn": api.arn(f"dhcp-options/{options}"),
        "ownerId": found.get("OwnerId") or api.account.id,
        "tags": tag_map(found.get("Tags")),
    }


DHCP_OPTIONS = Type(
    "aws:ec2/vpcDhcpOptions:VpcDhcpOptions",
    "ec2",
    create=_create_options,
    read=_read_options,
    delete=lambda api, options, _: api.call("delete_dhcp_options", DhcpOptionsId=options),
    find=finder("describe_dhcp_options", "DhcpOptions", "DhcpOptionsId", lambda _: ()),
    replace_on=frozenset(_OPTIONS),
    ordered=_LISTS,
    tags=EC2,
)


def _associate_options(api: Api, new: Values) -> str:
    api.call("associate_dhcp_options", DhcpOptionsId=new["dhcpOptionsId"], VpcId=new["vpcId"])
    return f"{new['dhcpOptionsId']}-{new['vpcId']}"


def _read_association(api: Api, identity: str, known: Values) -> Values | None:
    """An import takes the VPC's id alone."""
    vpc = "vpc-" + identity.rpartition("vpc-")[2]
    found = api.one("describe_vpcs", "Vpcs", VpcIds=[vpc])
    options = (found or {}).get("DhcpOptionsId") or "default"
    if options == "default" or (known and options != known.get("dhcpOptionsId")):
        return None
    return {"id": f"{options}-{vpc}", "dhcpOptionsId": options, "vpcId": vpc}


DHCP_OPTIONS_ASSOCIATION = Type(
    "aws:ec2/vpcDhcpOptionsAssociation:VpcDhcpOptionsAssociation",
    "ec2",
    create=_associate_options,
    read=_read_association,
    delete=lambda api, _, known: api.call(
        "associate_dhcp_options", DhcpOptionsId="default", VpcId=known["vpcId"]
    ),
    replace_on=frozenset({"dhcpOptionsId", "vpcId"}),
    delete_before_replace=True,
)

TYPES = [VPC, SUBNET, INTERNET_GATEWAY, DHCP_OPTIONS, DHCP_OPTIONS_ASSOCIATION]
