"""Groups of identities, and what ties policies to roles and groups.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_Operations.html
"""

from typing import Final

from rehearsal.providers.aws.api import Api
from rehearsal.providers.aws.documents import kept, same_json, texts
from rehearsal.providers.aws.errors import AwsError
from rehearsal.providers.aws.table import Autoname, Type
from rehearsal.providers.plugin.model import Values

# Group


def _create_group(api: Api, new: Values) -> str:
    return str(api.call("create_group", GroupName=new["name"], Path=new.get("path"))["Group"]["GroupName"])


def _read_group(api: Api, group: str, known: Values) -> Values | None:
    del known
    found = api.call("get_group", GroupName=group)["Group"]
    return {
        "arn": found["Arn"],
        "name": found["GroupName"],
        "path": found["Path"],
        "uniqueId": found["GroupId"],
    }


def _move_group(api: Api, group: str, old: Values, new: Values) -> None:
    del old
    api.call("update_group", GroupName=group, NewPath=new.get("path", "/"))


def _find_group(api: Api, new: Values) -> list[str]:
    groups = api.all("list_groups", "Groups")
    return [group["GroupName"] for group in groups if group["GroupName"] == new["name"]]


GROUP: Final = Type(
    "aws:iam/group:Group",
    "iam",
    create=_create_group,
    read=_read_group,
    delete=lambda api, group, _: api.call("delete_group", GroupName=group),
    find=_find_group,
    update={"path": _move_group},
    replace_on=frozenset({"name"}),
    autoname=Autoname(longest=128),
    defaults={"path": "/"},
)

# Membership


def _members(api: Api, group: str) -> set[str]:
    return {user["UserName"] for user in api.all("get_group", "Users", GroupName=group)}


def _create_membership(api: Api, new: Values) -> str:
    for user in new["users"]:
        api.call("add_user_to_group", GroupName=new["group"], UserName=user)
    return str(new["name"])


def _set_members(api: Api, name: str, old: Values, new: Values) -> None:
    """Only those that this membership was about leave: others may have brought theirs."""
    del name
    group, wanted = new["group"], set(new["users"])
    for user in sorted(set(old.get("users", ())) - wanted):
        api.call("remove_user_from_group", GroupName=group, UserName=user)
    for user in sorted(wanted - _members(api, group)):
        api.call("add_user_to_group", GroupName=group, UserName=user)


def _read_membership(api: Api, name: str, known: Values) -> Values | None:
    """It has no identity of its own in AWS: it cannot be imported, and is gone when all its users are."""
    if not known.get("group"):
        return None
    members = _members(api, known["group"])
    if known.get("users") and not members & set(known["users"]):
        return None
    return {"group": known["group"], "name": name, "users": sorted(members)}


def _delete_membership(api: Api, name: str, known: Values) -> None:
    del name
    for user in known.get("users", ()):
        try:
            api.call("remove_user_from_group", GroupName=known["group"], UserName=user)
        except AwsError as error:
            if not error.gone:
                raise


MEMBERSHIP: Final = Type(
    "aws:iam/groupMembership:GroupMembership",
    "iam",
    create=_create_membership,
    read=_read_membership,
    delete=_delete_membership,
    update={"users": _set_members},
    replace_on=frozenset({"group", "name"}),
    autoname=Autoname(longest=128),
)

# Policies inside a role or a group, and policies attached to one


def _inline(kind: str) -> Type:
    """A policy that lives in a role or group: its id is `<owner>:<name>`."""
    owner = f"{kind.title()}Name"

    def put(api: Api, identity: str, old: Values, new: Values) -> None:
        del identity, old
        who = {owner: new[kind]}
        api.call(f"put_{kind}_policy", PolicyName=new["name"], PolicyDocument=new["policy"], **who)

    def create(api: Api, new: Values) -> str:
        put(api, "", {}, new)
        return f"{new[kind]}:{new['name']}"

    def named(identity: str) -> Values:
        holder, _, name = identity.partition(":")
        return {owner: holder, "PolicyName": name}

    def read(api: Api, identity: str, known: Values) -> Values | None:
        found = api.call(f"get_{kind}_policy", **named(identity))
        return {
            "name": found["PolicyName"],
            "policy": kept(known.get("policy"), found["PolicyDocument"]),
            kind: found[owner],
        }

    return Type(
        f"aws:iam/{kind}Policy:{kind.title()}Policy",
        "iam",
        create=create,
        read=read,
        delete=lambda api, identity, _: api.call(f"delete_{kind}_policy", **named(identity)),
        update={"policy": put},
        replace_on=frozenset({kind, "name", "namePrefix"}),
        autoname=Autoname(longest=128),
        same={"policy": same_json},
        normalise=texts("policy"),
    )


def _attachment(kind: str) -> Type:
    """What ties a managed policy to a role or group: its id is `<owner>/<policy ARN>`."""
    owner = f"{kind.title()}Name"

    def create(api: Api, new: Values) -> str:
        who = {owner: new[kind]}
        api.call(f"attach_{kind}_policy", PolicyArn=new["policyArn"], **who)
        return f"{new[kind]}/{new['policyArn']}"

    def named(identity: str) -> Values:
        holder, _, arn = identity.partition("/")
        return {owner: holder, "PolicyArn": arn}

    def read(api: Api, identity: str, known: Values) -> Values | None:
        del known
        wanted = named(identity)
        who = {owner: wanted[owner]}
        attached = api.all(f"list_attached_{kind}_policies", "AttachedPolicies", **who)
        if wanted["PolicyArn"] not in [policy["PolicyArn"] for policy in attached]:
            return None
        return {"policyArn": wanted["PolicyArn"], kind: wanted[owner]}

    return Type(
        f"aws:iam/{kind}PolicyAttachment:{kind.title()}PolicyAttachment",
        "iam",
        create=create,
        read=read,
        delete=lambda api, identity, _: api.call(f"detach_{kind}_policy", **named(identity)),
        replace_on=frozenset({kind, "policyArn"}),
    )


TYPES = [GROUP, MEMBERSHIP, _inline("role"), _inline("group"), _attachment("role"), _attachment("group")]
