"""Finds an environment's leaks: what its cloud says lives, without what its state knows, classed."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.spend import leaks
from infra.spend.leaks import ENVIRONMENT, MANAGED_BY, MANAGER, UNCERTAIN, Finding, Stack
from rehearsal.errors import BerthError
from rehearsal.values import target_of
from scripts.berth import stack as stacks
from scripts.berth import values
from scripts.berth.leaks.listed import Listed
from scripts.berth.place import Place

Config = Mapping[str, Any]
State = Mapping[str, Any] | None
HOURS_A_DAY = 24


def find(
    place: Place,
    env: str,
    *,
    now: datetime | None = None,
    clusters: Iterable[str] = (),
    region: str = "",
    destroyed: bool = False,
) -> list[Finding]:
    """What lives and is not in the environment's state, classed, with what it costs a day.

    What could not be asked is a finding as well: uncertain, without an id of the cloud's.

    clusters: names of Kubernetes clusters that the environment had and its state does not name any more.
    region: instead of the one in the state or the values file. destroyed: the caller has destroyed the stack,
    and perhaps removed it: nothing of it is too young, or may be somebody else's.

    Raises:
        BerthError: the cloud does not answer, or berth does not look at this one yet.
    """
    now, clusters = now or datetime.now(UTC), tuple(clusters)
    state, config = _state(place, env), config_of(place, env)
    known = _stack(place, env, state, config, clusters, destroyed=destroyed)
    listed = _listed(place, known, state, config, region)
    found = leaks.judge(listed.lives, known, now)
    if found and known.there:
        # An `up` that runs has put into the state by now what it made before the look.
        known = _stack(place, env, _state(place, env), config, clusters, destroyed=destroyed)
        found = leaks.judge(listed.lives, known, now)
    return [*_unanswered(env, listed), *priced(found)]


def find_all(
    where: Callable[[str], Place],
    regions: Sequence[str],
    *,
    now: datetime | None = None,
    clusters: Iterable[str] = (),
) -> list[Finding]:
    """The same for every environment that has a values file or a stack here, or a tag in the account.

    where: the place of an environment; of none, any. regions: of AWS; where none is given, those that the
    values files name. An environment whose cloud does not answer does not keep the others from being seen.
    """
    base = where("")
    configs = {_name(file): values.read(file) for file in _files(base)}
    account = account_of(where)
    regions = list(regions) or sorted(
        {str(config["region"]) for config in configs.values() if is_aws(config) and config.get("region")}
    )
    found: dict[tuple[str, str, str], Finding] = {}  # what is in no region is found in each
    names = {*configs, *(base.stack_names() if base.stack_names is not None else _stacks(base))}
    if account is not None:
        names |= {env for region in regions for env in _tagged(account, region)}
    for env in sorted(names):
        place = where(env) if env in configs else account
        for region in [""] if env in configs and not is_aws(configs[env]) else regions:
            if place is not None:
                listed = _found(place, env, region, now=now, clusters=clusters)
                found = {(env, one.type, one.id): one for one in listed} | found
    return [*found.values()]


def account_of(where: Callable[[str], Place]) -> Place | None:
    """A place that reaches the AWS account; None in a rehearsal that has none.

    In a rehearsal, only the place of an environment on AWS reaches the emulated account.
    """
    base = where("")
    in_aws = sorted(_name(file) for file in _files(base) if is_aws(values.read(file)))
    return where(in_aws[0]) if in_aws else None if base.rehearsed else base


def place_of(where: Callable[[str], Place], finding: Finding) -> Place:
    """The place from which a finding of `find_all` can be deleted."""
    account = account_of(where) if finding.type.startswith("aws:") else None
    return account or where(finding.environment)


def _found(
    place: Place, env: str, region: str, *, now: datetime | None, clusters: Iterable[str]
) -> list[Finding]:
    try:
        return find(place, env, now=now, clusters=clusters, region=region)
    except BerthError as problem:
        what = f"{env} in {region}" if region else env
        return _unanswered(env, Listed(lives=[], unanswered={what: problem.message}))


def _tagged(place: Place, region: str) -> set[str]:
    from scripts.berth.leaks import aws

    lives = aws.listed(place, region).lives
    return {
        live.tags[ENVIRONMENT]
        for live in lives
        if live.tags.get(MANAGED_BY) == MANAGER and ENVIRONMENT in live.tags
    }


def _name(file: Path) -> str:
    return file.name.removeprefix("Pulumi.").removesuffix(".yaml")


def config_of(place: Place, env: str) -> Config:
    """The values file's content; empty where there is none."""
    file = values.file_of(place, env)
    return values.read(file) if file.is_file() else {}


def is_aws(config: Config) -> bool:
    """Whether an environment is in an AWS account."""
    return str(config.get("target", "")).startswith("aws-")


def priced(found: Sequence[Finding]) -> list[Finding]:
    """The findings with what each costs a day; what goes with another is priced by itself."""
    from infra.spend import estimate

    # An image costs nothing beside its snapshots.
    free = "aws:ec2/ami:Ami"
    things = [
        estimate.Priced(type=one.type, name=one.id, props=one.props, region=one.region)
        for one in found
        if one.type != free
    ]
    hourly: dict[str, float | None] = {}
    for line in estimate.lines(things):
        before = hourly.get(line.resource, 0.0)
        unknown = before is None or line.hourly_usd is None
        hourly[line.resource] = None if unknown else (before or 0.0) + (line.hourly_usd or 0.0)
    daily = {id_: None if cost is None else cost * HOURS_A_DAY for id_, cost in hourly.items()}
    return [replace(one, daily_usd=daily.get(one.id, 0.0)) for one in found]


def _listed(place: Place, known: Stack, state: State, config: Config, region: str) -> Listed:
    env = known.environment
    target = str(config.get("target") or ("aws-vm" if region or _region_in(state) else target_of(env)))
    if target.startswith("aws-"):
        from scripts.berth.leaks import aws

        return aws.listed(place, region or _region(env, state, config), known.clusters, env)
    if target.startswith("gcp-"):
        from scripts.berth.leaks import gcp

        return gcp.listed(place, env)
    if target.startswith("openstack-"):
        from scripts.berth.leaks import openstack

        return openstack.listed(place, env)
    from scripts.berth.leaks import kubernetes

    return kubernetes.listed(place, env, config, state)


def _region(env: str, state: State, config: Config) -> str:
    found = _region_in(state) or str(config.get("region") or "")
    if not found:
        raise BerthError(
            f"it is not known which region {env} is or was in: no state and no values file says it",
            "Name it, for example `--region us-east-1`.",
        )
    return found


def _region_in(state: State) -> str:
    resources = ((state or {}).get("deployment") or {}).get("resources") or []
    providers = [one for one in resources if one.get("type") == "pulumi:providers:aws"]
    return next(
        (str(one["inputs"]["region"]) for one in providers if (one.get("inputs") or {}).get("region")), ""
    )


def _state(place: Place, env: str) -> State:
    return stacks.exported(place, env) if place.has_stack(env) else None


def _stack(
    place: Place, env: str, state: State, config: Config, clusters: Sequence[str], *, destroyed: bool
) -> Stack:
    owner = config.get("owner")
    known = leaks.stack_of(env, state, owners=[str(owner)] if owner else [], clusters=clusters)
    if not known.owners:
        # Of an environment that has left nothing here: its owner is one of those who have others here.
        configs = [values.read(file) for file in _files(place)]
        known = replace(known, owners=frozenset(str(one["owner"]) for one in configs if one.get("owner")))
    if destroyed and not known.there:
        known = replace(known, destroyed=True)
    return known


def _stacks(place: Place) -> list[str]:
    listed = json.loads(place.capture("stack", "ls", "--json") or "[]")
    return [str(stack["name"]).rpartition("/")[2] for stack in listed or []]


def _files(place: Place) -> list[Path]:
    return sorted(place.values.glob("Pulumi.*.yaml"))


def _unanswered(env: str, listed: Listed) -> list[Finding]:
    return [
        Finding(
            id=f"?{what}",
            type="",
            region="",
            name=what,
            environment=env,
            owner="",
            created=None,
            cls=UNCERTAIN,
            reason=f"not looked at: {why}",
        )
        for what, why in listed.unanswered.items()
    ]
