"""The end of a machine's life: a timer that powers it off, which on AWS terminates it.

The stack keeps the time in the bucket, so that a longer life reaches a machine that runs.
"""

# ruff: noqa: TC001 # a block for type checking would be shipped for nothing
from __future__ import annotations

import re
import time

from .aws import Aws, AwsError
from .machine import Machine
from .report import utc

KEY = "machines/expires-at"
TIMER = "berth-lifetime.timer"
UNIT = """[Unit]
Description=berth: end of the lifetime

[Timer]
OnCalendar={day} {hour} UTC
AccuracySec=1s

[Install]
WantedBy=timers.target
"""


def timer(expires_at: str) -> str:
    """The timer's unit. expires_at: `2026-11-30T08:00:00Z`."""
    day, _, hour = expires_at.rstrip("Z").partition("T")
    return UNIT.format(day=day, hour=hour)


def latest(aws: Aws, planned: str) -> str:
    """The time in the bucket; the plan's where there is none, or none can be read."""
    try:
        found = (aws.get(KEY) or b"").decode().strip()
    except AwsError:
        found = ""
    return found if re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", found) else planned


def enforce(machine: Machine, aws: Aws, planned: str, *, fired: bool) -> None:
    """Arm the timer, or power off where the time has come. fired: the timer called.

    A timer that fired and can learn of no later time means what it says.
    """
    expires_at = latest(aws, planned)
    if (expires_at or not fired) and (not expires_at or expires_at > utc()):
        if expires_at and machine.write("/etc/systemd/system/" + TIMER, timer(expires_at)):
            machine.run("systemctl", "enable", "--no-reload", TIMER)
            machine.run("systemctl", "daemon-reload")
            machine.run("systemctl", "restart", TIMER)
        return
    machine.say("berth: the lifetime ended at %s" % (expires_at or "the time of the timer"))
    machine.run("systemctl", "poweroff")
    time.sleep(600)
