"""Functions that look up networks and their parts."""

from typing import Final

from rehearsal.providers.aws.api import Api
from rehearsal.providers.aws.functions.request import (
    Request,
    Values,
    given,
    one,
    rename,
    tags_of,
    text,
)

_SUBNET_TEXTS: Final = {
    "availabilityZone": "AvailabilityZone",
    "availabilityZoneId": "AvailabilityZoneId",
    "cidrBlock": "CidrBlock",
    "customerOwnedIpv4Pool": "CustomerOwnedIpv4Pool",
    "id": "SubnetId",
    "outpostArn": "OutpostArn",
    "ownerId": "OwnerId",
    "state": "State",
    "vpcId": "VpcId",
}
_SUBNET_FLAGS: Final = {
    "assignIpv6AddressOnCreation": "AssignIpv6AddressOnCreation",
    "defaultForAz": "DefaultForAz",
    "enableDns64": "EnableDns64",
    "ipv6Native": "Ipv6Native",
    "mapCustomerOwnedIpOnLaunch": "MapCustomerOwnedIpOnLaunch",
    "mapPublicIpOnLaunch": "MapPublicIpOnLaunch",
}


def vpc(request: Request) -> Values:
    """One VPC."""
    api = request.api("ec2")
    filters = request.filters(
        cidr=request.get("cidrBlock"),
        dhcp_options_id=request.get("dhcpOptionsId"),
        isDefault="true" if request.get("default") else None,
        state=request.get("state"),
    )
    ids = [request.get("id")] if request.get("id") else None
    found = one(api.all("describe_vpcs", "Vpcs", **given(Filters=filters, VpcIds=ids)), "EC2 VPC")
    identity = found["VpcId"]
    tables = api.all(
        "describe_route_tables",
        "RouteTables",
        Filters=[
            {"Name": "association.main", "Values": ["true"]},
            {"Name": "vpc-id", "Values": [identity]},
        ],
    )
    sixes = [
        {
            "associationId": item["AssociationId"],
            "ipv6CidrBlock": item["Ipv6CidrBlock"],
            "state": item["Ipv6CidrBlockState"]["State"],
            "ipSource": text(item.get("IpSource")),
            "ipv6AddressAttribute": text(item.get("Ipv6AddressAttribute")),
            "ipv6Pool": text(item.get("Ipv6Pool")),
            "networkBorderGroup": text(item.get("NetworkBorderGroup")),
        }
        for item in found.get("Ipv6CidrBlockAssociationSet", ())
    ]
    return {
        "id": identity,
        "arn": f"arn:aws:ec2:{request.region}:{found['OwnerId']}:vpc/{identity}",
        "default": found.get("IsDefault", False),
        "enableDnsHostnames": _attribute(api, identity, "EnableDnsHostnames"),
        "enableDnsSupport": _attribute(api, identity, "EnableDnsSupport"),
        "enableNetworkAddressUsageMetrics": _attribute(api, identity, "EnableNetworkAddressUsageMetrics"),
        "mainRouteTableId": tables[0]["RouteTableId"] if tables else "",
        "cidrBlockAssociations": [
            {
                "associationId": item["AssociationId"],
                "cidrBlock": item["CidrBlock"],
                "state": item["CidrBlockState"]["State"],
            }
            for item in found.get("CidrBlockAssociationSet", ())
        ],
        "ipv6AssociationId": sixes[0]["associationId"] if sixes else "",
        "ipv6CidrBlock": sixes[0]["ipv6CidrBlock"] if sixes else "",
        "ipv6CidrBlockAssociations": sixes,
        "tags": tags_of(found),
        **rename(
            found,
            {
                "cidrBlock": "CidrBlock",
                "dhcpOptionsId": "DhcpOptionsId",
                "instanceTenancy": "InstanceTenancy",
                "ownerId": "OwnerId",
                "state": "State",
            },
        ),
    }


def _attribute(api: Api, identity: str, name: str) -> bool:
    asked = name[0].lower() + name[1:]
    return bool(
        api.call("describe_vpc_attribute", VpcId=identity, Attribute=asked).get(name, {}).get("Value")
    )


def subnet(request: Request) -> Values:
    """One subnet."""
    filters = request.filters(
        availability_zone=request.get("availabilityZone"),
        availability_zone_id=request.get("availabilityZoneId"),
        cidr_block=request.get("cidrBlock"),
        default_for_az="true" if request.get("defaultForAz") else None,
        ipv6_cidr_block_association=None,
        state=request.get("state"),
        vpc_id=request.get("vpcId"),
        **{"ipv6-cidr-block-association.ipv6-cidr-block": request.get("ipv6CidrBlock")},
    )
    ids = [request.get("id")] if request.get("id") else None
    found = one(
        request.api("ec2").all("describe_subnets", "Subnets", **given(Filters=filters, SubnetIds=ids)),
        "EC2 Subnet",
    )
    six: Values = next(iter(found.get("Ipv6CidrBlockAssociationSet", ())), {})
    names = found.get("PrivateDnsNameOptionsOnLaunch", {})
    return {
        **{ours: text(found.get(theirs)) for ours, theirs in _SUBNET_TEXTS.items()},
        **rename(found, _SUBNET_FLAGS, False),
        "arn": f"arn:aws:ec2:{request.region}:{found['OwnerId']}:subnet/{found['SubnetId']}",
        "availableIpAddressCount": found["AvailableIpAddressCount"],
        "enableLniAtDeviceIndex": found.get("EnableLniAtDeviceIndex", 0),
        "enableResourceNameDnsARecordOnLaunch": names.get("EnableResourceNameDnsARecord", False),
        "enableResourceNameDnsAaaaRecordOnLaunch": names.get("EnableResourceNameDnsAAAARecord", False),
        "privateDnsHostnameTypeOnLaunch": names.get("HostnameType", ""),
        "ipv6CidrBlock": six.get("Ipv6CidrBlock", ""),
        "ipv6CidrBlockAssociationId": six.get("AssociationId", ""),
        "tags": tags_of(found),
    }


def subnets(request: Request) -> Values:
    """The ids of all subnets that match."""
    found = request.api("ec2").all("describe_subnets", "Subnets", **given(Filters=request.filters()))
    return {"id": request.region, "ids": [item["SubnetId"] for item in found]}


def security_group(request: Request) -> Values:
    """One security group."""
    filters = request.filters(group_name=request.get("name"), vpc_id=request.get("vpcId"))
    ids = [request.get("id")] if request.get("id") else None
    found = one(
        request.api("ec2").all(
            "describe_security_groups",
            "SecurityGroups",
            **given(Filters=filters, GroupIds=ids),
        ),
        "EC2 Security Group",
    )
    return {
        "arn": f"arn:aws:ec2:{request.region}:{found['OwnerId']}:security-group/{found['GroupId']}",
        "tags": tags_of(found),
        **rename(
            found, {"id": "GroupId", "name": "GroupName", "description": "Description", "vpcId": "VpcId"}
        ),
    }


def managed_prefix_list(request: Request) -> Values:
    """One prefix list with its entries; AWS's own are found by name, as `com.amazonaws.us-east-1.s3`."""
    api = request.api("ec2")
    ids = [request.get("id")] if request.get("id") else None
    filters = [
        *request.own_filters(),
        *([{"Name": "prefix-list-name", "Values": [request.get("name")]}] if request.get("name") else []),
    ]
    found = one(
        api.all(
            "describe_managed_prefix_lists",
            "PrefixLists",
            **given(Filters=filters, PrefixListIds=ids),
        ),
        "EC2 Managed Prefix List",
    )
    identity = found["PrefixListId"]
    entries = api.all("get_managed_prefix_list_entries", "Entries", PrefixListId=identity)
    return {
        "entries": [{"cidr": item["Cidr"], "description": text(item.get("Description"))} for item in entries],
        "tags": tags_of(found),
        **rename(found, {"maxEntries": "MaxEntries", "version": "Version"}, 0),
        **rename(
            found,
            {
                "addressFamily": "AddressFamily",
                "arn": "PrefixListArn",
                "id": "PrefixListId",
                "name": "PrefixListName",
                "ownerId": "OwnerId",
            },
        ),
    }


def prefix_list(request: Request) -> Values:
    """The address blocks of one of AWS's services."""
    name, identity = request.get("name"), request.get("prefixListId")
    filters = [
        *request.own_filters(),
        *([{"Name": "prefix-list-name", "Values": [name]}] if name else []),
    ]
    found = one(
        request.api("ec2").all(
            "describe_prefix_lists",
            "PrefixLists",
            **given(Filters=filters, PrefixListIds=[identity] if identity else None),
        ),
        "EC2 Prefix List",
    )
    return {
        "id": found["PrefixListId"],
        "name": found["PrefixListName"],
        "cidrBlocks": list(found.get("Cidrs", ())),
    }
