"""EC2 Fleets."""

from typing import Any, Final

from rehearsal.providers.aws.api import Api
from rehearsal.providers.aws.ec2 import all_done
from rehearsal.providers.aws.errors import AwsError
from rehearsal.providers.aws.shapes import camel
from rehearsal.providers.aws.table import Type
from rehearsal.providers.aws.tagging import EC2, specification, tag_map
from rehearsal.providers.plugin.model import Values

_PARTS: Final = (
    *("context", "excessCapacityTerminationPolicy", "onDemandOptions", "replaceUnhealthyInstances"),
    *("spotOptions", "targetCapacitySpecification", "terminateInstancesWithExpiration", "type"),
)


def _create(api: Api, new: Values) -> str:
    configs = [
        {
            "launchTemplateSpecification": one.get("launchTemplateSpecification"),
            "overrides": one.get("overrides"),
        }
        for one in new["launchTemplateConfigs"]
    ]
    made = api.call(
        "create_fleet",
        **api.fill(
            "create_fleet", {**new, "launchTemplateConfigs": configs}, *_PARTS, "launchTemplateConfigs"
        ),
        TagSpecifications=specification("fleet", new),
    )
    # An instant fleet that got no machine at all is one that failed, with the reason beside it.
    errors = made.get("Errors") or []
    if errors and not made.get("Instances"):
        api.call("delete_fleets", FleetIds=[made["FleetId"]], TerminateInstances=True)
        first = errors[0]
        raise AwsError("ec2", "CreateFleet", str(first.get("ErrorCode")), str(first.get("ErrorMessage")))
    return str(made["FleetId"])


def _fleet(api: Api, fleet: str) -> dict[str, Any] | None:
    return api.one("describe_fleets", "Fleets", FleetIds=[fleet])


def _ready(api: Api, fleet: str, new: Values) -> str | None:
    del new
    state = str((_fleet(api, fleet) or {}).get("FleetState", "submitted"))
    return None if state in {"active", "modifying"} else f"the fleet is {state}"


def _read(api: Api, fleet: str, known: Values) -> Values | None:
    found = _fleet(api, fleet)
    if found is None or str(found.get("FleetState", "")).startswith("deleted"):
        return None
    configs = [
        {
            "launchTemplateSpecification": _specification(one.get("LaunchTemplateSpecification") or {}),
            "overrides": [camel(item) for item in one.get("Overrides") or ()],
        }
        for one in found.get("LaunchTemplateConfigs") or ()
    ]
    return {
        "arn": api.arn(f"fleet/{fleet}"),
        "excessCapacityTerminationPolicy": found.get("ExcessCapacityTerminationPolicy") or "termination",
        "fleetState": found.get("FleetState", ""),
        "launchTemplateConfigs": known.get("launchTemplateConfigs") or configs,
        "replaceUnhealthyInstances": bool(found.get("ReplaceUnhealthyInstances")),
        "targetCapacitySpecification": camel(found.get("TargetCapacitySpecification") or {}),
        "terminateInstancesWithExpiration": bool(found.get("TerminateInstancesWithExpiration")),
        "type": found.get("Type", "maintain"),
        "tags": tag_map(found.get("Tags")),
    }


def _specification(found: dict[str, Any]) -> Values:
    return {key: value for key, value in camel(found).items() if value}


def _modify(api: Api, fleet: str, old: Values, new: Values) -> None:
    del old
    keys = ("context", "excessCapacityTerminationPolicy", "targetCapacitySpecification")
    api.call("modify_fleet", FleetId=fleet, **api.fill("modify_fleet", new, *keys))


def _delete(api: Api, fleet: str, known: Values) -> None:
    """An instant fleet goes together with its machines only."""
    end = bool(known.get("terminateInstances")) or known.get("type") == "instant"
    found = _fleet(api, fleet)
    if found is None or str(found.get("FleetState", "")).startswith("deleted"):
        return
    answer = api.call("delete_fleets", FleetIds=[fleet], TerminateInstances=end)
    failed = {"Unsuccessful": answer.get("UnsuccessfulFleetDeletions")}
    all_done("ec2", "DeleteFleets", failed)


FLEET = Type(
    "aws:ec2/fleet:Fleet",
    "ec2",
    create=_create,
    ready=_ready,
    read=_read,
    update=dict.fromkeys(
        ("context", "excessCapacityTerminationPolicy", "targetCapacitySpecification"), _modify
    ),
    delete=_delete,
    replace_on=frozenset(
        {"launchTemplateConfigs", "onDemandOptions", "replaceUnhealthyInstances", "spotOptions", "type"}
        | {"terminateInstancesWithExpiration"}
    ),
    local=frozenset({"terminateInstances"}),
    defaults={"excessCapacityTerminationPolicy": "termination", "type": "maintain"},
    computed=frozenset(
        f"targetCapacitySpecification.{one}" for one in ("onDemandTargetCapacity", "spotTargetCapacity")
    ),
    choices={"type": ("instant", "maintain", "request")},
    tags=EC2,
)

TYPES = [FLEET]
