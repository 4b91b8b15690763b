"""Brings up a rehearsal from whatever state the machine is in: packages, programs, daemons, images.

It knows the order and what may run side by side; how each part is done is the part's own business. Everything
here can be repeated: what is there is left alone, and a run that was interrupted is picked up.
"""

import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rehearsal import (
    addresses,
    artifacts,
    cluster,
    engine,
    machines,
    process,
    recovery,
    registry,
    standins,
    system,
    teardown,
)
from rehearsal.artifacts import GoProgram
from rehearsal.clouds import aws, s3
from rehearsal.cluster import addons, existing, network, software
from rehearsal.errors import BerthError
from rehearsal.paths import Paths
from rehearsal.record import Choice, Record, boot, fingerprint, load, save
from rehearsal.recovery import ENGINE
from rehearsal.schedule import Task, run_all
from rehearsal.steps import Steps
from rehearsal.workspace import install_shims

# One Go build at a time (it uses every core), and beside it one job of the disk and the network.
GO, DISK = "go", "disk"


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One line of what `ensure` would do. done: nothing is left to do."""

    name: str
    detail: str
    done: bool


def go_programs(choice: Choice) -> list[GoProgram]:
    """What Go builds, the engine aside, in the order in which the rest waits for it."""
    if not choice.needs("local"):
        return [*registry.programs()]
    needed = []
    if choice.cluster == "embedded":
        needed = [*cluster.programs(), *addons.programs()]
    elif not shutil.which("kubectl"):
        needed = [software.KUBERNETES_PROGRAM]
    return [*needed, *s3.programs(), *registry.programs()]


def packages(choice: Choice) -> list[str]:
    """The distribution's packages that are missing."""
    from rehearsal import images

    parts = [registry.packages(), images.packages()]
    if choice.needs("local"):
        parts.append(s3.packages())
    if choice.needs("local") and choice.cluster == "embedded":
        parts += [cluster.packages(), addons.packages()]
    if choice.needs("aws-vm"):
        parts += [aws.packages(), machines.packages() if choice.machines else []]
        parts.append([] if shutil.which("ssh") else ["openssh-client"])
    return sorted({name for part in parts for name in part})


def plan(where: Paths, choice: Choice) -> list[Planned]:
    """What a bring-up would do, in order; changes nothing and needs no root."""
    missing = packages(choice)
    detail = str(system.plan(missing)) if missing else "all installed"
    lines = [Planned(name="system packages", detail=detail, done=not missing)]
    for program in go_programs(choice):
        there = artifacts.present(program, where)
        detail = "in the cache" if there else f"download, else build ({program.expected})"
        lines.append(Planned(name=program.name, detail=detail, done=there))
    lines.append(_engine_plan(where))
    for name, alive, detail in _daemons(where, choice):
        lines.append(Planned(name=name, detail=detail if alive else f"start ({detail})", done=alive))
    return lines


def _daemons(where: Paths, choice: Choice) -> list[tuple[str, bool, str]]:
    """Name, whether it runs, and where it answers, of each part that keeps running."""
    parts = [("image registry", registry.is_running(where), addresses.REGISTRY)]
    if choice.needs("local"):
        parts += [
            ("object storage", s3.is_running(where), addresses.S3_ENDPOINT),
            ("cluster", existing.of(choice.cluster).is_running(where), choice.cluster),
        ]
    if choice.needs("aws-vm"):
        parts.append(("emulated AWS", aws.is_running(where), addresses.AWS_ENDPOINT))
    if choice.needs("aws-vm") and choice.machines:
        parts.append(("machines", machines.is_running(where), "QEMU, in a network of their own"))
    return parts


def is_cheap(where: Paths, choice: Choice) -> bool:
    """Whether a bring-up would only start what is installed and in the cache: seconds, not minutes."""
    engine_there = engine.on_path(where) is not None or artifacts.present(engine.programs()[0], where)
    built = all(artifacts.present(program, where) for program in go_programs(choice))
    return engine_there and built and not system.missing(packages(choice))


def _engine_plan(where: Paths) -> Planned:
    found = engine.on_path(where)
    if found:
        return Planned(name="Pulumi engine", detail=f"{found.version}, from PATH", done=True)
    (program,) = engine.programs()
    there = artifacts.present(program, where)
    detail = f"{engine.VERSION}, in the cache" if there else f"download, else build ({program.expected})"
    return Planned(name="Pulumi engine", detail=detail, done=there)


def bring_up(where: Paths, steps: Steps, choice: Choice, *, images: bool) -> Record:
    """Do it; returns the record, which is also written."""
    _refuse_another_cluster(where, choice)
    system.preflight(where, built=all(artifacts.present(p, where) for p in go_programs(choice)))
    found: list[engine.Engine] = []
    previous = load(where)
    references: dict[str, str] = dict(previous.images) if previous else {}
    tasks = _Tasks(where, steps, choice)
    tasks.prepare()
    tasks.serve_images(lambda: references.update(ensure_images(where, steps)) if images else None)
    tasks.serve()
    tasks.add("engine", lambda: found.append(engine.ensure(where, steps)), lane=GO)
    fresh = not any(process.pid_of(where, name) for name in process.names(where))
    try:
        run_all(tasks.all, steps.cancelled)
    except BaseException:
        # Half a rehearsal is of no use to anybody; caches, data and logs are, to the next attempt.
        if fresh:
            teardown.stop_daemons(where, Steps(where.logs, console=steps.console))
        raise
    if tasks.built and not os.environ.get("BERTH_KEEP_BUILD_CACHE"):
        artifacts.drop_build_caches(where)
    directory = found[0].bin_dir
    install_shims(where, directory / "pulumi")
    standins.install(where)
    record = Record(
        fingerprint=fingerprint(),
        boot=boot(),
        choice=choice,
        programs=(str(directory), *map(str, _kubectl(where, choice))),
        daemons=tuple(name for name in process.names(where) if name != ENGINE),
        access_keys=_access_keys(where, choice),
        images=references,
    )
    save(where, record)
    return record


def _refuse_another_cluster(where: Paths, choice: Choice) -> None:
    """What is deployed in one cluster cannot follow into another."""
    previous = load(where)
    if previous is None or not (previous.choice.needs("local") and choice.needs("local")):
        return
    if previous.choice.cluster != choice.cluster:
        raise BerthError(
            f"the rehearsal was brought up with --cluster {previous.choice.cluster}, "
            f"not {choice.cluster}: it cannot change clusters",
            "Take it down first: ./scripts/down",
        )


def ensure_images(where: Paths, steps: Steps) -> dict[str, str]:
    """Build and push the images of this checkout that the registry does not have; image name to reference."""
    from rehearsal import images

    return images.build_all(where, steps)


def _access_keys(where: Paths, choice: Choice) -> dict[str, tuple[str, str]]:
    keys = {}
    if choice.needs("local"):
        account = s3.credentials(where)
        keys["local"] = (account.access_key_id, account.secret_access_key)
    if choice.needs("aws-vm"):
        keys["aws-vm"] = aws.credentials(where)
    return keys


def _kubectl(where: Paths, choice: Choice) -> list[Path]:
    if not choice.needs("local") or (choice.cluster != "embedded" and shutil.which("kubectl")):
        return []
    return [artifacts.directory(software.KUBERNETES_PROGRAM, where)]


class _Tasks:
    def __init__(self, where: Paths, steps: Steps, choice: Choice) -> None:
        self.where, self.steps, self.choice = where, steps, choice
        self.all: list[Task] = []
        self.packages: list[str] = []
        self.built = not artifacts.present(engine.programs()[0], where)

    def add(self, name: str, run: Callable[[], object], *, after: Iterable[str] = (), lane: str = "") -> None:
        known = {task.name for task in self.all}

        def work() -> None:
            run()

        needs = tuple(other for other in after if other in known)
        self.all.append(Task(name=name, run=work, after=needs, lane=lane))

    def prepare(self) -> None:
        missing = packages(self.choice)
        if missing:
            self.add("packages", lambda: self._install(missing), lane=DISK)
            self.packages = ["packages"]
        for program in go_programs(self.choice):
            if not artifacts.present(program, self.where):
                self.add(program.name, partial(self._build, program), lane=GO)
                self.built = True

    def serve_images(self, build: Callable[[], object]) -> None:
        where, steps = self.where, self.steps
        self.add("network", network.ensure_bridge, after=self.packages)
        self.add("registry", lambda: registry.ensure_running(where, steps), after=["network"])
        # Beside the Go builds: it is the disk and the network that it keeps busy.
        self.add("images", build, after=["registry"], lane=DISK)

    def serve(self) -> None:
        if self.choice.needs("local"):
            self.serve_cluster()
        if self.choice.needs("aws-vm"):
            self.serve_aws()

    def serve_cluster(self) -> None:
        where, steps = self.where, self.steps
        self.add(
            "object storage",
            lambda: s3.ensure_running(where, steps),
            after=["network", *(p.name for p in s3.programs())],
        )
        kubernetes = existing.of(self.choice.cluster)
        self.add(
            "cluster",
            lambda: kubernetes.ensure_running(where, steps),
            after=["network", "registry", *(p.name for p in cluster.programs())],
        )
        if self.choice.cluster != "embedded":
            return
        self.add(
            "add-ons",
            lambda: addons.ensure_running(where, steps, gpus=self.choice.gpus),
            after=["cluster", *(p.name for p in addons.programs())],
        )

    def serve_aws(self) -> None:
        where, steps = self.where, self.steps
        if self.choice.machines:
            # It holds the layers of the images' base, which is made with the images.
            self.add(
                "machine image",
                lambda: machines.ensure_image(where, steps),
                after=["registry", "images"],
                lane=DISK,
            )
        self.add("emulated AWS", self._emulate_aws, after=["network", "registry"])
        if self.choice.machines:
            self.add(
                "machines",
                lambda: machines.ensure_running(where, steps),
                after=["emulated AWS", "machine image"],
            )

    def _emulate_aws(self) -> None:
        if aws.ensure_running(self.where, self.steps):
            # The account lives in the daemon's memory: what an earlier one had is gone, so is its state.
            recovery.forget_stacks(self.where, "aws-vm")

    def _install(self, missing: list[str]) -> None:
        listed = f"  system packages to be installed: {system.plan(missing)}"
        self.steps.console.print(listed, highlight=False, markup=False)
        with self.steps.step("system packages", expected="about a minute") as step:
            new = system.install(missing, step, self.where)
            step.result = f"{len(new)} installed"

    def _build(self, program: GoProgram) -> None:
        with self.steps.step(program.name, expected=program.expected) as step:
            artifacts.ensure(program, self.where, step)
