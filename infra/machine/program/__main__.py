"""`python3 -m bringup run|watch|usage|lifetime`: what the units of a machine start.

`run` goes through the stages; each is done once for an instance, a plan and a program, and finds out for
itself what is left to do, so that it may be interrupted anywhere, continues after the one reboot, and
changes nothing when it is run again.
"""

# ruff: noqa: TC003 # a block for type checking would be shipped for nothing
from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from . import clock, conformance, containers, disks, lifetime, software, units, usage, watch
from .aws import Aws, AwsError, Metadata
from .machine import Failed, Machine
from .report import Report

PLAN = "/etc/berth/plan.json"
STAMPS = "/var/lib/berth/stages.json"
REBOOTED = "/var/lib/berth/rebooted"
READY = "ready"
ALWAYS = ("lifetime", "workloads")


class Reboot(Exception):
    """The rest comes after a reboot."""


class BringUp:
    """The stages of one machine."""

    def __init__(self, machine: Machine, aws: Aws, report: Report, plan: dict[str, Any], key: str) -> None:
        self.machine, self.aws, self.report, self.plan, self.key = machine, aws, report, plan, key

    def stages(self) -> list[tuple[str, Callable[[], None]]]:
        """In order; `lifetime` and `workloads` at every start of the machine, the others once."""
        machine, plan = self.machine, self.plan
        common: list[tuple[str, Callable[[], None]]] = [
            ("identity", self._identity),
            ("lifetime", lambda: lifetime.enforce(machine, self.aws, plan["expires_at"], fired=False)),
            ("clock", lambda: clock.follow(machine)),
        ]
        if plan["role"] == "bastion":
            return [*common, ("conformance", self._conformance)]
        images = list(plan["images"].values())
        return [
            *common,
            ("data", self._data),
            ("packages", lambda: software.install(machine, plan["software"])),
            ("runtime", lambda: containers.add_runtime(machine)),
            ("driver", self._driver),
            ("docker", lambda: containers.start(machine)),
            ("images", lambda: self._images(images)),
            ("workloads", lambda: units.start(machine, plan, self.report.instance)),
            ("conformance", self._conformance),
        ]

    def run(self) -> bool:
        """True at the end of it, False where a reboot comes first. Raises Failed."""
        stamps = json.loads(self.machine.read(STAMPS) or "{}")
        done: list[dict[str, Any]] = stamps["done"] if stamps.get("key") == self.key else []
        names = {entry["name"] for entry in done}
        for name, work in self.stages():
            if name in names and name not in ALWAYS:
                continue
            began = time.monotonic()
            self.report.mark(name + " ...")
            try:
                work()
            except Reboot:
                self.report.status("reboot", done)
                return False
            except (Failed, AwsError, OSError) as reason:
                self.report.mark(f"{name} failed: {reason}")
                self.report.status(name, done, failed=str(reason))
                raise Failed(str(reason)) from None
            if name not in names:
                seconds = round(time.monotonic() - began, 1)
                done.append({"name": name, "seconds": seconds})
                self.machine.write(STAMPS, json.dumps({"key": self.key, "done": done}))
                self.report.mark(f"{name} done in {seconds:.1f} s")
                self.report.status(name, done)
        self.report.status(READY, done)
        self.report.mark(READY)
        return True

    def _identity(self) -> None:
        public = "/etc/ssh/ssh_host_ed25519_key.pub"
        if not self.machine.path(public).exists():
            self.machine.run("ssh-keygen", "-A")
        name = f"machines/{self.report.instance}/ssh_host_ed25519_key.pub"
        self.aws.put(name, self.machine.read(public).encode())

    def _data(self) -> None:
        if self.plan["data_gib"]:
            disks.prepare(self.machine, self.plan["data_gib"])
            containers.move_root(self.machine)

    def _driver(self) -> None:
        if software.driver_works(self.machine):
            return
        boot = self.machine.read("/proc/sys/kernel/random/boot_id").strip()
        before = self.machine.read(REBOOTED).split()
        if before[:1] == [self.key] and before[1:] != [boot]:
            last = self.machine.attempt("dmesg")[1].splitlines()[-5:]
            raise Failed("the driver does not load, not even after the reboot: " + " | ".join(last))
        self.machine.write(REBOOTED, f"{self.key} {boot}\n")
        self.report.mark("reboot, so that the driver loads")
        raise Reboot

    def _images(self, images: list[str]) -> None:
        if self.plan["registry"]:
            containers.log_in(self.machine, self.aws, self.plan["registry"])
        containers.pull(self.machine, images)

    def _conformance(self) -> None:
        result = conformance.run(self.machine, self.aws, self.plan, self.report.instance)
        self.aws.put(f"machines/{self.report.instance}/conformance.json", json.dumps(result).encode())
        failed = ["{}: {}".format(c["name"], c["detail"]) for c in result["checks"] if not c["passed"]]
        if failed:
            units.stop(self.machine, self.plan)  # a machine that is not as ordered does not work on
            raise Failed("; ".join(failed))


def identify(metadata: Metadata) -> str:
    """The instance's id; the metadata service may come up after this program."""
    for attempt in range(10):
        try:
            return metadata.get("meta-data/instance-id") or ""
        except AwsError:
            time.sleep(attempt)
    raise AwsError("there is no instance metadata service")


def main(command: str) -> int:
    """Returns the exit status; systemd tries a failed run again."""
    machine = Machine()
    text = machine.read(PLAN)
    plan = json.loads(text)
    aws = Aws(plan["region"], plan["bucket"], Metadata())
    instance = identify(aws.metadata)
    report = Report(machine, aws, instance)
    if command == "watch":
        watch.watch(machine, aws, report, plan["run_prefix"])
        return 0
    if command == "usage":
        usage.watch(machine, report)
        return 0
    if command == "lifetime":
        lifetime.enforce(machine, aws, plan["expires_at"], fired=True)
        return 0
    key = hashlib.sha256((instance + "\0" + text).encode()).hexdigest()  # the plan names the program's digest
    try:
        finished = BringUp(machine, aws, report, plan, key).run()
    except Failed as reason:
        machine.say("berth: " + str(reason))
        report.upload_log()
        return 1
    report.upload_log()
    if not finished:
        machine.run("systemctl", "reboot")
        time.sleep(600)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
