"""The flow of `berth down`: look, show, ask, save, drain, destroy, look again."""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.spend.leaks import LEAKED, Finding
from rehearsal.errors import BerthError
from scripts.berth import pending, stack
from scripts.berth.leaks import deletion
from scripts.berth.place import Place
from scripts.berth.teardown import clusters, destroy, drain, left, order, snapshots
from scripts.berth.teardown import state as states
from scripts.berth.teardown.clusters import Cluster
from scripts.berth.teardown.destroy import Attempt, Pace
from scripts.berth.teardown.left import Left
from scripts.berth.teardown.order import Loss
from scripts.berth.teardown.snapshots import Snapshot

LEFT = 3
"""Exit status where something is left."""
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Ask:
    """keep_snapshots: of every disk, not of protected ones alone. cluster_gone: one that does not answer.

    quiet: what the engine shows goes to its log alone. reap: what is leaked at the end is deleted, too.
    """

    yes: bool = False
    keep_snapshots: bool = False
    cluster_gone: bool = False
    quiet: bool = False
    reap: bool = False


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a teardown is about to do.

    silent: clusters that do not answer and are gone, with why they count as gone. behind: what the account
    has beside the state.
    """

    env: str
    state: states.State
    steps: Sequence[order.Step]
    losses: Sequence[Loss]
    answering: Sequence[Cluster]
    silent: Sequence[tuple[Cluster, str]]
    behind: Left
    hourly_usd: float | None
    unpriced: Sequence[str]

    @property
    def count(self) -> int:
        return len(states.real(self.state))


@dataclass
class Outcome:
    """What a teardown did, and what is left. resources: of the state, as type and name."""

    env: str
    resolved: int = 0
    resources: int = 0
    forgotten: list[str] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    drained: list[str] = field(default_factory=list)
    cleared: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    remaining: list[states.Resource] = field(default_factory=list)
    left: Left = field(default_factory=Left)
    log: Path | None = None
    seconds: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether nothing is left."""
        return not (self.remaining or self.left.counted or self.left.unknown)

    @property
    def status(self) -> int:
        return 0 if self.complete else LEFT


@dataclass(frozen=True, kw_only=True)
class Talk:
    """How a teardown speaks. show: takes the plan. confirm: asked before anything is destroyed."""

    say: Say
    show: Callable[[Plan], None]
    confirm: Callable[[], bool]
    pace: Pace = field(default_factory=Pace)


def down(place: Place, env: str, ask: Ask, talk: Talk) -> Outcome | None:
    """Destroy an environment; the outcome tells what is left. None where the user said no.

    Raises:
        BerthError: it was not begun: no such environment, or a cluster that may be there still.
    """
    began = time.monotonic()
    outcome = Outcome(env)
    # First, for a killed engine may have left a state that cannot be read.
    outcome.resolved = pending.resolve(place, env, talk.say)
    place.require_stack(env)
    plan = look(place, env, ask)
    talk.show(plan)
    if plan.count and not (ask.yes or talk.confirm()):
        return None
    outcome.resources = plan.count
    teardown = _Teardown(place, ask, talk, plan, outcome)
    if plan.count or plan.behind.findings:
        teardown.prepare()
        teardown.destroy()
    teardown.look_again()
    outcome.seconds = time.monotonic() - began
    return outcome


def look(place: Place, env: str, ask: Ask) -> Plan:
    """What a teardown would do; changes nothing.

    Raises:
        BerthError: a cluster does not answer and may be there still.
    """
    state = stack.exported(place, env)
    answering: list[Cluster] = []
    silent: list[tuple[Cluster, str]] = []
    if states.providers(state, "kubernetes"):
        for cluster in clusters.of(_shown(place, env)):
            if not clusters.can_be_asked(place, cluster):
                continue
            why = clusters.silence(place, cluster)
            if why:
                silent.append((cluster, _gone(place, env, cluster, why, ask)))
            else:
                answering.append(cluster)
    cost = estimate(state)
    return Plan(
        env=env,
        state=state,
        steps=order.steps(state),
        losses=order.losses(state, all_disks=ask.keep_snapshots),
        answering=answering,
        silent=silent,
        behind=left.look(place, env, region=states.region(state)),
        hourly_usd=cost.hourly_usd,
        unpriced=cost.unknown,
    )


def estimate(state: states.State) -> Any:
    """What a stack costs, as far as prices are known: `infra.spend.estimate.Total`."""
    from infra.spend.estimate import Priced, lines, total

    return total(
        lines(Priced(type=one.type, name=one.name, props=one.props) for one in states.resources(state))
    )


def needs_terminal(env: str, prefix: str, *, yes: bool, as_json: bool) -> None:
    """Raises BerthError where nobody could be asked."""
    if yes or (sys.stdin.isatty() and not as_json):
        return
    raise BerthError(
        f"`{prefix} down {env}` asks before it destroys, and there is no terminal to ask on"
        if not as_json
        else f"`{prefix} down {env} --json` cannot ask before it destroys",
        f"Say so yourself: `{prefix} down {env} --yes{' --json' if as_json else ''}`.",
    )


class _Teardown:
    def __init__(self, place: Place, ask: Ask, talk: Talk, plan: Plan, outcome: Outcome) -> None:
        self.place, self.env, self.ask, self.talk = place, plan.env, ask, talk
        self.plan, self.outcome = plan, outcome
        self.region = states.region(plan.state)
        self.seen: set[str] = set()
        self.names = {
            one.eks for one in [*plan.answering, *(cluster for cluster, _ in plan.silent)] if one.eks
        }

    def prepare(self) -> None:
        """Save what is protected, forget what is in clusters that are gone, clear the way."""
        saved = [loss for loss in self.plan.losses if loss.fate == "snapshot"]
        self.outcome.snapshots = snapshots.take(
            self.place, self.env, self.plan.state, saved, self.talk.say, pause=self.talk.pace.pause
        )
        self._edit([loss.resource for loss in saved])
        for cluster in self.plan.answering:
            done = drain.drain(
                self.place, self.plan.state, cluster, self.talk.say, pause=self.talk.pace.pause
            )
            self.outcome.drained += done.deleted
            self.outcome.notes += [f"not drained in time: {one}" for one in done.stuck]
        self._clear(self.plan.behind.findings)

    def destroy(self) -> None:
        """Run the engine until all is gone, or what fails does not pass."""
        log = log_of(self.place, self.env)
        self.outcome.log = log
        self.outcome.attempts = destroy.destroy(
            *(self.place, self.env, log, self.talk.say),
            between=self._between,
            quiet=self.ask.quiet,
            pace=self.talk.pace,
        )

    def look_again(self) -> None:
        """What the state has still, and the account; an empty stack goes where nothing is left."""
        state = stack.exported(self.place, self.env)
        self.outcome.remaining = states.real(state)
        gone = not self.outcome.remaining
        self.outcome.left = self._look(destroyed=gone)
        leaked = [one for one in self.outcome.left.findings if one.cls == LEAKED]
        if self.ask.reap and gone and leaked:
            self.outcome.cleared += left.clear(self.place, leaked, self.talk.say, minutes=deletion.MINUTES)
            self.outcome.left = self._look(destroyed=gone)
        if self.outcome.complete:
            stack.remove(self.place, self.env)

    def _edit(self, saved: Sequence[states.Resource]) -> None:
        """Protection where the engine is to see it, and nothing of clusters that are gone."""
        stay = [loss.resource.urn for loss in self.plan.losses if loss.fate == "kept"]
        lift = [one.urn for one in saved if one.protect]
        put = [urn for urn in stay if urn not in self._protected()]
        gone = [
            one
            for cluster, _ in self.plan.silent
            for one in states.of_provider(self.plan.state, cluster.provider)
        ]
        if not (lift or put or gone):
            return
        changed = states.without(
            states.protected_as(self.plan.state, lift=lift, put=put), [one.urn for one in gone]
        )
        self.place.capture("stack", "import", "--stack", self.env, stdin=json.dumps(changed))
        self.outcome.forgotten = [f"{one.kind} {one.id}" for one in gone]
        for cluster, why in self.plan.silent:
            number = len(states.of_provider(self.plan.state, cluster.provider))
            self.talk.say(f"forgot {number} Kubernetes objects: {why}")

    def _protected(self) -> set[str]:
        return {one.urn for one in states.resources(self.plan.state) if one.protect}

    def _look(self, *, destroyed: bool = False) -> Left:
        return left.look(self.place, self.env, clusters=self.names, region=self.region, destroyed=destroyed)

    def _between(self, *, running: bool) -> None:
        """Clear the way. What a running engine is deleting may look leaked for a moment: two looks tell."""
        engines = {one.id for one in states.real(self.plan.state)}
        found = [one for one in left.however_young(self._look().findings) if one.id not in engines]
        seen, self.seen = self.seen, {one.id for one in found if one.cls == LEAKED}
        self._clear([one for one in found if not running or one.cls != LEAKED or one.id in seen])

    def _clear(self, found: Sequence[Finding]) -> None:
        self.outcome.cleared += left.clear(self.place, left.in_the_way(found), self.talk.say)
        for line in left.strangers(found):
            note = f"may stand in the way, and is not berth's to delete: {line}"
            if note not in self.outcome.notes:
                self.outcome.notes.append(note)
                self.talk.say(note)


def log_of(place: Place, env: str) -> Path:
    """Where the engine's log goes."""
    if place.rehearsed and "BERTH_STATE" in place.environ:
        return Path(place.environ["BERTH_STATE"]) / "logs" / f"pulumi-destroy-{env}.log"
    return Path(tempfile.gettempdir()) / f"berth-down-{env}.log"


def _shown(place: Place, env: str) -> states.State:
    """The state with its secrets in the clear: a kubeconfig is one."""
    state: dict[str, Any] = json.loads(place.capture("stack", "export", "--stack", env, "--show-secrets"))
    return state


def _gone(place: Place, env: str, cluster: Cluster, why: str, ask: Ask) -> str:
    """Why a cluster that does not answer counts as gone."""
    there = clusters.exists(place, env, cluster)
    named = cluster.eks or cluster.context or "the cluster of the kubeconfig"
    if there is False:
        return f"{named} does not exist any more"
    if cluster.own:
        return f"{named} does not answer, and goes with the environment"
    if ask.cluster_gone:
        return f"{named} does not answer, and you said that it is gone"
    if there:
        raise BerthError(
            f"{named} exists and does not answer: {why}",
            "Are you in its network, and is its kubeconfig the right one?",
        )
    raise BerthError(
        f"{named} does not answer ({why}), and no cloud can be asked whether it exists",
        f"Start it, or if it is gone for good: `{place.prefix} down {env} --cluster-gone`.",
    )
