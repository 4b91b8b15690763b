"""Time from Amazon's own service, which every instance reaches without a route to the Internet.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configure-ec2-ntp.html
"""

# ruff: noqa: TC001 # a block for type checking would be shipped for nothing
from __future__ import annotations

from .machine import Machine

SERVER = "169.254.169.123"
CHRONY = f"server {SERVER} prefer iburst minpoll 4 maxpoll 4\n"


def follow(machine: Machine) -> None:
    """Have chrony, or where there is none systemd's own client, follow it."""
    if machine.has("chronyd"):
        where = "/etc/chrony/sources.d" if machine.path("/etc/chrony/sources.d").is_dir() else "/etc/chrony.d"
        if machine.write(where + "/berth.sources", CHRONY):
            machine.attempt("chronyc", "reload", "sources")
    elif machine.write("/etc/systemd/timesyncd.conf.d/berth.conf", f"[Time]\nNTP={SERVER}\n"):
        machine.attempt("systemctl", "restart", "systemd-timesyncd.service")
