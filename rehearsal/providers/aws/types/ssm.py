"""Parameters of Systems Manager.

https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
"""

from collections.abc import Iterator

from rehearsal.providers.aws.api import Api
from rehearsal.providers.aws.table import Autoname, Tagging, Type
from rehearsal.providers.aws.tagging import tag_list, tag_map
from rehearsal.providers.plugin.model import Failure, Values


def _value(new: Values) -> str:
    return str(new["insecureValue"] if new.get("insecureValue") is not None else new["value"])


def _put(api: Api, name: str, new: Values, *, overwrite: bool) -> None:
    """Tags can only be given to a parameter that is new."""
    api.call(
        "put_parameter",
        Name=name,
        Value=_value(new),
        Overwrite=overwrite,
        Tags=tag_list(new.get("tags")) or None if not overwrite else None,
        **api.fill(
            "put_parameter", new, "allowedPattern", "dataType", "description", "keyId", "tier", "type"
        ),
    )


def _create(api: Api, new: Values) -> str:
    overwrite = bool(new.get("overwrite"))
    _put(api, new["name"], new, overwrite=overwrite)
    return str(new["name"])


def _tag_overwritten(api: Api, name: str, old: Values, new: Values) -> None:
    if new.get("overwrite") and new.get("tags"):
        _write_tags(api, name, old, new["tags"])


def _change(api: Api, name: str, old: Values, new: Values) -> None:
    del old
    _put(api, name, new, overwrite=True)


def _read(api: Api, name: str, known: Values) -> Values | None:
    found = api.call("get_parameter", Name=name, WithDecryption=True)["Parameter"]
    filters = [{"Key": "Name", "Option": "Equals", "Values": [name]}]
    described = api.one("describe_parameters", "Parameters", ParameterFilters=filters) or {}
    tags = api.call("list_tags_for_resource", ResourceType="Parameter", ResourceId=name)["TagList"]
    plain = found["Type"] != "SecureString" and known.get("insecureValue") is not None
    return {
        "allowedPattern": described.get("AllowedPattern", ""),
        "arn": found["ARN"],
        "dataType": found.get("DataType", "text"),
        "description": described.get("Description", ""),
        "keyId": described.get("KeyId", ""),
        "name": found["Name"],
        "tags": tag_map(tags),
        "tier": described.get("Tier", "Standard"),
        "type": found["Type"],
        "version": found["Version"],
        "insecureValue" if plain else "value": found["Value"],
    }


def _find(api: Api, new: Values) -> list[str]:
    """What has our name, type and value, and stands as it was first written, is ours."""
    found = api.call("get_parameter", Name=new["name"], WithDecryption=True)["Parameter"]
    same = found["Value"] == _value(new) and found["Type"] == new["type"] and found["Version"] == 1
    return [found["Name"]] if same else []


def _write_tags(api: Api, name: str, known: Values, tags: dict[str, str]) -> None:
    del known
    api.call("add_tags_to_resource", ResourceType="Parameter", ResourceId=name, Tags=tag_list(tags))


def _remove_tags(api: Api, name: str, known: Values, keys: list[str]) -> None:
    del known
    api.call("remove_tags_from_resource", ResourceType="Parameter", ResourceId=name, TagKeys=keys)


def _check(values: Values) -> Iterator[Failure]:
    given = [prop for prop in ("value", "insecureValue") if values.get(prop) is not None]
    if len(given) != 1:
        yield Failure("value", "exactly one of value and insecureValue must be given")
    if values.get("type") == "SecureString" and "insecureValue" in given:
        yield Failure("insecureValue", "a SecureString's value belongs into value")


_CHANGING = ("allowedPattern", "description", "insecureValue", "keyId", "tier", "type", "value")

TYPES = [
    Type(
        "aws:ssm/parameter:Parameter",
        "ssm",
        create=_create,
        after=_tag_overwritten,
        read=_read,
        delete=lambda api, name, _: api.call("delete_parameter", Name=name),
        find=_find,
        update=dict.fromkeys(_CHANGING, _change),
        replace_on=frozenset({"dataType", "name"}),
        local=frozenset({"arn", "overwrite"}),
        tags=Tagging(write=_write_tags, remove=_remove_tags),
        autoname=Autoname(prefix="", longest=1011),
        computed=frozenset({"arn", "dataType", "keyId", "tier"}),
        choices={"type": ("String", "StringList", "SecureString")},
        changes_on_update=frozenset({"version"}),
        secret_outputs=frozenset({"value"}),
        check=_check,
    )
]
