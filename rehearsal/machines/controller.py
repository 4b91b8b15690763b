"""Keeps machines in line with the emulated account: `python -m rehearsal.machines.controller`.

Every second it asks whether the account has changed, reads it again if so, and does what `reconcile.decide`
says. It remembers nothing that matters: one that is started anew adopts the machines that run. It ends no
machine when it is stopped.
"""

import argparse
import contextlib
import os
import signal
import sys
import threading
import time
import traceback
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from rehearsal import addresses
from rehearsal.errors import BerthError
from rehearsal.machines import host, image, qemu, snapshot
from rehearsal.machines.account import Reader
from rehearsal.machines.metadata.service import Guest
from rehearsal.machines.metadata.tree import tree
from rehearsal.machines.model import Account, Instance, Interruption, tap_of
from rehearsal.machines.network import namespace
from rehearsal.machines.network.plan import Plan, plan
from rehearsal.machines.reconcile import Action, Boot, Forget, Kill, Report, Seen, Shutdown, decide
from rehearsal.paths import Paths
from rehearsal.paths import paths as default_paths

PERIOD = 1.0
BOOTED = (b"systemd", b" login:", b"cloud-init[", b"berth: ")  # the console after the kernel's part
BOOT_SECONDS = 45.0  # after which the next machine may start all the same
KEEP = 20.0  # seconds after which the network is looked after
RENEW = 3600.0  # seconds after which role credentials, which live for six hours, are fetched anew


class Controller:
    """The loop and the little that it keeps between two rounds."""

    def __init__(self, paths: Paths, reader: Reader, machines: host.Host) -> None:
        self.paths, self.reader, self.machines = paths, reader, machines
        self.account = Account(region=reader.region)
        self._read_at: tuple[str, int] | None = None
        self._asked: dict[str, float] = {}
        self._started: dict[str, float] = {}
        self._crashes: dict[str, int] = {}
        self._noticed: dict[str, float] = {}
        self._user_data: dict[str, bytes | None] = {}
        self._roles: dict[str, tuple[float, dict[str, Any]]] = {}
        self._complaints: set[str] = set()
        self._kept = time.monotonic()

    def round(self) -> None:
        """Look once and act once.

        Raises:
            OSError: the account does not answer.
        """
        state = self.reader.health()
        if state != self._read_at:
            self._reread()
            self._read_at = state
        if time.monotonic() - self._kept > KEEP:
            self._kept = time.monotonic()
            self.machines.keep(plan(self.paths, self.machines.plan.front))
            self.machines.arrange(self.account)
        for action in decide(self.account, self._see(), one_at_a_time=self.machines.emulated):
            try:
                self._do(action)
            except (BerthError, OSError, LookupError) as problem:
                self._complain(f"{action}: {problem}")

    def _reread(self) -> None:
        account = self.reader.read()
        snapshot.take_missing(self.paths, self.reader, self._say)
        self.account = account
        now = time.time()
        for notice in account.interruptions:
            self._noticed.setdefault(notice.instance, now)
        self.machines.arrange(account)
        self.machines.answer({i.address: self._guest(i) for i in account.instances if not i.gone})

    def _guest(self, instance: Instance) -> Guest:
        notices = {notice.instance: notice for notice in self.account.interruptions}
        return Guest(
            leaves=partial(self._leaves, instance, notices.get(instance.id)),
            hop_limit=instance.hop_limit,
            enabled=instance.metadata,
        )

    def _leaves(self, instance: Instance, notice: Interruption | None) -> dict[str, bytes]:
        key = instance.id
        if key not in self._user_data:
            self._user_data[key] = self.reader.user_data(key)
        role = self._role(instance) if instance.profile else {}
        return tree(
            instance,
            self.account.subnets[instance.subnet],
            user_data=self._user_data[key],
            role=role.get("role"),
            credentials=role.get("credentials"),
            interruption=notice,
            noticed=self._noticed.get(key, 0.0),
        )

    def _role(self, instance: Instance) -> dict[str, Any]:
        at, known = self._roles.get(instance.id, (0.0, {}))
        if time.time() - at > RENEW:
            known = self.reader.ask("POST", "role-credentials", {"instance_id": instance.id})
            self._roles[instance.id] = (time.time(), known)
        return known

    def _see(self) -> Seen:
        paths = self.paths
        recorded = set(qemu.recorded(paths))
        alive = {key for key in recorded if qemu.pid(paths, key) is not None}
        ended = recorded - alive
        now = time.time()
        return Seen(
            now=now,
            alive=alive,
            recorded=recorded,
            powered_off={key for key in ended if qemu.powered_off(paths, key)},
            booting={key for key in alive if self._is_booting(key, now)},
            files=qemu.with_files(paths),
            asked=self._asked,
            crashes=self._crashes,
        )

    def _is_booting(self, key: str, now: float) -> bool:
        if now - self._started.get(key, 0.0) > BOOT_SECONDS:
            return False
        console = qemu.files(self.paths, key).console
        content = console.read_bytes() if console.exists() else b""
        return not any(mark in content for mark in BOOTED)

    def _do(self, action: Action) -> None:
        paths, key = self.paths, action.id
        match action:
            case Boot():
                self._boot(key, again=action.again)
            case Shutdown():
                self._asked[key] = time.time()
                qemu.press_power_button(paths, key)
            case Kill():
                qemu.kill(paths, key)
                self._asked.pop(key, None)
            case Forget():
                qemu.forget(paths, key)
                namespace.remove_tap(self.machines.plan, tap_of(key))
            case Report():
                qemu.kill(paths, key) if key not in self._alive() else None
                self.reader.ask("POST", f"instances/{key}/ended", {"reason": action.reason})
                self._read_at = None
        self._say(str(action))

    def _alive(self) -> set[str]:
        return {key for key in qemu.recorded(self.paths) if qemu.pid(self.paths, key) is not None}

    def _boot(self, key: str, *, again: bool) -> None:
        instance = next(i for i in self.account.instances if i.id == key)
        disk = snapshot.disk_of(self.paths, self.reader, instance.image)
        self._crashes[key] = self._crashes.get(key, 0) + again
        self._started[key] = time.time()
        self.machines.boot(instance, self.account, disk)

    def _complain(self, text: str) -> None:
        if text not in self._complaints:
            self._complaints.add(text)
            self._say(text)

    def _say(self, text: str) -> None:
        sys.stdout.write(f"{time.strftime('%H:%M:%S', time.gmtime())} {text}\n")
        sys.stdout.flush()


def run(paths: Paths, where: Plan, endpoint: str, region: str, ended: threading.Event) -> None:
    """Keep machines in line with the account until asked to end."""
    from rehearsal.clouds import aws

    made = image.find(paths)
    if made is None:
        raise BerthError("there is no machine image yet", "./scripts/up makes it.")
    machines = host.Host.prepare(paths, where, made)
    controller = Controller(paths, Reader(endpoint, aws.credentials(paths), region), machines)
    heartbeat(paths).unlink(missing_ok=True)
    silent = 0
    while not ended.is_set():
        try:
            controller.round()
            silent = 0
            if not heartbeat(paths).exists():
                heartbeat(paths).write_text(str(os.getpid()))
        except Exception:  # noqa: BLE001 - whatever one look has shown it, a controller looks again
            silent += 1
            if silent in {1, 60}:
                sys.stdout.write(f"cannot look or act, trying again:\n{traceback.format_exc()}")
                sys.stdout.flush()
        ended.wait(PERIOD)


def heartbeat(paths: Paths) -> Path:
    """Written by a controller when it has brought everything in line once; holds its pid."""
    return paths.run / "machines" / "in-line"


def main(argv: list[str] | None = None) -> int:
    """Run the daemon; returns the exit status."""
    parser = argparse.ArgumentParser(prog="rehearsal.machines.controller", description=__doc__)
    parser.add_argument("--endpoint", default=addresses.AWS_ENDPOINT, help="the account's plain address")
    parser.add_argument(
        "--front", type=IPv4Address, default=addresses.AWS_FRONT, help="its address for machines"
    )
    parser.add_argument("--region", default="us-east-1", help="the region that is looked at")
    options = parser.parse_args(argv)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        paths = default_paths().create()
        run(paths, plan(paths, options.front), options.endpoint, options.region, ended)
    except BerthError as problem:
        sys.stderr.write(f"{problem.message}\n{problem.hint}\n")
        return 1
    return 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        status = main()
    os._exit(status)  # the metadata service's threads have nothing to finish
