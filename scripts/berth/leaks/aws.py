"""Everything in one region of an AWS account that is an environment's, or is in its way.

What the tagging API says is only where to look: it shows deleted things for a while, and does not know all
types. Each thing is described by its own service before it counts.
https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/overview.html
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from infra.spend.leaks import ENVIRONMENT, Live, cluster_of
from rehearsal.errors import BerthError
from scripts.berth.aws.clients import asking
from scripts.berth.leaks import services
from scripts.berth.leaks.kinds import INTERFACE, KINDS, Kind
from scripts.berth.leaks.listed import Listed
from scripts.berth.leaks.region import Region
from scripts.berth.place import Place

AT_ONCE = 8


def listed(place: Place, region: str, clusters: Iterable[str] = (), environment: str = "") -> Listed:
    """What carries an environment's tag or a cluster's, is in the network of one, or hangs on such.

    environment: whose tag to look for, where the service can filter by it; empty for any environment's.

    Raises:
        BerthError: nothing at all could be asked for.
    """
    require_account(place)
    where = Region(place=place, name=region, environment=environment)
    for service in ("ec2", *services.USED):
        where.client(service)  # one after the other: making them is not safe in threads
    questions = {kind.name: partial(_rows, where, kind) for kind in KINDS} | services.questions(where)
    found: dict[tuple[str, str], Live] = {}
    unanswered: dict[str, str] = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = {what: pool.submit(ask) for what, ask in questions.items()}
        for what, answer in answers.items():
            try:
                found = {(live.type, live.id): live for live in answer.result()} | found
            except BerthError as problem:
                unanswered[what] = problem.message
                if len(unanswered) == len(questions):
                    raise
    lives = _named([*found.values()], region)
    return Listed(lives=_concerned(lives, set(clusters)), unanswered=unanswered)


def require_account(place: Place) -> None:
    """Raises BerthError in a rehearsal of what is not on AWS: its credentials are no account's."""
    if place.rehearsed and "AWS_ENDPOINT_URL" not in place.environ:
        raise BerthError(
            "this environment's rehearsal has no AWS account", "Name one whose target is aws-vm."
        )


def _rows(where: Region, kind: Kind) -> list[Live]:
    ec2, params = where.client("ec2"), dict(kind.params)
    outer, _, inner = kind.at.partition("[].")
    with asking(f"the {kind.name} in {where.name}"):
        if ec2.can_paginate(kind.operation):
            if kind.page:
                params["PaginationConfig"] = {"PageSize": kind.page}
            answers = ec2.get_paginator(kind.operation).paginate(**params)
        else:
            answers = [getattr(ec2, kind.operation)(**params)]
        rows = [row for answer in answers for row in answer.get(outer) or []]
    if inner:
        rows = [one for row in rows for one in row[inner]]
    return [live for row in rows if (live := kind.read(row)) is not None]


def _named(found: list[Live], region: str) -> list[Live]:
    """With the region, holders by their ids, and whose interfaces are a part of what."""
    # An interface's description has but a part of a load balancer's id.
    ids = [live.id for live in found if ":loadbalancer/" in live.id]
    balancers = {id_.partition(":loadbalancer/")[2]: id_ for id_ in ids}
    parts = {part for live in found for part in live.parts}
    return [
        replace(
            live,
            region=region,
            holders=tuple(balancers.get(holder, holder) for holder in live.holders),
            goes=live.goes or (live.type == INTERFACE and live.id in parts),
        )
        for live in found
    ]


def _concerned(lives: list[Live], clusters: set[str]) -> list[Live]:
    tagged = {live.id for live in lives if ENVIRONMENT in live.tags or cluster_of(live.tags) in clusters}
    near = tagged | {live.id for live in lives if live.inside in tagged or tagged.intersection(live.blocks)}
    while True:
        parts = {part for live in lives if live.id in near for part in live.parts}
        hanging = {live.id for live in lives if live.id in parts or near.intersection(live.holders)} - near
        if not hanging:
            return [live for live in lives if live.id in near]
        near |= hanging
