"""Fixtures for tests in a rehearsal: what is missing is brought up, and removed where they brought it up."""

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from trial_project import Trial

from rehearsal import recovery, session, teardown
from rehearsal.lock import exclusive
from rehearsal.paths import CHECKOUT, Paths
from rehearsal.paths import paths as default_paths
from rehearsal.steps import Steps

BERTH = CHECKOUT / ".venv" / "bin" / "berth"
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def paths() -> Iterator[Paths]:
    """The machine's rehearsal; stopped at the end unless it was there before."""
    where = default_paths()
    if recovery.stacks(where):
        pytest.exit(
            f"an environment is up in {where.state}: `./scripts/down` first, the tests would change it", 2
        )
    was_there = session.load(where) is not None
    yield where
    if not was_there:
        with exclusive(where):
            teardown.stop(where, Steps(logs=where.logs))


@pytest.fixture(scope="session")
def steps(paths: Paths) -> Steps:
    return Steps(logs=paths.logs)


def brought_up(paths: Paths, steps: Steps) -> session.Record:
    """Start what does not run, as it was asked for the last time; without the workloads' images."""
    with exclusive(paths):
        record = session.load(paths)
        choice = record.choice if record else session.Choice()
        if not choice.needs("local"):
            choice = replace(choice, targets=("local", *choice.targets))
        return session.ensure(paths, steps, choice, images=False)


@pytest.fixture
def cluster(paths: Paths, steps: Steps) -> session.Record:
    """A rehearsal that runs, whatever the test before did to it; without the workloads' images."""
    return brought_up(paths, steps)


@pytest.fixture
def environ(paths: Paths, cluster: session.Record) -> Mapping[str, str]:
    """The environment of a process inside the rehearsal."""
    return session.inside(paths, cluster).over(os.environ)


@pytest.fixture
def run(environ: Mapping[str, str]) -> Run:
    """Run a command inside the rehearsal, in the checkout; fails with its whole output."""

    def run(*argv: str, check: bool = True, cwd: Path = CHECKOUT) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            argv,
            env=dict(environ),
            cwd=cwd,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=1200,
        )
        if check and done.returncode:
            pytest.fail(f"{' '.join(argv)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    return run


@pytest.fixture
def trial(tmp_path: Path, environ: Mapping[str, str]) -> Iterator[Trial]:
    """A project with a stack of its own, which starts with a namespace and is destroyed at the end."""
    made = Trial(tmp_path, environ)
    made.program()
    made.pulumi("stack", "init", "dev")
    yield made
    made.program()
    made.pulumi("destroy", "--yes", "--skip-preview")
    made.pulumi("stack", "rm", "--yes", "dev")
