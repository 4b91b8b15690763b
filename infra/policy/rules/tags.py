"""Everything says whose it is and until when, so that bills can be read and leftovers found."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from infra.policy.model import UNKNOWN, Resource, Rule, has_unknown

REQUIRED = ("berth:environment", "berth:owner", "berth:expires-at")
_GROUP = "aws:autoscaling/group:Group"
# Types that take tags: those that cost money, hold data or give access. What has tags is judged in any case.
TAGGED = frozenset(
    f"aws:{module}/{kind[0].lower()}{kind[1:]}:{kind}"
    for module, kinds in {
        "budgets": ("Budget",),
        "cloudwatch": ("LogGroup", "MetricAlarm"),
        "ebs": ("Snapshot", "Volume"),
        "ec2": (
            "AmiFromInstance",
            "CapacityBlockReservation",
            "CapacityReservation",
            "Eip",
            "Fleet",
            "FlowLog",
            "Instance",
            "InternetGateway",
            "LaunchTemplate",
            "ManagedPrefixList",
            "NatGateway",
            "NetworkInterface",
            "RouteTable",
            "SecurityGroup",
            "Subnet",
            "Vpc",
            "VpcEndpoint",
        ),
        "ec2transitgateway": ("InstanceConnectEndpoint",),
        "ecr": ("Repository",),
        "efs": ("FileSystem",),
        "eks": ("Cluster", "NodeGroup"),
        "iam": ("InstanceProfile", "Role"),
        "kms": ("Key",),
        "s3": ("Bucket",),
        "sns": ("Topic",),
    }.items()
    for kind in kinds
)


def tagged(resource: Resource) -> Iterator[str]:
    if resource.type == _GROUP:
        yield from _group_tagged(resource)
        return
    if not resource.type.startswith("aws:") or not _takes_tags(resource):
        return
    own = [resource.at("tagsAll"), resource.at("tags")]
    if UNKNOWN in own:
        return
    tags: dict[str, Any] = {**default_tags(resource.provider), **(own[0] or {}), **(own[1] or {})}
    missing = [key for key in REQUIRED if not tags.get(key)]
    if missing:
        yield f"has no tag {', '.join(missing)}; the provider's default_tags give them to everything"


def _takes_tags(resource: Resource) -> bool:
    return resource.type in TAGGED or "tags" in resource.props or "tagsAll" in resource.props


def _group_tagged(resource: Resource) -> Iterator[str]:
    """The provider's default tags do not reach what a group launches; its own list says what does."""
    if has_unknown(resource.at("tags")):
        return
    given = {one.get("key") for one in resource.each("tags") if one.get("propagateAtLaunch") is True}
    missing = [key for key in REQUIRED if key not in given]
    if missing:
        yield f"does not give its machines the tag {', '.join(missing)}; add it with propagate_at_launch"


def default_tags(provider: Mapping[str, Any]) -> Mapping[str, Any]:
    """A provider's default tags. The engine keeps a provider's groups of settings as JSON."""
    found = provider.get("defaultTags") or {}
    if isinstance(found, str):
        try:
            found = json.loads(found)
        except ValueError:
            return {}
    tags = found.get("tags") if isinstance(found, Mapping) else None
    return tags if isinstance(tags, Mapping) else {}


TAGS = Rule(
    name="tags",
    description="Everything that takes tags says its environment, its owner and when it expires.",
    resource=tagged,
)
