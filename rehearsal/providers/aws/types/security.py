"""Security groups, their rules, and managed prefix lists."""

from collections.abc import Iterator
from typing import Any, Final

from rehearsal.providers.aws import rules
from rehearsal.providers.aws.api import Api
from rehearsal.providers.aws.ec2 import finder, where
from rehearsal.providers.aws.shapes import capital
from rehearsal.providers.aws.table import Autoname, Type
from rehearsal.providers.aws.tagging import EC2, specification, tag_map
from rehearsal.providers.plugin.model import Failure, Values
from rehearsal.providers.plugin.values import UNKNOWN, reveal

_DIRECTIONS: Final = (("ingress", False), ("egress", True))

# Security group


def _create_group(api: Api, new: Values) -> str:
    made = api.call(
        "create_security_group",
        **api.fill("create_security_group", new, "description", "vpcId", renamed={"name": "GroupName"}),
        TagSpecifications=specification("security-group", new),
    )
    return str(made["GroupId"])


def _set_rules(api: Api, group: str, old: Values, new: Values) -> None:
    """Rules given inline; without any, rules are resources of their own and stay as they are."""
    for prop, egress in _DIRECTIONS:
        if new.get(prop) is not None or old.get(prop):
            rules.become(api, group, rules.atoms(group, new.get(prop) or ()), egress=egress)


def _after_group(api: Api, group: str, old: Values, new: Values) -> None:
    """AWS lets everything out of a new group; here, as with the original, nothing that was not asked for."""
    _set_rules(api, group, old, {"egress": [], **new})


def _group(api: Api, group: str) -> dict[str, Any] | None:
    return api.one("describe_security_groups", "SecurityGroups", GroupIds=[group])


def _read_group(api: Api, group: str, known: Values) -> Values | None:
    del known
    found = _group(api, group)
    if found is None:
        return None
    return {
        **{prop: rules.inline(group, rules.live(api, group, egress=egress)) for prop, egress in _DIRECTIONS},
        "arn": api.arn(f"security-group/{group}"),
        "description": found.get("Description", ""),
        "name": found["GroupName"],
        "ownerId": found.get("OwnerId") or api.account.id,
        "tags": tag_map(found.get("Tags")),
        "vpcId": found.get("VpcId", ""),
    }


def _delete_group(api: Api, group: str, known: Values) -> None:
    if known.get("revokeRulesOnDelete"):
        for _, egress in _DIRECTIONS:
            rules.become(api, group, set(), egress=egress)
    api.call("delete_security_group", GroupId=group)


def _in_vpc(new: Values) -> list[dict[str, Any]]:
    return where(group_name=new["name"], vpc_id=new.get("vpcId"))


SECURITY_GROUP = Type(
    "aws:ec2/securityGroup:SecurityGroup",
    "ec2",
    create=_create_group,
    after=_after_group,
    read=_read_group,
    update=dict.fromkeys(("ingress", "egress"), _set_rules),
    delete=_delete_group,
    find=finder("describe_security_groups", "SecurityGroups", "GroupId", _in_vpc),
    replace_on=frozenset({"description", "name", "namePrefix", "vpcId"}),
    local=frozenset({"revokeRulesOnDelete"}),
    autoname=Autoname(),
    defaults={"description": "Managed by Pulumi"},
    computed=frozenset({"egress", "ingress", "vpcId"}),
    foreign=frozenset({"egress", "ingress"}),
    tags=EC2,
    busy=frozenset({"InvalidGroup.InUse"}),
    delete_seconds=900,
)

# A VPC's default security group: taken over, with the rules given here and no others


def _take_default_group(api: Api, new: Values) -> str:
    asked = where(group_name="default", vpc_id=new.get("vpcId"))
    found = api.one("describe_security_groups", "SecurityGroups", Filters=asked)
    if found is None:
        raise LookupError("no default security group")
    return str(found["GroupId"])


def _set_default_rules(api: Api, group: str, old: Values, new: Values) -> None:
    _set_rules(api, group, old, {"ingress": [], "egress": [], **new})


def _after_default_group(api: Api, group: str, old: Values, new: Values) -> None:
    _set_default_rules(api, group, old, new)
    if new.get("tags"):
        EC2.write(api, group, {}, new["tags"])


DEFAULT_SECURITY_GROUP = Type(
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
    "ec2",
    create=_take_default_group,
    after=_after_default_group,
    read=_read_group,
    update=dict.fromkeys(("ingress", "egress"), _set_default_rules),
    delete=lambda _api, _id, _known: None,
    lasting=True,
    replace_on=frozenset({"vpcId"}),
    local=frozenset({"revokeRulesOnDelete"}),
    computed=frozenset({"vpcId"}),
    tags=EC2,
)

# Rules that are resources of their own

_PEERS: Final = {
    "cidrIpv4": ("IpRanges", "CidrIp"),
    "cidrIpv6": ("Ipv6Ranges", "CidrIpv6"),
    "prefixListId": ("PrefixListIds", "PrefixListId"),
    "referencedSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
}


def _one_peer(inputs: Values) -> Iterator[Failure]:
    given = [prop for prop in _PEERS if inputs.get(prop) is not None]
    if len(given) != 1:
        yield Failure("", f"exactly one of {', '.join(_PEERS)} is needed; there are {len(given)}")
    protocol = reveal(inputs.get("ipProtocol"))
    if protocol not in {"-1", "all", UNKNOWN} and inputs.get("fromPort") is None:
        yield Failure("fromPort", f"is required for the protocol {protocol!r}")
    if protocol == "-1" and inputs.get("fromPort") is not None:
        yield Failure("fromPort", 'must be left out for the protocol "-1", which is every port')


def _permission(new: Values) -> dict[str, Any]:
    prop = next(prop for prop in _PEERS if new.get(prop))
    listed, key = _PEERS[prop]
    peer = {key: new[prop], **({"Description": new["description"]} if new.get("description") else {})}
    ports = {"FromPort": new.get("fromPort"), "ToPort": new.get("toPort", new.get("fromPort"))}
    given = {name: port for name, port in ports.items() if port is not None}
    return {"IpProtocol": new["ipProtocol"], **given, listed: [peer]}


def _authorize(api: Api, new: Values, way: str) -> str:
    made = api.call(
        f"authorize_security_group_{way}",
        GroupId=new["securityGroupId"],
        IpPermissions=[_permission(new)],
        TagSpecifications=specification("security-group-rule", new),
    )
    return str(made["SecurityGroupRules"][0]["SecurityGroupRuleId"])


def _find_rule(api: Api, new: Values, *, egress: bool) -> list[str]:
    found = api.all(
        "describe_security_group_rules", "SecurityGroupRules", Filters=where(group_id=new["securityGroupId"])
    )
    keys = ("ipProtocol", "fromPort", "toPort", *_PEERS)
    wanted = [new.get(key) for key in keys]
    return [
        str(rule["SecurityGroupRuleId"])
        for rule in found
        if bool(rule.get("IsEgress")) == egress and [_shown(rule).get(key) or None for key in keys] == wanted
    ]


def _shown(rule: dict[str, Any]) -> Values:
    every = str(rule["IpProtocol"]) == "-1"
    return {
        "cidrIpv4": rule.get("CidrIpv4") or "",
        "cidrIpv6": rule.get("CidrIpv6") or "",
        "description": rule.get("Description") or "",
        "fromPort": None if every else rule.get("FromPort"),
        "ipProtocol": str(rule["IpProtocol"]),
        "prefixListId": rule.get("PrefixListId") or "",
        "referencedSecurityGroupId": (rule.get("ReferencedGroupInfo") or {}).get("GroupId") or "",
        "securityGroupId": rule["GroupId"],
        "toPort": None if every else rule.get("ToPort"),
    }


def _read_rule(api: Api, rule: str, known: Values) -> Values | None:
    del known
    found = api.one("describe_security_group_rules", "SecurityGroupRules", SecurityGroupRuleIds=[rule])
    if found is None:
        return None
    return {
        **_shown(found),
        "arn": api.arn(f"security-group-rule/{rule}"),
        "securityGroupRuleId": rule,
        "tags": tag_map(found.get("Tags")),
    }


def _modify_rule(api: Api, rule: str, old: Values, new: Values) -> None:
    del old
    keys = ("cidrIpv4", "cidrIpv6", "description", "fromPort", "ipProtocol", "prefixListId", "toPort")
    request = {capital(key): new[key] for key in keys if new.get(key) is not None}
    if new.get("referencedSecurityGroupId"):
        request["ReferencedGroupId"] = new["referencedSecurityGroupId"]
    updates = [{"SecurityGroupRuleId": rule, "SecurityGroupRule": request}]
    api.call("modify_security_group_rules", GroupId=new["securityGroupId"], SecurityGroupRules=updates)


def _rule_type(token: str, way: str, *, egress: bool) -> Type:
    return Type(
        token,
        "ec2",
        create=lambda api, new: _authorize(api, new, way),
        read=_read_rule,
        update=dict.fromkeys(("description", "fromPort", "ipProtocol", "toPort", *_PEERS), _modify_rule),
        delete=lambda api, rule, known: api.call(
            f"revoke_security_group_{way}", GroupId=known["securityGroupId"], SecurityGroupRuleIds=[rule]
        ),
        find=lambda api, new: _find_rule(api, new, egress=egress),
        replace_on=frozenset({"securityGroupId"}),
        check=_one_peer,
        tags=EC2,
        gone=frozenset({"InvalidSecurityGroupRuleId.NotFound", "InvalidGroup.NotFound"}),
    )


INGRESS_RULE = _rule_type(
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "ingress", egress=False
)
EGRESS_RULE = _rule_type("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule", "egress", egress=True)

TYPES = [SECURITY_GROUP, DEFAULT_SECURITY_GROUP, INGRESS_RULE, EGRESS_RULE]
