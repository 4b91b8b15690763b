"""Snapshots: whose they are."""

from collections.abc import Mapping
from typing import Any

from rehearsal.clouds.aws.additions import answers
from rehearsal.clouds.aws.calls import Call
from rehearsal.clouds.aws.emulator import ACCOUNT


@answers("ec2", "DescribeSnapshots")
def snapshots(call: Call) -> Mapping[str, Any]:
    """Only those of the owners asked for; moto shows those of public images to everybody as their own."""
    reply = call.forward()
    owners = {ACCOUNT if owner == "self" else owner for owner in call.params.get("OwnerIds") or []}
    found = [row for row in reply["Snapshots"] if not owners or row["OwnerId"] in owners]
    return {**reply, "Snapshots": found}
