"""Route tables, their routes, and which subnet has which."""

from typing import Any, Final

from rehearsal.providers.aws.api import Api
from rehearsal.providers.aws.ec2 import finder, where
from rehearsal.providers.aws.table import Type
from rehearsal.providers.aws.tagging import EC2, specification, tag_map
from rehearsal.providers.plugin.model import Values

_DESTINATIONS: Final = {
    "destinationCidrBlock": "DestinationCidrBlock",
    "destinationIpv6CidrBlock": "DestinationIpv6CidrBlock",
    "destinationPrefixListId": "DestinationPrefixListId",
}
_INLINE_DESTINATIONS: Final = {
    "cidrBlock": "DestinationCidrBlock",
    "ipv6CidrBlock": "DestinationIpv6CidrBlock",
    "destinationPrefixListId": "DestinationPrefixListId",
}
_TARGETS: Final = {
    "egressOnlyGatewayId": "EgressOnlyInternetGatewayId",
    "gatewayId": "GatewayId",
    "natGatewayId": "NatGatewayId",
    "networkInterfaceId": "NetworkInterfaceId",
    "transitGatewayId": "TransitGatewayId",
    "vpcEndpointId": "VpcEndpointId",
    "vpcPeeringConnectionId": "VpcPeeringConnectionId",
}


def _parameters(values: Values, names: dict[str, str]) -> dict[str, Any]:
    return {name: values[prop] for prop, name in names.items() if values.get(prop)}


def _own_routes(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Routes that someone made: not the VPC's own, nor those of gateway endpoints."""
    return [
        route
        for route in found.get("Routes") or ()
        if route.get("GatewayId") != "local" and not str(route.get("GatewayId", "")).startswith("vpce-")
    ]


def _table(api: Api, table: str) -> dict[str, Any] | None:
    return api.one("describe_route_tables", "RouteTables", RouteTableIds=[table])


# Route table


def _create_table(api: Api, new: Values) -> str:
    made = api.call(
        "create_route_table", VpcId=new["vpcId"], TagSpecifications=specification("route-table", new)
    )
    return str(made["RouteTable"]["RouteTableId"])


def _set_routes(api: Api, table: str, old: Values, new: Values) -> None:
    """Make the routes those of the inputs; without any in them, routes are resources of their own."""
    if new.get("routes") is None and not old.get("routes"):
        return
    live = {_destination(route): route for route in _own_routes(_table(api, table) or {})}
    wanted = {
        next(iter(_parameters(route, _INLINE_DESTINATIONS).values())): route
        for route in new.get("routes") or ()
    }
    for destination, route in wanted.items():
        parameters = {**_parameters(route, _INLINE_DESTINATIONS), **_parameters(route, _TARGETS)}
        if destination not in live:
            api.call("create_route", RouteTableId=table, **parameters)
        elif _parameters(route, _TARGETS) != {
            k: v for k, v in live[destination].items() if k in _TARGETS.values()
        }:
            api.call("replace_route", RouteTableId=table, **parameters)
    for destination, route in live.items():
        if destination not in wanted:
            _drop(api, table, route)


def _destination(route: dict[str, Any]) -> str:
    return str(next(route[name] for name in _DESTINATIONS.values() if route.get(name)))


def _drop(api: Api, table: str, route: dict[str, Any]) -> None:
    named: Values = {name: route[name] for name in _DESTINATIONS.values() if route.get(name)}
    api.call("delete_route", RouteTableId=table, **named)


def _read_table(api: Api, table: str, known: Values) -> Values | None:
    del known
    found = _table(api, table)
    if found is None:
        return None
    routes = [
        {prop: route[name] for prop, name in {**_INLINE_DESTINATIONS, **_TARGETS}.items() if route.get(name)}
        for route in _own_routes(found)
    ]
    return {
        "arn": api.arn(f"route-table/{table}"),
        "ownerId": found.get("OwnerId") or api.account.id,
        "propagatingVgws": [one["GatewayId"] for one in found.get("PropagatingVgws") or ()],
        "routes": routes,
        "tags": tag_map(found.get("Tags")),
        "vpcId": found["VpcId"],
    }


ROUTE_TABLE = Type(
    "aws:ec2/routeTable:RouteTable",
    "ec2",
    create=_create_table,
    after=_set_routes,
    read=_read_table,
    update={"routes": _set_routes},
    delete=lambda api, table, _: api.call("delete_route_table", RouteTableId=table),
    find=finder(
        "describe_route_tables", "RouteTables", "RouteTableId", lambda new: where(vpc_id=new["vpcId"])
    ),
    replace_on=frozenset({"vpcId"}),
    computed=frozenset({"routes"}),
    foreign=frozenset({"routes"}),
    tags=EC2,
)

# The VPC's default route table: taken over, not made


def _take_default_table(api: Api, new: Values) -> str:
    table = str(new["defaultRouteTableId"])
    for route in _own_routes(_table(api, table) or {}):
        if route.get("Origin") != "CreateRouteTable":
            _drop(api, table, route)
    return table


def _tag_taken(api: Api, identity: str, old: Values, new: Values) -> None:
    del old
    if new.get("tags"):
        EC2.write(api, identity, {}, new["tags"])


def _after_default_table(api: Api, table: str, old: Values, new: Values) -> None:
    _tag_taken(api, table, old, new)
    _set_routes(api, table, old, new)


def _read_default_table(api: Api, table: str, known: Values) -> Values | None:
    found = _read_table(api, table, known)
    return {**found, "defaultRouteTableId": table} if found else None


DEFAULT_ROUTE_TABLE = Type(
    "aws:ec2/defaultRouteTable:DefaultRouteTable",
    "ec2",
    create=_take_default_table,
    after=_after_default_table,
    read=_read_default_table,
    update={"routes": _set_routes},
    delete=lambda _api, _id, _known: None,
    lasting=True,
    replace_on=frozenset({"defaultRouteTableId"}),
    computed=frozenset({"routes"}),
    tags=EC2,
)

# Route


def _create_route(api: Api, new: Values) -> str:
    destination = _parameters(new, _DESTINATIONS)
    api.call("create_route", RouteTableId=new["routeTableId"], **destination, **_parameters(new, _TARGETS))
    return f"{new['routeTableId']}_{next(iter(destination.values()))}"


def _find_route(api: Api, new: Values) -> list[str]:
    """The route of this destination, if it leads where the inputs say."""
    live = _route(api, str(new["routeTableId"]), str(next(iter(_parameters(new, _DESTINATIONS).values()))))
    wanted = _parameters(new, _TARGETS)
    if live is None or any(live.get(name) != value for name, value in wanted.items()):
        return []
    return [f"{new['routeTableId']}_{_destination(live)}"]


def _route(api: Api, table: str, destination: str) -> dict[str, Any] | None:
    routes = (_table(api, table) or {}).get("Routes") or ()
    return next((route for route in routes if _destination(route) == destination), None)


def _read_route(api: Api, identity: str, known: Values) -> Values | None:
    del known
    table, _, destination = identity.partition("_")
    found = _route(api, table, destination)
    if found is None:
        return None
    return {
        **{prop: found.get(name, "") for prop, name in {**_DESTINATIONS, **_TARGETS}.items()},
        "origin": found.get("Origin", "CreateRoute"),
        "routeTableId": table,
        "state": found.get("State", "active"),
    }


def _replace_route(api: Api, identity: str, old: Values, new: Values) -> None:
    del identity, old
    where_to = {**_parameters(new, _DESTINATIONS), **_parameters(new, _TARGETS)}
    api.call("replace_route", RouteTableId=new["routeTableId"], **where_to)


def _delete_route(api: Api, identity: str, known: Values) -> None:
    table, _, destination = identity.partition("_")
    del known
    found = _route(api, table, destination)
    if found:
        _drop(api, table, found)


ROUTE = Type(
    "aws:ec2/route:Route",
    "ec2",
    create=_create_route,
    read=_read_route,
    update=dict.fromkeys(_TARGETS, _replace_route),
    delete=_delete_route,
    find=_find_route,
    replace_on=frozenset({"routeTableId", *_DESTINATIONS}),
    gone=frozenset({"InvalidRouteTableID.NotFound", "InvalidRoute.NotFound"}),
    delete_before_replace=True,
)

# Associations


def _association(api: Api, identity: str) -> dict[str, Any] | None:
    """By its id, or `<subnet or gateway>/<table>` as an import has it."""
    place, slash, table = identity.partition("/")
    asked: Values = (
        {"RouteTableIds": [table]}
        if slash
        else {"Filters": where(association__route_table_association_id=identity)}
    )
    found = api.one("describe_route_tables", "RouteTables", **asked) or {}
    return next(
        (
            {**one, "RouteTableId": found["RouteTableId"], "VpcId": found["VpcId"]}
            for one in found.get("Associations") or ()
            if one["RouteTableAssociationId"] == identity
            or (slash and place in {one.get("SubnetId"), one.get("GatewayId")})
        ),
        None,
    )


def _associate(api: Api, new: Values) -> str:
    made = api.call(
        "associate_route_table", **api.fill("associate_route_table", new, "routeTableId", *_PLACES)
    )
    return str(made["AssociationId"])


_PLACES: Final = ("subnetId", "gatewayId")


def _find_association(api: Api, new: Values) -> list[str]:
    found = _association(api, f"{new.get('subnetId') or new.get('gatewayId')}/{new['routeTableId']}")
    return [found["RouteTableAssociationId"]] if found else []


def _read_table_association(api: Api, identity: str, known: Values) -> Values | None:
    del known
    found = _association(api, identity)
    if found is None:
        return None
    return {
        "id": found["RouteTableAssociationId"],
        "gatewayId": found.get("GatewayId", ""),
        "routeTableId": found["RouteTableId"],
        "subnetId": found.get("SubnetId", ""),
    }


ROUTE_TABLE_ASSOCIATION = Type(
    "aws:ec2/routeTableAssociation:RouteTableAssociation",
    "ec2",
    create=_associate,
    read=_read_table_association,
    delete=lambda api, identity, _: api.call("disassociate_route_table", AssociationId=identity),
    find=_find_association,
    # AWS gives the association a new id when its table changes, so here it is another one.
    replace_on=frozenset({"routeTableId", *_PLACES}),
    delete_before_replace=True,
)


def _become_main(api: Api, new: Values) -> str:
    main = where(vpc_id=new["vpcId"], association__main="true")
    table = api.one("describe_route_tables", "RouteTables", Filters=main) or {}
    own = str(next(one["RouteTableAssociationId"] for one in table["Associations"] if one.get("Main")))
    if table["RouteTableId"] == new["routeTableId"]:
        return own
    changed = api.call("replace_route_table_association", AssociationId=own, RouteTableId=new["routeTableId"])
    return str(changed["NewAssociationId"])


def _read_main(api: Api, identity: str, known: Values) -> Values | None:
    found = _association(api, identity)
    if found is None:
        return None
    original = known.get("originalRouteTableId") or _first_table(api, found["VpcId"], found["RouteTableId"])
    return {"originalRouteTableId": original, "routeTableId": found["RouteTableId"], "vpcId": found["VpcId"]}


def _first_table(api: Api, vpc: str, current: str) -> str:
    """The table that the VPC came with: the only one that no tag or subnet claims."""
    tables = api.all("describe_route_tables", "RouteTables", Filters=where(vpc_id=vpc))
    free = [one for one in tables if one["RouteTableId"] != current and not one.get("Associations")]
    return str(next((one["RouteTableId"] for one in free if not one.get("Tags")), ""))


def _give_back(api: Api, identity: str, known: Values) -> None:
    if known.get("originalRouteTableId"):
        api.call(
            "replace_route_table_association",
            AssociationId=identity,
            RouteTableId=known["originalRouteTableId"],
        )


MAIN_ROUTE_TABLE_ASSOCIATION = Type(
    "aws:ec2/mainRouteTableAssociation:MainRouteTableAssociation",
    "ec2",
    create=_become_main,
    read=_read_main,
    delete=_give_back,
    replace_on=frozenset({"routeTableId", "vpcId"}),
    delete_before_replace=True,
)

TYPES = [
    ROUTE_TABLE,
    DEFAULT_ROUTE_TABLE,
    ROUTE,
    ROUTE_TABLE_ASSOCIATION,
    MAIN_ROUTE_TABLE_ASSOCIATION,
]
