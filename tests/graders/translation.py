"""Resources as Pulumi declares them, as a Terraform plan: the form that policy scanners read.

The translation is one rule for all types: names in snake_case, an object becomes a block (a list of one),
a list of objects is named in the singular. What the rule cannot know is in NAMES, PLURALS and MAPS.
"""

import importlib
import inspect
import keyword
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

# Types whose Terraform name is not `aws_<module>_<type>`; the types of `ec2` are `aws_<type>`.
NAMES = {
    "aws:ec2/managedPrefixList:ManagedPrefixList": "aws_ec2_managed_prefix_list",
    "aws:ec2/managedPrefixListEntry:ManagedPrefixListEntry": "aws_ec2_managed_prefix_list_entry",
    "aws:ec2/fleet:Fleet": "aws_ec2_fleet",
    "aws:ec2/transitGateway:TransitGateway": "aws_ec2_transit_gateway",
    "aws:ec2transitgateway/instanceConnectEndpoint:InstanceConnectEndpoint": (
        "aws_ec2_instance_connect_endpoint"
    ),
    "aws:s3/bucketObjectv2:BucketObjectv2": "aws_s3_object",
    "aws:s3/bucketObject:BucketObject": "aws_s3_object",
    "aws:autoscaling/lifecycleHook:LifecycleHook": "aws_autoscaling_lifecycle_hook",
}
# Lists of objects whose Terraform name is a plural.
PLURALS = {"block_device_mappings", "network_interfaces", "tag_specifications", "overrides_list"}
# Objects with keys of the user's own.
MAPS = {"tags", "dimensions", "parameters", "environment", "variables", "labels", "triggers"}


@dataclass(frozen=True)
class Resource:
    """type: Pulumi's token. id: what other resources refer to it by."""

    type: str
    name: str
    id: str
    inputs: Mapping[str, Any]


def from_export(export: Mapping[str, Any]) -> list[Resource]:
    """The AWS resources of `pulumi stack export`."""
    return [
        Resource(one["type"], one["urn"].rpartition("::")[2], str(one.get("id", "")), one.get("inputs") or {})
        for one in export["deployment"].get("resources") or []
        if one.get("custom") and one["type"].startswith("aws:")
    ]


def from_golden(file: Path) -> list[Resource]:
    """The AWS resources of a committed graph (tests/golden)."""
    rows = yaml.safe_load(file.read_text())["resources"]
    found = []
    for key, row in rows.items():
        token, _, name = key.partition(" ")
        if token.startswith("aws:"):
            found.append(Resource(token, name, f"{name}-id", row["inputs"] or {}))
    return found


def plan(resources: Iterable[Resource]) -> dict[str, Any]:
    """A Terraform plan that creates the resources, with the references between them."""
    made = list(resources)
    addresses: dict[str, set[str]] = {}
    for one in made:
        addresses.setdefault(one.id, set()).add(address(one))
    planned, changes, configured = [], [], []
    for one in made:
        others = {number: names - {address(one)} for number, names in addresses.items() if number}
        found = {key: references(value, others) for key, value in one.inputs.items()}
        # A value that only the creation of another resource tells is not in a plan, its reference is.
        known = {key: value for key, value in one.inputs.items() if not found[key] or isinstance(value, dict)}
        values = {**dict.fromkeys(properties(one.type)), **translated(known)}
        for key in one.inputs.keys() - known.keys():
            values.pop(snake(key), None)
        common = {"address": address(one), "mode": "managed", "type": kind(one.type), "name": label(one.name)}
        planned.append({**common, "provider_name": "registry.terraform.io/hashicorp/aws", "values": values})
        changes.append({**common, "change": {"actions": ["create"], "before": None, "after": values}})
        expressions = {
            snake(key): {"references": sorted(names, key=len, reverse=True)}
            for key, names in found.items()
            if names
        }
        configured.append({**common, "provider_config_key": "aws", "expressions": expressions})
    return {
        "format_version": "1.2",
        "terraform_version": "1.9.0",
        "planned_values": {"root_module": {"resources": planned}},
        "resource_changes": changes,
        "configuration": {
            "provider_config": {"aws": {"name": "aws", "full_name": "registry.terraform.io/hashicorp/aws"}},
            "root_module": {"resources": configured},
        },
    }


def kind(token: str) -> str:
    """aws:ec2/vpc:Vpc → aws_vpc, aws:iam/rolePolicy:RolePolicy → aws_iam_role_policy."""
    if token in NAMES:
        return NAMES[token]
    _, module, _ = token.split(":")
    service, _, name = module.partition("/")
    return f"aws_{snake(name)}" if service == "ec2" else f"aws_{service}_{snake(name)}"


def properties(token: str) -> list[str]:
    """Every input that the published SDK has for a type: a plan shows those that are not set as null."""
    _, module, name = token.split(":")
    folder = module.partition("/")[0]
    package = importlib.import_module(f"pulumi_aws.{folder}{'_' if keyword.iskeyword(folder) else ''}")
    arguments = inspect.signature(getattr(package, f"{name}Args").__init__).parameters
    return [singular(one) if one.endswith("s") else one for one in arguments if one != "self"]


def address(resource: Resource) -> str:
    """The address of a resource in a plan."""
    return f"{kind(resource.type)}.{label(resource.name)}"


def label(name: str) -> str:
    """A name as Terraform takes it."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)


def snake(name: str) -> str:
    """blockPublicAcls → block_public_acls, ipv6CidrBlock → ipv6_cidr_block."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda found: f"_{found[1].lower()}", name)


def translated(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Properties as a plan has them."""
    made: dict[str, Any] = {}
    for key, value in inputs.items():
        name = snake(key)
        if name.startswith("__"):
            continue
        if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
            made[name if name in PLURALS else singular(name)] = [translated(one) for one in value]
        elif name in MAPS and isinstance(value, Mapping):
            made[name] = dict(value)
        elif isinstance(value, Mapping):
            made[name] = [translated(value)]
        else:
            made[name] = value
    return made


def singular(name: str) -> str:
    """rules → rule, entries → entry; ingress and egress stay."""
    if name.endswith("ies"):
        return f"{name[:-3]}y"
    return name[:-1] if name.endswith("s") and not name.endswith("ss") else name


def references(value: Any, addresses: Mapping[str, set[str]]) -> set[str]:
    """The addresses of the resources whose id is in a value."""
    if isinstance(value, str):
        return {form for found in addresses.get(value, ()) for form in (found, f"{found}.id")}
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        return {found for one in value for found in references(one, addresses)}
    return set()
