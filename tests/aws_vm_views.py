"""The recorded runs of `aws-vm`'s program, and views of them."""

import base64
import bz2
import json
from typing import Any

import yaml
from recorder import Declared, Recording


def aws(recording: Recording) -> list[Declared]:
    return [one for one in recording.resources if one.type.startswith("aws:")]


def template(recording: Recording) -> dict[str, Any]:
    return recording.one("LaunchTemplate").inputs


def user_data(recording: Recording) -> str:
    return base64.b64decode(template(recording)["userData"]).decode()


def machine_tags(recording: Recording) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in recording.one("Group", "group-").inputs["tags"]}


def contents(recording: Recording) -> str:
    """The files that the user-data unpacks."""
    config = yaml.safe_load(user_data(recording))
    packed = next(one["content"] for one in config["write_files"] if one["path"] == "/var/lib/berth/bringup")
    return bz2.decompress(base64.b85decode(packed.strip())).decode()


def statements(recording: Recording, name: str) -> list[dict[str, Any]]:
    document = json.loads(recording.one("RolePolicy", name).inputs["policy"])
    return list(document["Statement"])


def str_of(one: Declared) -> tuple[str, str]:
    return one.type, one.name
