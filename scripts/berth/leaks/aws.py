"""Everything in one region of an AWS account that is an environment's, or is in its way.

What the tagging API says is only where to look: it shows deleted things for a while, and does not know all
types. Each thing is described by its own service before it counts.
https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/overview.html
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from infra.spend.leaks import CLUSTER_KEYS, ENVIRONMENT, Live
from rehearsal.errors import BerthError
from scripts.berth.aws.clients import asking, client
from scripts.berth.leaks import kinds, services
from scripts.berth.leaks.kinds import KINDS, VPC, Kind
from scripts.berth.leaks.listed import Listed
from scripts.berth.place import Place

AT_ONCE = 8


@dataclass(frozen=True, kw_only=True)
class Region:
    """A region of the account that a place acts on."""

    place: Place
    name: str

    def client(self, service: str) -> Any:
        """A client of a service."""
        return client(self.place, service, self.name)


def listed(place: Place, region: str, clusters: Iterable[str]) -> Listed:
    """What carries an environment's tag or a cluster's, and what is in the networks of those.

    Raises:
        BerthError: nothing at all could be asked for.
    """
    where = Region(place=place, name=region)
    keys = [ENVIRONMENT, *CLUSTER_KEYS, *(f"kubernetes.io/cluster/{name}" for name in sorted(set(clusters)))]
    for service in ("ec2", *services.USED):
        where.client(service)  # made one after the other: making them is not safe in threads
    networks = _rows(where, VPC, [{"Name": "tag-key", "Values": keys}])
    vpcs = [live.id for live in networks]

    questions: dict[str, Callable[[], list[Live]]] = {
        kind.operation.removeprefix("describe_").replace("_", " "): _of(where, kind, keys, vpcs)
        for kind in KINDS
    }
    questions |= services.questions(where, keys, vpcs)
    found, unanswered = {live.id: live for live in networks}, {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = {what: pool.submit(ask) for what, ask in questions.items()}
        for what, answer in answers.items():
            try:
                for live in answer.result():
                    found.setdefault(live.id, live)
            except BerthError as problem:
                unanswered[what] = problem.message
    balancers = {id_.partition(":loadbalancer/")[2]: id_ for id_ in found if ":loadbalancer/" in id_}
    lives = [
        replace(
            live,
            region=live.region or region,
            holders=tuple(balancers.get(holder, holder) for holder in live.holders),
        )
        for live in found.values()
    ]
    return Listed(lives=lives, unanswered=unanswered)


def _of(where: Region, kind: Kind, keys: list[str], vpcs: list[str]) -> Callable[[], list[Live]]:
    def ask() -> list[Live]:
        filters: list[list[dict[str, Any]]] = [[{"Name": "tag-key", "Values": keys}]] if kind.by_tag else [[]]
        if kind.by_vpc and vpcs:
            filters.append([{"Name": kind.by_vpc, "Values": vpcs}])
        return [live for one in filters for live in _rows(where, kind, one)]

    return ask


def _rows(where: Region, kind: Kind, filters: list[dict[str, Any]]) -> list[Live]:
    what = kind.operation.removeprefix("describe_").replace("_", " ")
    params = {**kind.params, **({kind.filter_key: filters} if filters else {})}
    with asking(f"the {what} in {where.name}"):
        return [
            live for row in pages(where.client("ec2"), kind, params) if (live := kind.read(row)) is not None
        ]


def pages(ec2: Any, kind: Kind, params: dict[str, Any]) -> Iterator[kinds.Answer]:
    """The rows of every page of an answer."""
    outer, _, inner = kind.at.partition("[].")
    if ec2.can_paginate(kind.operation):
        answers = ec2.get_paginator(kind.operation).paginate(**params)
    else:
        answers = [getattr(ec2, kind.operation)(**params)]
    for answer in answers:
        for row in answer.get(outer) or []:
            yield from (row[inner] if inner else [row])
