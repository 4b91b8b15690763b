"""Tags of what moto does not tag."""

from collections.abc import Mapping
from typing import Any

from rehearsal.clouds.aws.additions import answers
from rehearsal.clouds.aws.additions.endpoints import not_found
from rehearsal.clouds.aws.calls import AwsError, Call
from rehearsal.clouds.aws.emulator import backends
from rehearsal.clouds.aws.store import table

ENDPOINT = "eice-"


@answers("ec2", "CreateTags", "DeleteTags")
def change_tags(call: Call) -> Mapping[str, Any]:
    """Moto knows no Instance Connect Endpoint; the others are left to it."""
    numbers = call.params["Resources"]
    ours = [number for number in numbers if number.startswith(ENDPOINT)]
    for number in ours:
        if number not in table("instance-connect-endpoint"):
            raise not_found(number)
    others = [number for number in numbers if number not in ours]
    if others:
        call.forward(Resources=others)
    given = call.params.get("Tags")
    with backends() as backend:
        ec2 = backend("ec2", call.region)
        for number in ours:
            if call.operation == "CreateTags":
                ec2.create_tags([number], {tag["Key"]: tag.get("Value", "") for tag in given or []})
                continue
            for key in [tag["Key"] for tag in given or []] or list(ec2.tags[number]):
                ec2.tags[number].pop(key, None)
    return {}


@answers("cloudwatch", "DeleteAlarms")
def delete_alarms(call: Call) -> Mapping[str, Any]:
    """An alarm's tags go with it."""
    with backends() as backend:
        watch = backend("cloudwatch", call.region)
        found = [
            alarm.alarm_arn for alarm in watch.alarms.values() if alarm.name in call.params["AlarmNames"]
        ]
        missing = set(call.params["AlarmNames"]) - {alarm.name for alarm in watch.alarms.values()}
        if missing:
            raise AwsError("ResourceNotFound", f"{', '.join(sorted(missing))} does not exist", 404)
        reply = call.forward()
        for arn in found:
            watch.tagger.delete_all_tags_for_resource(arn)
    return reply
