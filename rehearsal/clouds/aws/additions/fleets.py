"""Fleets and monitoring of instances."""

from collections.abc import Mapping
from typing import Any

from rehearsal.clouds.aws.additions import answers
from rehearsal.clouds.aws.calls import Call
from rehearsal.clouds.aws.emulator import backends


@answers("ec2", "CreateFleet")
def create_fleet(call: Call) -> Mapping[str, Any]:
    """The interfaces of its instances end with them."""
    reply = call.forward()
    with backends() as backend:
        ec2 = backend("ec2", call.region)
        for instance in _instances(ec2, [reply["FleetId"]]):
            for interface in instance.nics.values():
                interface.delete_on_termination = True
    return reply


@answers("ec2", "DeleteFleets")
def delete_fleets(call: Call) -> Mapping[str, Any]:
    """With its instances where that is asked for, an instant fleet's too."""
    with backends() as backend:
        ec2 = backend("ec2", call.region)
        instances = [instance.id for instance in _instances(ec2, call.params["FleetIds"])]
        reply = call.forward()
        if call.params.get("TerminateInstances"):
            living = [number for number in instances if ec2.get_instance(number).state != "terminated"]
            if living:
                call.other("ec2", "TerminateInstances")(InstanceIds=living)
    return reply


def _instances(ec2: Any, fleets: list[str]) -> list[Any]:
    found = []
    for number in fleets:
        fleet = ec2.fleets.get(number)
        if fleet is not None:
            found += [entry["instance"] for entry in fleet.on_demand_instances]
            found += [request.instance for request in fleet.spot_requests]
    return found


@answers("ec2", "MonitorInstances", "UnmonitorInstances")
def monitor(call: Call) -> Mapping[str, Any]:
    """Turn detailed monitoring on or off."""
    state = "enabled" if call.operation == "MonitorInstances" else "disabled"
    with backends() as backend:
        ec2 = backend("ec2", call.region)
        for instance in ec2.get_multi_instances_by_id(call.params["InstanceIds"]):
            instance.monitoring_state = state
    return {
        "InstanceMonitorings": [
            {"InstanceId": number, "Monitoring": {"State": state}} for number in call.params["InstanceIds"]
        ]
    }
