"""The two long commands of a rehearsal: `up` from nothing to a verified service, `down` back to nothing."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from rich.console import Console

from rehearsal import recovery, session, workspace
from rehearsal.errors import BerthError
from rehearsal.lock import exclusive
from rehearsal.paths import Paths
from rehearsal.record import TARGETS, Choice, Record
from rehearsal.steps import Steps
from rehearsal.values import target_of
from scripts.berth import inside, pending, report, stack, targets
from scripts.berth.aws import sshconfig


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


def up(
    where: Paths, env: str, choice: Choice, ask: targets.Ask, console: Console, *, refresh: bool = False
) -> None:
    """Bring up, deploy, verify, report.

    Raises:
        BerthError: some part failed, the service does not answer, or a check does not hold.
    """
    steps = Steps(where.logs, console=console)
    phases = Phases(steps)
    console.print(f"[bold]Rehearsing {env}[/]: no account is touched.", highlight=False)
    target = targets.of(env)
    with inside.entered(where, env, choice, steps) as place:
        if workspace.changed_values(where, env):
            console.print(
                f"note: values of {env} were set in the rehearsal by `pulumi config`, not in stacks/",
                highlight=False,
            )
        pending.resolve(place, env, partial(_note, console))
        with phases.phase("pulumi up"):
            stack.deploy(place, env, stack.log_of(place, env), yes=True, refresh=refresh)
        with phases.phase("verification"):
            found = target.verify(place, env, ask, console)
        kinds = stack.kinds(stack.exported(place, env))
    console.print()
    report.created(console, kinds)
    target.results(console, place, env, found)
    report.facts(console, found)
    report.checks(console, found)
    report.phases(console, phases.all, phases.total)
    report.how_to_go_on(console, env, target.next_steps(place, env), berth=".venv/bin/berth")
    if not found.passed:
        raise BerthError(f"{env} is up, but these checks failed: {', '.join(found.failed)}")


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
        removed += [f"ssh entries {file}" for file in sshconfig.remove_rehearsals(Path.home())]
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


def _note(console: Console, text: str) -> None:
    console.print(f"note: {text}", highlight=False, markup=False)


def _destroy_all(where: Paths, stacks: list[str], steps: Steps, console: Console) -> list[str]:
    record = session.load(where)
    choice = record.choice if record else Choice()
    living = [name for name in stacks if record and targets.of(name).alive(where, choice)]
    healed = _healed(where, choice, living, steps, console) if living else None
    elsewhere = [name for name in stacks if _elsewhere(name, choice)]
    if healed is None and elsewhere:
        raise BerthError(
            f"{', '.join(elsewhere)} is deployed in the cluster {choice.cluster!r}, and the rehearsal that"
            " could destroy it cannot be brought back",
            f"Run `berth rehearse env` to see why; the state is in {where.state / 'backend'}.",
        )
    lost = stacks if healed is None else [name for name in stacks if name not in living]
    if lost:
        console.print(
            f"What {', '.join(lost)} was deployed in does not run. What it consists of goes with its data: "
            "the state is removed without `pulumi destroy`.",
            highlight=False,
        )
    removed = [f"the state of {name}" for name in lost]
    if healed is not None:
        for name in living:
            removed += _destroy(where, healed, name, console, logs=steps.logs)
    return removed


def _elsewhere(name: str, choice: Choice) -> bool:
    """Whether an environment is in a cluster that is not the rehearsal's, and would outlive it."""
    return target_of(name) == "local" and choice.cluster != "embedded"


def _destroy(where: Paths, record: Record, name: str, console: Console, *, logs: Path) -> list[str]:
    log = logs / f"pulumi-destroy-{name}.log"
    place = inside.place_of(where, record, name)
    try:
        pending.resolve(place, name, partial(_note, console))
        number = sum(stack.kinds(stack.exported(place, name)).values())
        status = stack.destroy(place, name, log, yes=True)
        if status == 0:
            stack.remove(place, name)
            return [f"stack {name}: {number} resources"]
        reason = f"`pulumi destroy` ended with status {status}"
    except BerthError as problem:
        reason = problem.message
    if _elsewhere(name, record.choice):
        raise BerthError(
            f"{name} could not be destroyed in the cluster {record.choice.cluster!r}, which is not the "
            f"rehearsal's: {reason}",
            f"Mend it and run the command again; the log is {log}.",
        )
    kept = Path(tempfile.gettempdir()) / log.name
    if log.exists():
        shutil.copyfile(log, kept)
    console.print(
        f"{name} could not be destroyed in an orderly way ({reason}; log: {kept}): its state is removed "
        "with what it was deployed in.",
        highlight=False,
    )
    return [f"the state of {name}"]


def _healed(where: Paths, choice: Choice, living: list[str], steps: Steps, console: Console) -> Record | None:
    """The rehearsal with all that it takes to destroy these environments; None where that cannot be had.

    What is in a dead cluster or a dead emulated account goes with its data, so there is nothing to be brought
    back for.
    """
    from rehearsal import bringup

    record = session.ready(where)
    if record is None:
        needed = {target_of(name) for name in living}
        choice = replace(choice, targets=tuple(t for t in TARGETS if t in needed), machines=False)
        if not bringup.is_cheap(where, choice):
            return None
        console.print("The rehearsal runs in part: bringing up the rest, to destroy what is in it.")
        try:
            record = session.ensure(where, steps, choice, images=False)
        except BerthError as problem:
            console.print(f"note: {problem.message.splitlines()[0]}", highlight=False, markup=False)
            return None
    workspace.refresh(where)
    return record
