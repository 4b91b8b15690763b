"""The public SSM parameters which name machine images; every other parameter is moto's."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rehearsal.clouds.aws.additions import answers
from rehearsal.clouds.aws.calls import AwsError, Call
from rehearsal.clouds.aws.images import catalogue


def _public(region: str) -> dict[str, dict[str, Any]]:
    return {
        name: {
            "Name": name,
            "Type": "String",
            "Value": image["moto"]["ami_id"],
            "Version": 1,
            "LastModifiedDate": datetime.fromisoformat(image["moto"]["creation_date"]).astimezone(UTC),
            "ARN": f"arn:aws:ssm:{region}::parameter{name}",
            "DataType": "aws:ec2:image",
        }
        for image in catalogue()
        for name in image["parameters"]
    }


@answers("ssm", "GetParameter")
def parameter(call: Call) -> Mapping[str, Any]:
    """One parameter by name."""
    found = _public(call.region).get(call.params["Name"])
    return {"Parameter": found} if found else call.forward()


@answers("ssm", "GetParameters")
def parameters(call: Call) -> Mapping[str, Any]:
    """Parameters by name, and the names that do not exist."""
    public = _public(call.region)
    names = call.params["Names"]
    others = [name for name in names if name not in public]
    reply = call.forward(Names=others) if others else {"Parameters": [], "InvalidParameters": []}
    known = [public[name] for name in names if name in public]
    return {**reply, "Parameters": [*known, *reply.get("Parameters", [])]}


@answers("ssm", "GetParametersByPath")
def by_path(call: Call) -> Mapping[str, Any]:
    """Parameters under a path."""
    path = call.params["Path"].rstrip("/") + "/"
    deep = call.params.get("Recursive")
    found = [
        value
        for name, value in _public(call.region).items()
        if name.startswith(path) and (deep or "/" not in name.removeprefix(path))
    ]
    if found:
        return {"Parameters": found}
    try:
        return call.forward()
    except AwsError:
        if path.startswith("/aws/service/"):
            return {"Parameters": []}
        raise
