"""EC2 Instance Connect: endpoints into private subnets, and keys that are good for a minute.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateInstanceConnectEndpoint.html
"""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rehearsal.clouds.aws.additions import answers
from rehearsal.clouds.aws.calls import AwsError, Call
from rehearsal.clouds.aws.emulator import ACCOUNT, backends
from rehearsal.clouds.aws.launching import tags
from rehearsal.clouds.aws.store import table

KIND = "instance-connect-endpoint"


@answers("ec2", "CreateInstanceConnectEndpoint")
def create(call: Call) -> Mapping[str, Any]:
    """Create an endpoint and its network interface in a subnet."""
    (subnet,) = call.moto_operation("DescribeSubnets")(SubnetIds=[call.params["SubnetId"]])["Subnets"]
    number = f"eice-{secrets.token_hex(9)[:17]}"
    groups = call.params.get("SecurityGroupIds") or []
    with backends() as backend:
        ec2 = backend("ec2", call.region)
        groups = groups or [ec2.get_security_group_from_name("default", subnet["VpcId"]).id]
        interface = ec2.create_network_interface(
            subnet["SubnetId"],
            None,
            group_ids=groups,
            description=f"EC2 Instance Connect Endpoint {number}",
        )
        ec2.create_tags([number], tags(call.params, KIND))
    name = f"{number}.{secrets.token_hex(4)}.ec2-instance-connect-endpoint.{call.region}.amazonaws.com"
    row = {
        "OwnerId": ACCOUNT,
        "InstanceConnectEndpointId": number,
        "InstanceConnectEndpointArn": f"arn:aws:ec2:{call.region}:{ACCOUNT}:{KIND}/{number}",
        "State": "create-complete",
        "StateMessage": "",
        "DnsName": name,
        "FipsDnsName": f"fips-{name}",
        "NetworkInterfaceIds": [interface.id],
        "VpcId": subnet["VpcId"],
        "SubnetId": subnet["SubnetId"],
        "AvailabilityZone": subnet["AvailabilityZone"],
        "CreatedAt": datetime.now(UTC),
        "PreserveClientIp": bool(call.params.get("PreserveClientIp", False)),
        "SecurityGroupIds": groups,
        "region": call.region,
    }
    table(KIND)[number] = row
    return {"InstanceConnectEndpoint": _shown(row)}


@answers("ec2", "DescribeInstanceConnectEndpoints")
def describe(call: Call) -> Mapping[str, Any]:
    """Endpoints by id or filter."""
    ids = call.params.get("InstanceConnectEndpointIds") or []
    filters = {entry["Name"]: entry["Values"] for entry in call.params.get("Filters") or []}
    keys = {
        "instance-connect-endpoint-id": "InstanceConnectEndpointId",
        "state": "State",
        "subnet-id": "SubnetId",
        "vpc-id": "VpcId",
        "availability-zone": "AvailabilityZone",
    }
    rows = {number: row for number, row in table(KIND).items() if row["region"] == call.region}
    for number in ids:
        if number not in rows:
            raise not_found(number)
    found = []
    for number, row in rows.items():
        shown = _shown(row)
        values = {**{name: row[key] for name, key in keys.items()}}
        values |= {f"tag:{entry['Key']}": entry["Value"] for entry in shown["Tags"]}
        if (not ids or number in ids) and all(values.get(name) in wanted for name, wanted in filters.items()):
            found.append(shown)
    return {"InstanceConnectEndpoints": found}


@answers("ec2", "DeleteInstanceConnectEndpoint")
def delete(call: Call) -> Mapping[str, Any]:
    """Delete an endpoint with its network interface, at once (AWS takes minutes)."""
    number = call.params["InstanceConnectEndpointId"]
    row = table(KIND).pop(number, None)
    if row is None:
        raise not_found(number)
    shown = _shown(row)
    with backends() as backend:
        ec2 = backend("ec2", call.region)
        for interface in row["NetworkInterfaceIds"]:
            ec2.delete_network_interface(interface)
        ec2.tags.pop(number, None)
    return {"InstanceConnectEndpoint": {**shown, "State": "delete-complete"}}


@answers("ec2-instance-connect", "SendSSHPublicKey")
def send_key(call: Call) -> Mapping[str, Any]:
    """Accept a key for a running instance; it is kept for whoever plays the instance's metadata service."""
    number = call.params["InstanceId"]
    found = call.other("ec2", "DescribeInstances")(InstanceIds=[number])["Reservations"][0]["Instances"][0]
    if found["State"]["Name"] != "running":
        raise AwsError("EC2InstanceStateInvalidException", f"The instance {number} is not running.")
    table("pushed keys").setdefault(number, []).append(
        {
            "user": call.params["InstanceOSUser"],
            "key": call.params["SSHPublicKey"],
            "at": datetime.now(UTC),
        }
    )
    return {"RequestId": secrets.token_hex(16), "Success": True}


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    with backends() as backend:
        known = backend("ec2", row["region"]).tags.get(row["InstanceConnectEndpointId"], {})
    return {**row, "Tags": [{"Key": key, "Value": value} for key, value in sorted(known.items())]}


def not_found(number: str) -> AwsError:
    """The refusal of an endpoint that does not exist."""
    return AwsError(
        "InvalidInstanceConnectEndpointId.NotFound",
        f"The InstanceConnectEndpoint '{number}' does not exist",
    )
