"""The two long commands of a rehearsal: `up` from nothing to a verified service, `down` back to nothing."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from rehearsal import recovery, session, workspace
from rehearsal.errors import BerthError
from rehearsal.lock import exclusive
from rehearsal.paths import Paths
from rehearsal.session import Choice
from rehearsal.steps import Steps
from scripts.berth import inside, report, stack
from scripts.berth.place import Place
from scripts.berth.verify import deployed, run_checks


@dataclass
class Phases:
    """Time per phase of a command."""

    steps: Steps
    began: float = field(default_factory=time.monotonic)
    timings: list[tuple[str, float]] = field(default_factory=list)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.timings.append((name, time.monotonic() - began))

    @property
    def all(self) -> list[tuple[str, float]]:
        return [*self.steps.timings, *self.timings]

    @property
    def total(self) -> float:
        return time.monotonic() - self.began


def up(where: Paths, env: str, choice: Choice, console: Console) -> None:
    """Bring up, deploy, verify, report.

    Raises:
        BerthError: some part failed, the service does not answer, or a check does not hold.
    """
    steps = Steps(where.logs, console=console)
    phases = Phases(steps)
    console.print(f"[bold]Rehearsing {env}[/]: no account is touched.", highlight=False)
    with inside.entered(where, choice, steps) as (place, _):
        if workspace.changed_values(where, env):
            console.print(
                f"note: values of {env} were set in the rehearsal by `pulumi config`, not in stacks/",
                highlight=False,
            )
        if recovery.has_pending(where, env):
            number = stack.resolve_pending(place, env, lambda inputs: stack.in_cluster(place, inputs))
            console.print(f"note: {number} operations of a killed command were resolved", highlight=False)
        with phases.phase("pulumi up"):
            stack.deploy(place, env, where.logs / f"pulumi-up-{env}.log", yes=True)
        with phases.phase("verification"):
            outputs = deployed(place, env)
            found = run_checks(place, outputs)
        kinds = stack.kinds(stack.exported(place, env))
    console.print()
    report.created(console, kinds)
    report.results(console, outputs, found)
    report.checks(console, found)
    report.phases(console, phases.all, phases.total)
    report.how_to_go_on(console, env, outputs, berth=".venv/bin/berth")
    if not found.passed:
        failed = ", ".join(check.name for check in found.checks if not check.passed)
        raise BerthError(f"{env} is up, but these checks failed: {failed}")


def down(where: Paths, env: str, console: Console, *, purge: bool) -> None:
    """Destroy every stack of the rehearsal, then remove the rehearsal itself."""
    inside.require_root()
    from rehearsal import teardown

    began = time.monotonic()
    nothing = not where.state.exists() and not teardown.leftovers(where)
    # The rehearsal's own logs are about to go: those of its end are kept elsewhere, where it fails.
    logs = Path(tempfile.mkdtemp(prefix="berth-down-"))
    steps = Steps(logs, console=console)
    removed: list[str] = []
    with exclusive(where):
        if recovery.end_orphaned_engine(where):
            console.print("ended the engine of a command that was killed")
        recovery.release_stale_locks(where)
        stacks = sorted(recovery.stacks(where), key=lambda name: name != env)
        if stacks:
            removed += _destroy_all(where, stacks, steps, console)
        removed += teardown.stop(where, steps)
        if purge:
            removed += teardown.purge(where)
    shutil.rmtree(logs)
    if nothing:
        removed = [line for line in removed if line.startswith("cache")]
    for line in removed:
        console.print(f"removed {line}", highlight=False, soft_wrap=True)
    console.print(
        f"Nothing of the rehearsal is left ({time.monotonic() - began:.1f} s)."
        if not nothing
        else "There was no rehearsal on this machine.",
        highlight=False,
    )


def _destroy_all(where: Paths, stacks: list[str], steps: Steps, console: Console) -> list[str]:
    record = session.load(where)
    choice = record.choice if record else Choice()
    place = _healed(where, choice, steps, console) if record else None
    if place is None and choice.cluster != "embedded":
        raise BerthError(
            f"{', '.join(stacks)} is deployed in the cluster {choice.cluster!r}, and the rehearsal that could"
            " destroy it cannot be brought back",
            f"Run `berth rehearse env` to see why; the state is in {where.state / 'backend'}.",
        )
    if place is None:
        console.print(
            f"The cluster does not run. What {', '.join(stacks)} consists of goes with its data: "
            "the state is removed without `pulumi destroy`.",
            highlight=False,
        )
        return [f"the state of {name}" for name in stacks]
    removed = []
    for name in stacks:
        removed += _destroy(where, place, name, console, cluster=choice.cluster, logs=steps.logs)
    return removed


def _destroy(
    where: Paths, place: Place, name: str, console: Console, *, cluster: str, logs: Path
) -> list[str]:
    log = logs / f"pulumi-destroy-{name}.log"
    try:
        if recovery.has_pending(where, name):
            # Deleting what does not exist succeeds, so that every object counts as there.
            stack.resolve_pending(place, name, lambda _: True)
        number = sum(stack.kinds(stack.exported(place, name)).values())
        status = stack.destroy(place, name, log, yes=True)
        if status == 0:
            stack.remove(place, name)
            return [f"stack {name}: {number} resources"]
        reason = f"`pulumi destroy` ended with status {status}"
    except BerthError as problem:
        reason = problem.message
    if cluster != "embedded":
        raise BerthError(
            f"{name} could not be destroyed in the cluster {cluster!r}, which is not the rehearsal's: "
            f"{reason}",
            f"Mend it and run the command again; the log is {log}.",
        )
    kept = Path(tempfile.gettempdir()) / log.name
    if log.exists():
        shutil.copyfile(log, kept)
    console.print(
        f"{name} could not be destroyed in an orderly way ({reason}; log: {kept}): its state is removed "
        "with the cluster that held it.",
        highlight=False,
    )
    return [f"the state of {name}"]


def _healed(where: Paths, choice: Choice, steps: Steps, console: Console) -> Place | None:
    """The rehearsal with all of its parts running; None where its own cluster is dead.

    What is in that cluster goes with the cluster's data, so there is nothing to be brought back for.
    """
    from rehearsal import bringup, cluster

    record = session.ready(where)
    if record is None:
        dead = choice.cluster == "embedded" and not cluster.is_running(where)
        if dead or not bringup.is_cheap(where, choice):
            return None
        console.print("The rehearsal runs in part: bringing up the rest, to destroy what is in it.")
        try:
            record = session.ensure(where, steps, choice, images=False)
        except BerthError as problem:
            console.print(f"note: {problem.message.splitlines()[0]}", highlight=False, markup=False)
            return None
    workspace.refresh(where)
    return inside.place_of(where, record)
