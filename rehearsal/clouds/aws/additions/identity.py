"""Who calls: the rehearsal's own key belongs to a user of that name."""

from collections.abc import Mapping
from typing import Any

from rehearsal.clouds.aws.additions import answers
from rehearsal.clouds.aws.calls import Call
from rehearsal.clouds.aws.emulator import ACCOUNT

USER = "berth-rehearsal"


@answers("sts", "GetCallerIdentity")
def identity(call: Call) -> Mapping[str, Any]:
    """A session's role, an IAM user, or the rehearsal."""
    reply = call.forward()
    if reply["Arn"].endswith(":user/moto"):
        return {**reply, "Arn": f"arn:aws:iam::{ACCOUNT}:user/{USER}"}
    return reply
