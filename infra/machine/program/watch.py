"""The two-minute notice of a spot interruption, turned into a checkpoint.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/rebalance-recommendations.html
"""

# ruff: noqa: TC001 # a block for type checking would be shipped for nothing
from __future__ import annotations

import json
import time
from typing import Any

from .aws import Aws, AwsError
from .machine import Machine
from .report import Report, utc

SECONDS = 5
TRAINING = "berth-train"


def watch(machine: Machine, aws: Aws, report: Report, run_prefix: str) -> None:
    """Until the machine ends: checkpoint at a rebalance recommendation, stop at an interruption's notice."""
    recommended = False
    while True:
        try:
            if not recommended and aws.metadata.get("meta-data/events/recommendations/rebalance"):
                recommended = True
                report.mark("rebalance recommended: checkpoint")
                machine.attempt("docker", "kill", "--signal", "USR1", TRAINING)
            notice = aws.metadata.get("meta-data/spot/instance-action")
            if notice:
                interrupted(machine, aws, report, run_prefix, json.loads(notice))
                return
        except (AwsError, ValueError) as reason:
            machine.say(f"metadata: {reason}")
        time.sleep(SECONDS)


def interrupted(
    machine: Machine, aws: Aws, report: Report, run_prefix: str, notice: dict[str, Any]
) -> dict[str, Any]:
    """Stop training, which writes a checkpoint, and say in the bucket what was saved."""
    content: dict[str, Any] = {
        "noticed_at": utc(),
        "action": notice.get("action"),
        "action_time": notice.get("time"),
        "checkpoint_step": None,
        "saved_at": None,
    }
    report.mark("interruption: {} at {}".format(content["action"], content["action_time"]))
    machine.attempt("systemctl", "stop", TRAINING + ".service")
    try:
        pointer = json.loads(aws.get(run_prefix + "/checkpoints/latest.json") or b"{}")
        content["checkpoint_step"] = pointer.get("step")
        content["saved_at"] = pointer.get("written_at")
    except (AwsError, ValueError) as reason:
        machine.say(f"checkpoint unknown: {reason}")
    report.upload("interruption.json", json.dumps(content).encode())
    report.mark("interruption: step {} is saved".format(content["checkpoint_step"]))
    return content
