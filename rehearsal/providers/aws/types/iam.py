"""Identities: roles, policies, instance profiles, groups, users.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_Operations.html
"""

from collections.abc import Callable
from typing import Any, Final

from rehearsal.providers.aws.api import Api
from rehearsal.providers.aws.documents import kept, same_json, texts
from rehearsal.providers.aws.errors import AwsError
from rehearsal.providers.aws.shapes import rfc3339
from rehearsal.providers.aws.table import Autoname, Find, Read, Tagging, Type
from rehearsal.providers.aws.tagging import tag_list, tag_map
from rehearsal.providers.plugin.model import Values

_POLICY: Final = {"policy": same_json}
_VERSIONS_AT_MOST: Final = 5


def _tagging(kind: str, parameter: str, key: Callable[[str, Values], str] = lambda name, _: name) -> Tagging:
    """Tags of a role, say: `tag_role(RoleName=…)`."""

    def write(api: Api, identity: str, known: Values, tags: dict[str, str]) -> None:
        who = {parameter: key(identity, known)}
        api.call(f"tag_{kind}", Tags=tag_list(tags), **who)

    def remove(api: Api, identity: str, known: Values, keys: list[str]) -> None:
        who = {parameter: key(identity, known)}
        api.call(f"untag_{kind}", TagKeys=keys, **who)

    return Tagging(write=write, remove=remove)


def _by_name(read: Read) -> Find:
    """Names are unique in an account: what has ours and our tags is ours."""

    def find(api: Api, new: Values) -> list[str]:
        try:
            found = read(api, new["name"], {})
        except AwsError as error:
            if error.gone:
                return []
            raise
        return [new["name"]] if found and found.get("tags", {}) == (new.get("tags") or {}) else []

    return find


def _set_boundary(kind: str, parameter: str) -> Callable[[Api, str, Values, Values], None]:
    def change(api: Api, identity: str, old: Values, new: Values) -> None:
        del old
        who = {parameter: identity}
        if boundary := new.get("permissionsBoundary"):
            api.call(f"put_{kind}_permissions_boundary", PermissionsBoundary=boundary, **who)
        else:
            api.call(f"delete_{kind}_permissions_boundary", **who)

    return change


# Role


def _create_role(api: Api, new: Values) -> str:
    made = api.call(
        "create_role",
        RoleName=new["name"],
        AssumeRolePolicyDocument=new["assumeRolePolicy"],
        Tags=tag_list(new.get("tags")) or None,
        **api.fill("create_role", new, "description", "maxSessionDuration", "path", "permissionsBoundary"),
    )
    return str(made["Role"]["RoleName"])


def _update_role(api: Api, role: str, old: Values, new: Values) -> None:
    del old
    duration = new.get("maxSessionDuration", 3600)
    api.call(
        "update_role", RoleName=role, Description=new.get("description", ""), MaxSessionDuration=duration
    )


def _update_trust(api: Api, role: str, old: Values, new: Values) -> None:
    del old
    api.call("update_assume_role_policy", RoleName=role, PolicyDocument=new["assumeRolePolicy"])


def _read_role(api: Api, role: str, known: Values) -> Values | None:
    found = api.call("get_role", RoleName=role)["Role"]
    return {
        "arn": found["Arn"],
        "assumeRolePolicy": kept(known.get("assumeRolePolicy"), found["AssumeRolePolicyDocument"]),
        "createDate": rfc3339(found["CreateDate"]),
        "description": found.get("Description", ""),
        "maxSessionDuration": found.get("MaxSessionDuration", 3600),
        "name": found["RoleName"],
        "path": found["Path"],
        "permissionsBoundary": found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", ""),
        "tags": tag_map(found.get("Tags")),
        "uniqueId": found["RoleId"],
    }


def _delete_role(api: Api, role: str, known: Values) -> None:
    """Instance profiles let go of it in any case; policies only by `forceDetachPolicies`."""
    profiles = api.all("list_instance_profiles_for_role", "InstanceProfiles", RoleName=role)
    for profile in profiles:
        api.call(
            "remove_role_from_instance_profile",
            InstanceProfileName=profile["InstanceProfileName"],
            RoleName=role,
        )
    if known.get("forceDetachPolicies"):
        for policy in api.all("list_attached_role_policies", "AttachedPolicies", RoleName=role):
            api.call("detach_role_policy", RoleName=role, PolicyArn=policy["PolicyArn"])
        for name in api.call("list_role_policies", RoleName=role)["PolicyNames"]:
            api.call("delete_role_policy", RoleName=role, PolicyName=name)
    api.call("delete_role", RoleName=role)


ROLE: Final = Type(
    "aws:iam/role:Role",
    "iam",
    create=_create_role,
    read=_read_role,
    delete=_delete_role,
    find=_by_name(_read_role),
    update={
        "assumeRolePolicy": _update_trust,
        "description": _update_role,
        "maxSessionDuration": _update_role,
        "permissionsBoundary": _set_boundary("role", "RoleName"),
    },
    replace_on=frozenset({"name", "namePrefix", "path"}),
    local=frozenset({"forceDetachPolicies"}),
    tags=_tagging("role", "RoleName"),
    autoname=Autoname(longest=64),
    defaults={"path": "/", "maxSessionDuration": 3600, "forceDetachPolicies": False},
    same={"assumeRolePolicy": same_json},
    normalise=texts("assumeRolePolicy"),
)

# Policy


def _create_policy(api: Api, new: Values) -> str:
    made = api.call(
        "create_policy",
        PolicyName=new["name"],
        PolicyDocument=new["policy"],
        Tags=tag_list(new.get("tags")) or None,
        **api.fill("create_policy", new, "description", "path"),
    )
    return str(made["Policy"]["Arn"])


def _policy_versions(api: Api, arn: str) -> list[Values]:
    """The versions that are not in force, oldest first."""
    versions = api.all("list_policy_versions", "Versions", PolicyArn=arn)
    return [version for version in reversed(versions) if not version["IsDefaultVersion"]]


def _update_policy(api: Api, arn: str, old: Values, new: Values) -> None:
    del old
    versions = _policy_versions(api, arn)
    if len(versions) + 1 >= _VERSIONS_AT_MOST:
        api.call("delete_policy_version", PolicyArn=arn, VersionId=versions[0]["VersionId"])
    api.call("create_policy_version", PolicyArn=arn, PolicyDocument=new["policy"], SetAsDefault=True)


def _read_policy(api: Api, arn: str, known: Values) -> Values | None:
    found = api.call("get_policy", PolicyArn=arn)["Policy"]
    version = api.call("get_policy_version", PolicyArn=arn, VersionId=found["DefaultVersionId"])
    return {
        "arn": found["Arn"],
        "attachmentCount": found.get("AttachmentCount", 0),
        "description": found.get("Description", ""),
        "name": found["PolicyName"],
        "path": found["Path"],
        "policy": kept(known.get("policy"), version["PolicyVersion"]["Document"]),
        "policyId": found["PolicyId"],
        "tags": tag_map(found.get("Tags")),
    }


def _find_policy(api: Api, new: Values) -> list[str]:
    arn = f"arn:{api.account.partition}:iam::{api.account.id}:policy{new.get('path', '/')}{new['name']}"
    policies = api.all("list_policies", "Policies", Scope="Local")
    return [policy["Arn"] for policy in policies if policy["Arn"] == arn]


def _delete_policy(api: Api, arn: str, known: Values) -> None:
    del known
    for version in _policy_versions(api, arn):
        api.call("delete_policy_version", PolicyArn=arn, VersionId=version["VersionId"])
    api.call("delete_policy", PolicyArn=arn)


POLICY: Final = Type(
    "aws:iam/policy:Policy",
    "iam",
    create=_create_policy,
    read=_read_policy,
    delete=_delete_policy,
    find=_find_policy,
    update={"policy": _update_policy},
    replace_on=frozenset({"description", "name", "namePrefix", "path"}),
    local=frozenset({"delayAfterPolicyCreationInMs"}),
    tags=_tagging("policy", "PolicyArn"),
    autoname=Autoname(longest=128),
    defaults={"path": "/"},
    same=_POLICY,
    normalise=texts("policy"),
)

# Instance profile


def _create_profile(api: Api, new: Values) -> str:
    made = api.call(
        "create_instance_profile",
        InstanceProfileName=new["name"],
        Path=new.get("path"),
        Tags=tag_list(new.get("tags")) or None,
    )
    return str(made["InstanceProfile"]["InstanceProfileName"])


def _roles_of(api: Api, profile: str) -> list[str]:
    found = api.call("get_instance_profile", InstanceProfileName=profile)["InstanceProfile"]
    return [role["RoleName"] for role in found["Roles"]]


def _set_profile_role(api: Api, profile: str, old: Values, new: Values) -> None:
    """A profile holds one role at most."""
    del old
    present, wanted = _roles_of(api, profile), new.get("role")
    for role in present:
        if role != wanted:
            api.call("remove_role_from_instance_profile", InstanceProfileName=profile, RoleName=role)
    if wanted and wanted not in present:
        api.call("add_role_to_instance_profile", InstanceProfileName=profile, RoleName=wanted)


def _read_profile(api: Api, profile: str, known: Values) -> Values | None:
    del known
    found = api.call("get_instance_profile", InstanceProfileName=profile)["InstanceProfile"]
    return {
        "arn": found["Arn"],
        "createDate": rfc3339(found["CreateDate"]),
        "name": found["InstanceProfileName"],
        "path": found["Path"],
        "role": found["Roles"][0]["RoleName"] if found["Roles"] else "",
        "tags": tag_map(found.get("Tags")),
        "uniqueId": found["InstanceProfileId"],
    }


def _delete_profile(api: Api, profile: str, known: Values) -> None:
    _set_profile_role(api, profile, known, {})
    api.call("delete_instance_profile", InstanceProfileName=profile)


PROFILE: Final = Type(
    "aws:iam/instanceProfile:InstanceProfile",
    "iam",
    create=_create_profile,
    after=_set_profile_role,
    read=_read_profile,
    delete=_delete_profile,
    find=_by_name(_read_profile),
    update={"role": _set_profile_role},
    replace_on=frozenset({"name", "namePrefix", "path"}),
    tags=_tagging("instance_profile", "InstanceProfileName"),
    autoname=Autoname(longest=128),
    defaults={"path": "/"},
)

# User


def _create_user(api: Api, new: Values) -> str:
    made = api.call(
        "create_user",
        UserName=new["name"],
        Tags=tag_list(new.get("tags")) or None,
        **api.fill("create_user", new, "path", "permissionsBoundary"),
    )
    return str(made["User"]["UserName"])


def _move_user(api: Api, user: str, old: Values, new: Values) -> None:
    del old
    api.call("update_user", UserName=user, NewPath=new.get("path", "/"))


def _read_user(api: Api, user: str, known: Values) -> Values | None:
    del known
    found = api.call("get_user", UserName=user)["User"]
    return {
        "arn": found["Arn"],
        "name": found["UserName"],
        "path": found["Path"],
        "permissionsBoundary": found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", ""),
        "tags": tag_map(found.get("Tags")),
        "uniqueId": found["UserId"],
    }


def _delete_user(api: Api, user: str, known: Values) -> None:
    """Groups let go of the user in any case; keys and policies only by `forceDestroy`."""
    for group in api.all("list_groups_for_user", "Groups", UserName=user):
        api.call("remove_user_from_group", GroupName=group["GroupName"], UserName=user)
    if known.get("forceDestroy"):
        for key in api.all("list_access_keys", "AccessKeyMetadata", UserName=user):
            api.call("delete_access_key", UserName=user, AccessKeyId=key["AccessKeyId"])
        for policy in api.all("list_attached_user_policies", "AttachedPolicies", UserName=user):
            api.call("detach_user_policy", UserName=user, PolicyArn=policy["PolicyArn"])
        names: list[Any] = api.call("list_user_policies", UserName=user)["PolicyNames"]
        for name in names:
            api.call("delete_user_policy", UserName=user, PolicyName=name)
    api.call("delete_user", UserName=user)


USER: Final = Type(
    "aws:iam/user:User",
    "iam",
    create=_create_user,
    read=_read_user,
    delete=_delete_user,
    find=_by_name(_read_user),
    update={"path": _move_user, "permissionsBoundary": _set_boundary("user", "UserName")},
    replace_on=frozenset({"name"}),
    local=frozenset({"forceDestroy"}),
    tags=_tagging("user", "UserName"),
    autoname=Autoname(longest=64),
    defaults={"path": "/", "forceDestroy": False},
)

TYPES = [ROLE, POLICY, PROFILE, USER]
