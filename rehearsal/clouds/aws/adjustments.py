"""The few places where moto's models themselves are replaced, each with the reason."""

import importlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rehearsal import addresses
from rehearsal.clouds.aws.emulator import backends
from rehearsal.clouds.aws.images import catalogue

ELASTIC = range(10, 128)
EPHEMERAL = range(128, 250)


def apply() -> None:
    """Replace them; called once, in front of the first request."""
    amis: Any = importlib.import_module("moto.ec2.models.amis")
    interfaces: Any = importlib.import_module("moto.ec2.models.elastic_network_interfaces")

    # Its own images are a random sample of old ones; ours are those that an environment asks for.
    amis.AmiBackend._load_amis = _load_images  # noqa: SLF001
    amis.Ami.block_device_mappings = property(_image_devices)
    # Groups launch in their own time, as on AWS, not within the call that changes them: see groups.py.
    scaling: Any = importlib.import_module("moto.autoscaling.models")
    scaling.FakeAutoScalingGroup.set_desired_capacity = _set_desired_capacity
    scaling.FakeAutoScalingGroup.replace_autoscaling_group_instances = lambda *_: None
    # An interface without a wish gets a free address of its subnet, not a random one.
    for name in ("nat_gateways", "vpcs"):
        module: Any = importlib.import_module(f"moto.ec2.models.{name}")
        module.random_private_ip = lambda: None
    create = interfaces.NetworkInterfaceBackend.create_network_interface
    interfaces.NetworkInterfaceBackend.create_network_interface = _with_a_free_address(create)
    # Volumes are encrypted with a key that AWS manages, which is not the customer's to delete.
    storage: Any = importlib.import_module("moto.ec2.models.elastic_block_store")
    make_key = storage.EBSBackend._create_default_encryption_key  # noqa: SLF001
    storage.EBSBackend._create_default_encryption_key = lambda ec2: _of_aws(ec2, make_key(ec2))  # noqa: SLF001
    # A rule's description is shown whatever its source.
    rules: Any = importlib.import_module("moto.ec2.models.security_groups")
    rules.SecurityGroupRule.description = property(_rule_description)
    rules.SecurityGroupRule.__init__ = _remembering(rules.SecurityGroupRule.__init__)
    # A bucket's policy is applied with its conditions.
    buckets: Any = importlib.import_module("moto.s3.models")
    buckets.FakeBucket.get_permission = _bucket_permission
    # A delete marker is removed like a version, and has nothing on disk.
    buckets.FakeDeleteMarker.dispose = lambda *_, **__: None
    # Addresses which are given to machines must be routable in the rehearsal.
    ephemeral = _addresses(EPHEMERAL)
    interfaces.random_public_ip = lambda: next(ephemeral)


def _load_images(backend: Any) -> None:
    from moto.core.parse import default_timestamp_parser
    from moto.ec2.models.amis import Ami

    for image in catalogue():
        settings = dict(image["moto"])
        settings["creation_date"] = default_timestamp_parser(settings["creation_date"])
        made: Any = Ami(backend, **settings)
        made.root_gib = image["root_gib"]
        backend.amis[made.id] = made


def _image_devices(image: Any) -> list[dict[str, Any]]:
    """Every image of today has a gp3 root; moto says standard, 15 GiB, kept at termination."""
    return [
        {
            "DeviceName": image.root_device_name,
            "Ebs": {
                "SnapshotId": image.ebs_snapshot.id,
                "VolumeSize": getattr(image, "root_gib", 8),
                "DeleteOnTermination": True,
                "VolumeType": "gp3",
                "Encrypted": False,
            },
        }
    ]


def _with_a_free_address(create: Callable[..., Any]) -> Callable[..., Any]:
    def created(
        ec2: Any, subnet: Any, address: Any = None, several: Any = None, *others: Any, **more: Any
    ) -> Any:
        if not address and not several:
            place = ec2.get_subnet(subnet) if isinstance(subnet, str) else subnet
            address = place.get_available_subnet_ip(None)
        return create(ec2, subnet, address, several, *others, **more)

    return created


def _remembering(make: Callable[..., None]) -> Callable[..., None]:
    def made(rule: Any, *args: Any, **more: Any) -> None:
        make(rule, *args, **more)
        sources = [*args, *more.values()]
        told = [one["Description"] for one in sources if isinstance(one, dict) and one.get("Description")]
        rule.told = told[0] if told else None

    return made


def _rule_description(rule: Any) -> str | None:
    told: str | None = rule.ip_range.get("Description") or rule.source_group.get("Description") or rule.told
    return told


def _of_aws(ec2: Any, arn: str) -> str:
    with backends() as backend:
        backend("kms", ec2.region_name).keys[arn.rpartition("/")[2]].key_manager = "AWS"
    return arn


def _bucket_permission(bucket: Any, action: str, resource: str) -> Any:
    """What the statements say whose conditions hold."""
    from moto.iam.access_control import IAMPolicy, PermissionResult

    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    policy = json.loads(bucket.policy)
    statements = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
    applying = [statement for statement in statements if holds(statement.get("Condition") or {})]
    return IAMPolicy(json.dumps({**policy, "Statement": applying})).is_action_permitted(action, resource)


def holds(condition: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether a statement's condition holds for a request to the rehearsal.

    The plain address of this machine stands for TLS. A condition on anything else than that is taken not to
    hold, which is too kind to a Deny and too strict to an Allow.
    """
    values = {"aws:securetransport": "true"}
    for operator, keys in condition.items():
        for key, wanted in keys.items():
            known = values.get(key.lower())
            accepted = {str(value).lower() for value in (wanted if isinstance(wanted, list) else [wanted])}
            if known is None or operator.removesuffix("IfExists") != "Bool" or known not in accepted:
                return False
    return True


def _set_desired_capacity(group: Any, wanted: int | None) -> None:
    group.desired_capacity = group.min_size if wanted is None else wanted


def _addresses(last: range) -> Iterator[str]:
    while True:
        for number in last:
            yield str(addresses.ELASTIC[number])
