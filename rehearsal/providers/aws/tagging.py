"""Tags in the forms that services take them."""

from collections.abc import Iterable, Mapping
from typing import Any

from rehearsal.providers.aws.api import Api
from rehearsal.providers.aws.table import Tagging
from rehearsal.providers.plugin.model import Values


def tag_list(tags: Mapping[str, str] | None) -> list[dict[str, str]]:
    """`[{"Key": …, "Value": …}]`."""
    return [{"Key": key, "Value": value} for key, value in (tags or {}).items()]


def tag_map(tags: Iterable[Mapping[str, Any]] | None) -> dict[str, str]:
    """The tags of an answer (`Key`/`Value`, in any case) without those that AWS itself sets."""
    pairs = [{key.lower(): value for key, value in tag.items()} for tag in tags or ()]
    return {tag["key"]: tag.get("value") or "" for tag in pairs if not tag["key"].startswith("aws:")}


def specification(kind: str, new: Values) -> list[dict[str, Any]] | None:
    """EC2's `TagSpecifications` for a create: kind is `vpc` or `subnet`, say."""
    tags = tag_list(new.get("tags"))
    return [{"ResourceType": kind, "Tags": tags}] if tags else None


def as_filters(tags: Mapping[str, str] | None) -> list[dict[str, Any]]:
    """EC2 filters for things that have all these tags."""
    return [{"Name": f"tag:{key}", "Values": [value]} for key, value in (tags or {}).items()]


def _write_ec2(api: Api, identity: str, known: Values, tags: dict[str, str]) -> None:
    del known
    api.call("create_tags", service="ec2", Resources=[identity], Tags=tag_list(tags))


def _remove_ec2(api: Api, identity: str, known: Values, keys: list[str]) -> None:
    del known
    api.call("delete_tags", service="ec2", Resources=[identity], Tags=[{"Key": key} for key in keys])


EC2 = Tagging(write=_write_ec2, remove=_remove_ec2)
"""Of everything whose id is an EC2 resource id."""
