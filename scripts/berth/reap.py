"""`berth reap`: destroys the environments whose lifetime has ended, and warns of those that end soon.

For a cron job or a scheduled workflow: it never asks. One that could not be destroyed to its end does not
keep the others from it, and the next run goes on with it. What has no values file here, or carries another
owner's tags, is somebody else's and stays.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Optional

import typer

from infra.spend.leaks import ENVIRONMENT, EXPIRES_AT, LEAKED, MANAGED_BY, MANAGER, OWNER, Finding
from rehearsal.errors import BerthError
from scripts.berth import lifetime, options, stack, values
from scripts.berth.place import Place
from scripts.berth.teardown import state as states

Where = Callable[[str], Place]
Say = Callable[[str], None]
LEFT = 3
FAILED, REAPED, EXPIRED, ENDS_SOON, LIVES, SKIPPED = (
    *("failed", "reaped", "expired", "ends soon", "lives"),
    "skipped",
)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What becomes of an environment. end: UTC; None where nothing says it. reason: in words."""

    environment: str
    state: str
    reason: str
    end: datetime | None = None


def register(app: typer.Typer, where: Where) -> None:
    """Add the command. where: the place of an environment, or of all for an empty name."""

    @app.command()
    def reap(
        env: Annotated[
            Optional[list[str]],  # noqa: UP045 - typer reads it
            typer.Argument(metavar="[ENV…]", help="Environments; or --all."),
        ] = None,
        *,
        all_: Annotated[
            bool, typer.Option("--all", help="Every environment that has a stack or is left in the account.")
        ] = False,
        warn_hours: Annotated[
            float, typer.Option("--warn-hours", min=0, help="Warn of what ends within that time.")
        ] = 2.0,
        dry_run: options.DryRun = False,
        as_json: options.Json = False,
    ) -> None:
        """Destroy what has expired, without asking; warn of what will. Ends with 3 where some is left."""
        if bool(env) == all_:
            raise typer.BadParameter("name environments, or give --all", param_hint="ENV")

        def say(text: str) -> None:
            typer.echo(text, err=as_json)

        unknown = [name for name in env or [] if not values.is_known(where(name), name)]
        if unknown:
            raise BerthError(
                f"there is no environment {', '.join(map(repr, unknown))}: no values file and no stack",
                "`berth reap --all --dry-run` lists those that there are.",
            )
        reaper = Reaper(where, say, warn=timedelta(hours=warn_hours), dry_run=dry_run, quiet=as_json)
        done = reaper.all() if all_ else [reaper.one(name) for name in env or []]
        if as_json:
            print(json.dumps([_row(one) for one in done], indent=2))
        elif not done:
            print("There is no environment here.")
        raise typer.Exit(LEFT if any(one.state == FAILED for one in done) else 0)


class Reaper:
    """Judges environments and ends them. quiet: what the engine shows goes to its log alone."""

    def __init__(
        self,
        where: Where,
        say: Say,
        *,
        warn: timedelta = lifetime.WARNING,
        dry_run: bool = False,
        quiet: bool = False,
        now: datetime | None = None,
    ) -> None:
        self.where, self.say, self.warn = where, say, warn
        self.dry_run, self.quiet = dry_run, quiet
        self.now = now or _now()

    def all(self) -> list[Verdict]:
        """Every environment with a stack, then what is left of those that have none any more."""
        names = stacks(self.where(""))
        return [*(self.one(name) for name in names), *self._leftovers(names)]

    def one(self, env: str) -> Verdict:
        """One environment, to its end; a failure is told and not raised."""
        try:
            verdict = self._one(env)
        except BerthError as problem:
            hint = f" ({problem.hint})" if problem.hint else ""
            verdict = Verdict(environment=env, state=FAILED, reason=f"{problem.message}{hint}")
        self.say(f"{env}: {verdict.state}: {verdict.reason}")
        return verdict

    def _one(self, env: str) -> Verdict:
        place = self.where(env)
        if not place.has_stack(env):
            return Verdict(environment=env, state=SKIPPED, reason="it is not deployed here")
        state = stack.exported(place, env)
        verdict = judge(
            *(env, state, config_of(place, env)),
            tag=tagged(place, env),
            deployed=bool(states.real(state)) or stack.was_deployed(place, env),
            now=self.now,
            warn=self.warn,
        )
        if verdict.state == ENDS_SOON and not self.dry_run:
            for topic in notify(place, state, f"{env} ends soon: {verdict.reason}"):
                self.say(f"{env}: told {topic}")
        if verdict.state != EXPIRED or self.dry_run:
            return verdict
        return self._end(place, env, verdict)

    def _end(self, place: Place, env: str, verdict: Verdict) -> Verdict:
        from rich.console import Console

        from scripts.berth.teardown import command, down

        self.say(f"{env}: {verdict.reason}; destroying it")
        ask = down.Ask(yes=True, quiet=self.quiet, reap=True)
        done = command.teardown(place, env, ask, Console(stderr=self.quiet))
        if done.complete:
            return Verdict(
                environment=env,
                state=REAPED,
                reason=f"{verdict.reason}; {done.resources} resources destroyed",
                end=verdict.end,
            )
        left = len(done.remaining) + len(done.left.counted)
        reason = f"{left} things are left; the next run goes on" if left else done.left.unknown
        return Verdict(environment=env, state=FAILED, reason=reason, end=verdict.end)

    def _leftovers(self, names: Sequence[str]) -> list[Verdict]:
        """What has expired in the account and belongs to no stack."""
        from scripts.berth import leaks

        try:
            found = leaks.find_all(self.where, [])
        except BerthError as problem:
            self.say(f"what is left without a stack is not known: {problem.message}")
            return []
        by_env: dict[str, list[Finding]] = {}
        for one in found:
            if one.cls == LEAKED and one.environment and one.environment not in names:
                by_env.setdefault(one.environment, []).append(one)
        return [self._sweep(env, by_env[env]) for env in sorted(by_env)]

    def _sweep(self, env: str, found: Sequence[Finding]) -> Verdict:
        from scripts.berth import leaks

        what = f"{len(found)} things of it are left, and it has no stack any more"
        if self.dry_run:
            verdict = Verdict(environment=env, state=EXPIRED, reason=what)
        else:
            place = leaks.place_of(self.where, found[0])
            done = leaks.delete(place, found, leaks.log_of(place), self.say)
            gone = sum(one.done for one in done)
            state = REAPED if gone == len(found) else FAILED
            verdict = Verdict(environment=env, state=state, reason=f"{what}; {gone} of them deleted")
        self.say(f"{env}: {verdict.state}: {verdict.reason}")
        return verdict


def judge(
    env: str,
    state: states.State,
    config: Mapping[str, Any] | None,
    *,
    tag: str,
    deployed: bool = True,
    now: datetime,
    warn: timedelta,
) -> Verdict:
    """Whether an environment has expired; pure. config: its values, None without a file. tag: the stack's.

    deployed: whether it ever was; a stack that a preview has made never was.

    Of several ends the latest counts: `berth extend` writes the values and the stack's tag at once, and the
    resources' tags follow with the next `up`.
    """
    if config is None:
        return Verdict(
            environment=env, state=SKIPPED, reason="not this checkout's: it has no values file here"
        )
    stranger = _stranger(env, state, config)
    if stranger:
        return Verdict(environment=env, state=SKIPPED, reason=stranger)
    end = latest([str(config.get("expires_at") or ""), tag, *_tags(state, EXPIRES_AT)])
    if end is None:
        if deployed and not states.real(state):
            return Verdict(environment=env, state=EXPIRED, reason="it was destroyed, and not to its end")
        return Verdict(environment=env, state=LIVES, reason="it has no end")
    at = end.strftime(lifetime.FORMAT)
    if end <= now:
        return Verdict(environment=env, state=EXPIRED, reason=f"its lifetime ended at {at}", end=end)
    left = str(end - now).split(".")[0]
    soon = end - now <= warn
    return Verdict(
        environment=env, state=ENDS_SOON if soon else LIVES, reason=f"until {at}, {left} left", end=end
    )


def latest(said: Iterable[str]) -> datetime | None:
    """The latest of the instants that can be read."""
    found = []
    for text in said:
        try:
            end = datetime.fromisoformat(text)
        except ValueError:
            continue
        found.append(end if end.tzinfo else end.replace(tzinfo=UTC))
    return max(found, default=None)


def stacks(place: Place) -> list[str]:
    """The environments that have a stack here."""
    if place.stack_names is not None:
        return sorted(place.stack_names())
    listed = json.loads(place.capture("stack", "ls", "--json") or "[]")
    return sorted(str(one["name"]).rpartition("/")[2] for one in listed or [])


def config_of(place: Place, env: str) -> dict[str, Any] | None:
    """The values file's content; None where there is no file."""
    file = values.file_of(place, env)
    return values.read(file) if file.is_file() else None


def tagged(place: Place, env: str) -> str:
    """The end that the stack's tag says; empty where there is none, or the backend has no tags."""
    try:
        return place.capture("stack", "tag", "get", lifetime.TAG, "--stack", env).strip()
    except BerthError:
        return ""


def notify(place: Place, state: states.State, text: str) -> list[str]:
    """Tell every SNS topic of the environment; returns their names. One that cannot be told stops nothing.

    https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
    """
    from scripts.berth.aws.clients import asking, client

    told = []
    for one in states.real(state):
        arn = str(one.props.get("arn") or one.id)
        if one.type != "aws:sns/topic:Topic" or arn.count(":") < 5:
            continue
        try:
            with asking(f"a message to {one.name}"):
                client(place, "sns", arn.split(":")[3]).publish(
                    TopicArn=arn, Subject="berth: a lifetime ends soon", Message=text
                )
        except BerthError:
            continue
        told.append(arn.rpartition(":")[2])
    return told


def _stranger(env: str, state: states.State, config: Mapping[str, Any]) -> str:
    """Why an environment is not ours; empty where it is."""
    owner = str(config.get("owner") or "")
    for key, ours in ((ENVIRONMENT, env), (MANAGED_BY, MANAGER), (OWNER, owner)):
        others = {one for one in _tags(state, key) if one != ours}
        if others:
            return f"its resources say {key} {', '.join(sorted(others))}, and not {ours or 'nothing'}"
    return ""


def _tags(state: states.State, key: str) -> list[str]:
    found = {states.default_tags(state).get(key, ""), *(one.tags.get(key, "") for one in states.real(state))}
    return sorted(found - {""})


def _now() -> datetime:
    return datetime.now(UTC)


def _row(one: Verdict) -> dict[str, Any]:
    return {**asdict(one), "end": one.end.strftime(lifetime.FORMAT) if one.end else None}
