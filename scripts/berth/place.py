"""Where a command acts: the account that the shell is logged in to, or the rehearsal.

Everything that runs the Pulumi engine goes through a `Place`, so that the commands themselves do not know
which of the two they act on.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rehearsal import workspace
from rehearsal.errors import BerthError
from rehearsal.paths import CHECKOUT, Paths
from rehearsal.steps import tail

GRACE_SECONDS = 12.0


@dataclass(frozen=True, kw_only=True)
class Place:
    """An engine, its environment, and the directory of the project.

    values: the directory of the values files. machines: whether instances that run in the account can work.
    stack_names: of this project in the backend, where they can be had without the engine.
    clients: of `scripts.berth.aws.clients`, each made once.
    started: told the engine's pid; ended: told that it has ended.
    """

    engine: str
    environ: Mapping[str, str]
    project: Path
    rehearsed: bool
    values: Path
    machines: bool = True
    stack_names: Callable[[], list[str]] | None = None
    started: Callable[[int], None] = field(default=lambda _: None)
    ended: Callable[[], None] = field(default=lambda: None)
    _outputs: dict[str, dict[str, Any]] = field(default_factory=dict, init=False, repr=False)
    clients: dict[tuple[str, ...], Any] = field(default_factory=dict, init=False, repr=False)

    @property
    def prefix(self) -> str:
        """How the user calls berth here."""
        return "berth rehearse" if self.rehearsed and not in_rehearsal_shell() else "berth"

    def capture(self, *arguments: str, check: bool = True, stdin: str = "") -> str:
        """Run the engine for its output.

        Raises:
            BerthError: it failed; with the end of what it said.
        """
        done = self.answer(*arguments, stdin=stdin)
        if done.returncode and check:
            said = (done.stderr.strip() or done.stdout.strip())[-4000:]
            raise BerthError(f"`pulumi {' '.join(arguments)}` failed:\n{said}")
        return done.stdout

    def answer(
        self, *arguments: str, stdin: str = "", **variables: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run the engine, with more variables in its environment; whatever comes of it."""
        return subprocess.run(
            self._argv(*arguments),
            env={**self.environ, **variables},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    def run(self, *arguments: str, log: Path | None = None, quiet: bool = False) -> int:
        """Run the engine with its own display; returns its exit status.

        log: gets a copy of what it prints, where the output is not a terminal, else its event log.
        quiet: what it prints goes to the log, which there has to be, and nowhere else.
        """
        self._outputs.clear()
        terminal = os.isatty(1) and not quiet
        argv = self._argv(*arguments)
        if log is not None:
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_text("")
            if terminal:
                argv += ["--event-log", str(log)]
        # On a terminal the engine gets Ctrl-C from it; elsewhere from us, and only once: a second one would
        # make it drop what it is doing.
        process = subprocess.Popen(
            argv,
            # Not every command has --event-log without it:
            # https://github.com/pulumi/pulumi/blob/v3.200.0/pkg/cmd/pulumi/operations/destroy.go
            env={**self.environ, "PULUMI_DEBUG_COMMANDS": "true"},
            stdout=None if terminal or log is None else subprocess.PIPE,
            stderr=None if terminal or log is None else subprocess.STDOUT,
            start_new_session=not terminal,
        )
        copying = threading.Thread(target=_copy, args=(process, log), kwargs={"quiet": quiet}, daemon=True)
        try:
            with _interruptible(process, forward=not terminal):
                self.started(process.pid)
                copying.start()
                while process.poll() is None:
                    # A bounded wait lets Python handle signals in between.
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(0.2)
            return process.returncode
        finally:
            if copying.ident is not None:
                copying.join(5.0)
            if process.poll() is not None:
                self.ended()

    def _argv(self, *arguments: str) -> list[str]:
        return [self.engine, "-C", str(self.project), *arguments]

    def outputs(self, env: str) -> dict[str, Any]:
        """The stack's outputs, secrets in the clear; read once, and again after the engine has run.

        Raises:
            BerthError: there is no such stack, or it has not been deployed.
        """
        if env in self._outputs:
            return self._outputs[env]
        self.require_stack(env)
        values = json.loads(self.capture("stack", "output", "--stack", env, "--json", "--show-secrets"))
        if not isinstance(values, dict) or not values:
            raise BerthError(f"{env} has no outputs yet", f"Deploy it: `{self.prefix} up {env}`.")
        self._outputs[env] = values
        return values

    def has_stack(self, env: str) -> bool:
        """Whether the environment has a stack here."""
        if self.stack_names is not None:
            return env in self.stack_names()
        listed = json.loads(self.capture("stack", "ls", "--json") or "[]")
        return env in [str(stack["name"]).rpartition("/")[2] for stack in listed or []]

    def require_stack(self, env: str) -> None:
        """Raises BerthError where the environment has never been deployed here."""
        if not self.has_stack(env):
            raise BerthError(
                f"{env} has not been deployed {'in the rehearsal' if self.rehearsed else 'here'}",
                f"Deploy it: `{self.prefix} up {env}`.",
            )


def in_rehearsal_shell() -> bool:
    """Whether the shell has been put inside the rehearsal by `berth rehearse env`."""
    return os.environ.get("BERTH_REHEARSAL") == "1"


def account() -> Place:
    """The account that the shell is logged in to.

    Raises:
        BerthError: no engine on PATH, or no backend login.
    """
    engine = shutil.which("pulumi")
    if engine is None:
        raise BerthError(
            "there is no `pulumi` on PATH",
            "Install it (https://www.pulumi.com/docs/iac/download-install/), or rehearse without an account: "
            "`berth rehearse up local` brings its own.",
        )
    if not _logged_in():
        raise BerthError(
            "Pulumi is not logged in to a backend",
            "Run `pulumi login` (or `pulumi login --local`, or set PULUMI_BACKEND_URL). "
            "To act without an account: `berth rehearse …`.",
        )
    return Place(
        engine=engine, environ=dict(os.environ), project=CHECKOUT, rehearsed=False, values=CHECKOUT / "stacks"
    )


def rehearsal(where: Paths, environ: Mapping[str, str], engine: Path) -> Place:
    """The rehearsal; `environ` is the whole environment inside it."""
    from rehearsal import recovery

    return Place(
        engine=str(engine),
        environ=environ,
        project=workspace.location(where),
        rehearsed=True,
        values=workspace.location(where) / "values",
        stack_names=lambda: recovery.stacks(where),
        started=lambda pid: recovery.remember_engine(where, pid),
        ended=lambda: recovery.forget_engine(where),
    )


def failed(what: str, log: Path, again: str) -> BerthError:
    """An engine's failure, with the end of its log and the command that repeats it."""
    # On a terminal the engine has shown what is wrong itself, and its log is for machines.
    said = "" if os.isatty(1) else f"\n\n{tail(log)}"
    return BerthError(f"{what}{said}", f"The log is {log}; to try again: `{again}`.")


def _logged_in() -> bool:
    if os.environ.get("PULUMI_ACCESS_TOKEN") or os.environ.get("PULUMI_BACKEND_URL"):
        return True
    if "\nbackend:" in (CHECKOUT / "Pulumi.yaml").read_text():
        return True
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    try:
        return bool(json.loads((home / "credentials.json").read_text()).get("current"))
    except (OSError, ValueError):
        return False


def _copy(process: "subprocess.Popen[bytes]", log: Path | None, *, quiet: bool) -> None:
    """Everything that the engine prints, on to our output and into the log, until it ends."""
    if process.stdout is None or log is None:
        return
    with log.open("ab", buffering=0) as file:
        while block := os.read(process.stdout.fileno(), 65536):
            file.write(block)
            if quiet:
                continue
            # Whoever reads our output may have left; the deployment goes on.
            with contextlib.suppress(OSError):
                os.write(1, block)


@contextlib.contextmanager
def _interruptible(process: "subprocess.Popen[bytes]", *, forward: bool) -> Iterator[None]:
    """On Ctrl-C give the engine time to save its state, then insist."""
    try:
        yield
    except KeyboardInterrupt:
        if forward:
            process.send_signal(signal.SIGINT)
        for insist in (signal.SIGINT, signal.SIGKILL):
            with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
                process.wait(GRACE_SECONDS)
                break
            process.send_signal(insist)
        process.wait()
        raise
