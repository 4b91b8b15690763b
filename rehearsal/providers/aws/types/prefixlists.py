"""Managed prefix lists and single entries of them.

A list changes by versions: a request names the one that it changes, and the list is busy until it is done.
https://docs.aws.amazon.com/vpc/latest/userguide/working-with-managed-prefix-lists.html
"""

from collections.abc import Callable
from typing import Any

from rehearsal.providers.aws.api import Api
from rehearsal.providers.aws.errors import AwsError
from rehearsal.providers.aws.table import Broken, Type
from rehearsal.providers.aws.tagging import EC2, specification, tag_map
from rehearsal.providers.plugin.model import Values

_SECONDS = 120
_STALE = frozenset({"IncorrectState", "PrefixListVersionMismatch", "InvalidPrefixListModification"})


def _create_list(api: Api, new: Values) -> str:
    made = api.call(
        "create_managed_prefix_list",
        **api.fill("create_managed_prefix_list", new, "addressFamily", "entries", "maxEntries"),
        PrefixListName=new["name"],
        TagSpecifications=specification("prefix-list", new),
    )
    return str(made["PrefixList"]["PrefixListId"])


def _list(api: Api, identity: str) -> dict[str, Any] | None:
    return api.one("describe_managed_prefix_lists", "PrefixLists", PrefixListIds=[identity])


def _entries(api: Api, identity: str) -> list[Values]:
    found = api.all("get_managed_prefix_list_entries", "Entries", PrefixListId=identity)
    return [{"cidr": one["Cidr"], "description": one.get("Description") or ""} for one in found]


def _ready(api: Api, identity: str, new: Values) -> str | None:
    del new
    found = _list(api, identity) or {}
    state = str(found.get("State", "pending"))
    if state == "create-failed":
        raise Broken(str(found.get("StateMessage", state)))
    return None if state.endswith(("-complete", "-failed")) else f"the prefix list is {state}"


def _modify(api: Api, identity: str, changes: Callable[[list[Values]], Values]) -> None:
    """Change the current version, whoever changes it at the same time; nothing to change, no call."""

    def attempt() -> str | None:
        waiting = _ready(api, identity, {})
        if waiting:
            return waiting
        found = _list(api, identity) or {}
        wanted = changes(_entries(api, identity))
        if not wanted:
            return None
        version = found.get("Version")
        try:
            api.call("modify_managed_prefix_list", PrefixListId=identity, CurrentVersion=version, **wanted)
        except AwsError as error:
            if error.code in _STALE:
                return error.message
            raise
        return None

    api.until(_SECONDS, attempt)
    api.until(_SECONDS, lambda: _ready(api, identity, {}))


def _set_entries(api: Api, identity: str, old: Values, new: Values) -> None:
    """An entry with another description has to go before it comes; everything else is one version."""
    del old
    wanted = {one["cidr"]: one.get("description") or "" for one in new.get("entries") or ()}

    def renamed(live: list[Values]) -> Values:
        other = [
            one["cidr"] for one in live if wanted.get(one["cidr"], one["description"]) != one["description"]
        ]
        return {"RemoveEntries": [{"Cidr": cidr} for cidr in other]} if other else {}

    def rest(live: list[Values]) -> Values:
        there = {one["cidr"] for one in live}
        add = [_entry(cidr, text) for cidr, text in wanted.items() if cidr not in there]
        remove = [{"Cidr": cidr} for cidr in sorted(there - set(wanted))]
        return {key: value for key, value in (("AddEntries", add), ("RemoveEntries", remove)) if value}

    _modify(api, identity, renamed)
    _modify(api, identity, rest)


def _entry(cidr: str, text: str) -> dict[str, str]:
    return {"Cidr": cidr, "Description": text} if text else {"Cidr": cidr}


def _resize(api: Api, identity: str, old: Values, new: Values) -> None:
    """A size changes alone."""
    del old
    api.call("modify_managed_prefix_list", PrefixListId=identity, MaxEntries=new["maxEntries"])
    api.until(_SECONDS, lambda: _ready(api, identity, {}))


def _rename(api: Api, identity: str, old: Values, new: Values) -> None:
    del old
    api.call("modify_managed_prefix_list", PrefixListId=identity, PrefixListName=new["name"])


def _read_list(api: Api, identity: str, known: Values) -> Values | None:
    del known
    found = _list(api, identity)
    if found is None or found.get("State") == "delete-complete":
        return None
    return {
        "addressFamily": found["AddressFamily"],
        "arn": found["PrefixListArn"],
        "entries": sorted(_entries(api, identity), key=lambda one: str(one["cidr"])),
        "maxEntries": found["MaxEntries"],
        "name": found["PrefixListName"],
        "ownerId": found.get("OwnerId") or api.account.id,
        "tags": tag_map(found.get("Tags")),
        "version": found.get("Version", 1),
    }


LIST = Type(
    "aws:ec2/managedPrefixList:ManagedPrefixList",
    "ec2",
    create=_create_list,
    ready=_ready,
    read=_read_list,
    update={"maxEntries": _resize, "entries": _set_entries, "name": _rename},
    delete=lambda api, identity, _: api.call("delete_managed_prefix_list", PrefixListId=identity),
    replace_on=frozenset({"addressFamily"}),
    computed=frozenset({"entries"}),
    foreign=frozenset({"entries", "version"}),
    changes_on_update=frozenset({"version"}),
    choices={"addressFamily": ("IPv4", "IPv6")},
    tags=EC2,
    busy=frozenset({"PrefixListInUse"}),
)

# One entry


def _add_entry(api: Api, new: Values) -> str:
    entry = _entry(new["cidr"], new.get("description") or "")

    def missing(live: list[Values]) -> Values:
        return {} if any(one["cidr"] == new["cidr"] for one in live) else {"AddEntries": [entry]}

    _modify(api, str(new["prefixListId"]), missing)
    return f"{new['prefixListId']},{new['cidr']}"


def _read_entry(api: Api, identity: str, known: Values) -> Values | None:
    del known
    owner, _, cidr = identity.partition(",")
    found = next((one for one in _entries(api, owner) if one["cidr"] == cidr), None)
    return {**found, "prefixListId": owner} if found else None


def _remove_entry(api: Api, identity: str, known: Values) -> None:
    owner, _, cidr = identity.partition(",")
    del known

    def there(live: list[Values]) -> Values:
        return {"RemoveEntries": [{"Cidr": cidr}]} if any(one["cidr"] == cidr for one in live) else {}

    _modify(api, owner, there)


ENTRY = Type(
    "aws:ec2/managedPrefixListEntry:ManagedPrefixListEntry",
    "ec2",
    create=_add_entry,
    read=_read_entry,
    delete=_remove_entry,
    replace_on=frozenset({"cidr", "description", "prefixListId"}),
    delete_before_replace=True,
)

TYPES = [LIST, ENTRY]
