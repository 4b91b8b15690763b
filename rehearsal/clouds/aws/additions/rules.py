"""Security group rules: changes of every kind of source, which moto has for IPv4 networks only."""

from collections.abc import Mapping
from typing import Any

from rehearsal.clouds.aws.additions import answers
from rehearsal.clouds.aws.calls import AwsError, Call
from rehearsal.clouds.aws.emulator import ACCOUNT, backends

_ALL = "-1"
_SOURCES = ("CidrIpv4", "CidrIpv6", "PrefixListId", "ReferencedGroupId")


@answers("ec2", "ModifySecurityGroupRules")
def modify(call: Call) -> Mapping[str, Any]:
    """Replace rules; the kind of a rule's source stays what it is."""
    number = call.params["GroupId"]
    with backends() as backend:
        group = backend("ec2", call.region).get_security_group_from_id(number)
        if group is None:
            raise AwsError("InvalidGroup.NotFound", f"The security group '{number}' does not exist")
        for change in call.params["SecurityGroupRules"]:
            rule = group.get_rule(change["SecurityGroupRuleId"])
            if rule is None:
                raise AwsError(
                    "InvalidSecurityGroupRuleId.NotFound",
                    f"The security group rule ID '{change['SecurityGroupRuleId']}' does not exist",
                )
            _change(rule, change["SecurityGroupRule"])
    return {"Return": True}


def _change(rule: Any, new: Mapping[str, Any]) -> None:
    given = [source for source in _SOURCES if new.get(source)]
    if len(given) != 1:
        raise AwsError(
            "InvalidParameterCombination" if given else "MissingParameter",
            "Exactly one of cidrIpv4, cidrIpv6, prefixListId or referencedGroupId must be specified",
        )
    if given[0] != source_of(rule):
        raise AwsError(
            "InvalidParameterValue",
            f"Invalid rule type for security group rule '{rule.id}'. You may not specify {given[0]} for an "
            f"existing {source_of(rule)} rule.",
        )
    protocol = str(new.get("IpProtocol", ""))
    if protocol != _ALL and (new.get("FromPort") is None or new.get("ToPort") is None):
        raise AwsError(
            "InvalidParameterValue",
            "Invalid value for portRange. Must specify both from and to ports with TCP/UDP.",
        )
    rule.ip_protocol = protocol
    rule.from_port, rule.to_port = (None, None) if protocol == _ALL else (new["FromPort"], new["ToPort"])
    told = {"Description": new["Description"]} if new.get("Description") else {}
    if given[0] == "CidrIpv4":
        rule.ip_range = {"CidrIp": new["CidrIpv4"], **told}
    elif given[0] == "CidrIpv6":
        rule.ip_range = {"CidrIpv6": new["CidrIpv6"], **told}
    elif given[0] == "PrefixListId":
        rule.prefix_list_id = new["PrefixListId"]
    else:
        rule.source_group = {"GroupId": new["ReferencedGroupId"], "UserId": ACCOUNT, **told}
    rule.told = new.get("Description")


def source_of(rule: Any) -> str:
    """Which kind of source a rule has."""
    if rule.source_group:
        return "ReferencedGroupId"
    if rule.prefix_list_id:
        return "PrefixListId"
    return "CidrIpv6" if rule.ip_range.get("CidrIpv6") else "CidrIpv4"
