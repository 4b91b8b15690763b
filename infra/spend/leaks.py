"""What is in the cloud but not in an environment's state, and what that means. Pure: nothing asks a cloud.

A finder hands over what lives (`Live`) and what is known of the stack (`Stack`); `judge` classes what the
stack does not have. Nothing but `leaked` may ever be deleted, and a doubt makes it `uncertain`.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

PROTECTED, TOO_YOUNG, IN_USE, UNCERTAIN, LEAKED = "protected", "too young", "in use", "uncertain", "leaked"
CLASSES = (LEAKED, UNCERTAIN, TOO_YOUNG, IN_USE, PROTECTED)
GRACE = timedelta(minutes=15)

ENVIRONMENT, OWNER, MANAGED_BY = "berth:environment", "berth:owner", "berth:managed-by"
KEEP, SOURCE, EXPIRES_AT = "berth:keep", "berth:source", "berth:expires-at"
MANAGER = "berth"

# Who makes things for a Kubernetes cluster, and how each tags them. A value names the cluster, or says
# `owned` where the key does; `shared` is what others may use and nobody of them owns.
# https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/service/nlb/
# https://github.com/kubernetes-sigs/aws-ebs-csi-driver/blob/master/docs/tagging.md
# https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonEBSCSIDriverEKSClusterScopedPolicy.html
# https://github.com/aws/amazon-vpc-cni-k8s#cluster_name
# https://karpenter.sh/docs/concepts/nodeclasses/
OWNED_BY_CLUSTER = re.compile(r"kubernetes\.io/cluster/(.+)")
CLUSTER_KEYS = (
    "elbv2.k8s.aws/cluster",
    "ebs.csi.aws.com/cluster-name",
    "cluster.k8s.amazonaws.com/name",
    "eks:cluster-name",
    "aws:eks:cluster-name",
    "eks:eks-cluster-name",
)
SPACES = ("aws:ec2/vpc:Vpc", "kubernetes:core/v1:Namespace")  # what others are inside of
SPECIFIC = re.compile(r"[a-z]+-[0-9a-f]{8,}")  # EC2's ids, which no two resources share


@dataclass(frozen=True, kw_only=True)
class Live:
    """Something that exists. type: Pulumi's token; id: as Pulumi has it, for a group or a role its name.

    inside: id of the network or namespace. holders: ids of what uses it, and ends with it or must end before
    it; parts: ids of what it so holds. blocks: ids of what cannot be deleted while it is there. goes: the
    cloud ends it with its holder by itself; ending: it is about to be gone. foreign: who made it, where that
    is neither berth nor Kubernetes. doubt: why it may not be deleted without a look, as "objects would be
    lost". props: Pulumi's property names, to price it.
    """

    id: str
    type: str
    region: str = ""
    name: str = ""
    arn: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    created: datetime | None = None
    inside: str = ""
    holders: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()
    foreign: str = ""
    goes: bool = False
    ending: bool = False
    doubt: str = ""
    props: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Stack:
    """What is known of an environment's stack.

    there: it has resources. destroyed: it had some and has none any more; neither of the two: this backend
    knows nothing of it. owners: whose things may be deleted. ids, arns: of its resources. clusters: names of
    its Kubernetes clusters. pending: types that an `up` which runs, or was killed, is about to make.
    """

    environment: str
    there: bool = False
    destroyed: bool = False
    owners: frozenset[str] = frozenset()
    ids: frozenset[tuple[str, str]] = frozenset()
    arns: frozenset[str] = frozenset()
    clusters: frozenset[str] = frozenset()
    pending: frozenset[str] = frozenset()

    def has(self, live: Live) -> bool:
        """Whether it is one of the stack's own resources."""
        if live.arn and live.arn in self.arns:
            return True
        if SPECIFIC.fullmatch(live.id):
            return live.id in {id_ for _, id_ in self.ids}
        return (live.type, live.id) in self.ids


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that lives and is not in the state.

    daily_usd: None where no price is known; 0.0 where it is free. blocked_by: ids of what is not to be
    deleted and keeps this from being deleted.
    """

    id: str
    type: str
    region: str
    name: str
    environment: str
    owner: str
    created: datetime | None
    cls: str
    reason: str
    daily_usd: float | None = None
    arn: str = ""
    blocked_by: tuple[str, ...] = ()
    props: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The type in a word, such as `Volume`."""
        return self.type.rpartition(":")[2]


def stack_of(
    environment: str,
    state: Mapping[str, Any] | None,
    *,
    owners: Iterable[str] = (),
    clusters: Iterable[str] = (),
) -> Stack:
    """Read a stack's state. state: of `pulumi stack export`; None where there is no stack.

    owners, clusters: known from elsewhere: the values file's owner, clusters that an earlier state had.
    """
    deployment = (state or {}).get("deployment") or {}
    resources = [one for one in deployment.get("resources") or [] if one.get("custom")]
    resources = [one for one in resources if not str(one.get("type")).startswith("pulumi:")]
    # A stack that a preview made has never been deployed: its state says the year 1, or nothing.
    time = str((deployment.get("manifest") or {}).get("time") or "0001")
    tags = [_tags_in_state(one) for one in resources]
    pending = [one.get("resource") or {} for one in deployment.get("pending_operations") or []]
    return Stack(
        environment=environment,
        there=bool(resources or pending),
        destroyed=not (resources or pending) and not time.startswith("0001"),
        owners=frozenset([*owners, *(one[OWNER] for one in tags if one.get(OWNER))]),
        ids=frozenset((str(one["type"]), str(one["id"])) for one in resources if one.get("id")),
        arns=frozenset(
            str((one.get("outputs") or {})["arn"])
            for one in resources
            if (one.get("outputs") or {}).get("arn")
        ),
        clusters=frozenset(
            [*clusters, *(str(one["id"]) for one in resources if one["type"] == "aws:eks/cluster:Cluster")]
        ),
        pending=frozenset(str(one.get("type")) for one in pending),
    )


def judge(lives: Sequence[Live], stack: Stack, now: datetime, grace: timedelta = GRACE) -> list[Finding]:
    """Class everything of an environment that its stack does not have; sorted by class, type and id.

    lives: with the stack's own resources, and with what is in its networks, whoever made that.
    """
    return _Judge(lives, stack, now, grace).findings()


def cluster_of(tags: Mapping[str, str]) -> str:
    """The Kubernetes cluster that owns a resource, by its tags; empty where none does."""
    for key, value in tags.items():
        named = OWNED_BY_CLUSTER.fullmatch(key)
        if named and value == "owned":
            return named[1]
    return next((tags[key] for key in CLUSTER_KEYS if tags.get(key)), "")


class _Judge:
    def __init__(self, lives: Sequence[Live], stack: Stack, now: datetime, grace: timedelta) -> None:
        self.lives, self.stack, self.now, self.grace = lives, stack, now, grace
        self.by_id = {live.id: live for live in lives}
        self.spaces = {live.id for live in lives if live.type in SPACES and self._is_ours(live)}
        self.verdicts: dict[tuple[str, str], tuple[str, str]] = {}
        self.held: dict[str, list[str]] = defaultdict(list)
        for live in lives:
            for part in live.parts:
                self.held[part].append(live.id)

    def findings(self) -> list[Finding]:
        unknown = [
            live
            for live in self.lives
            if not (self.stack.has(live) or self._is_ending(live)) and self._concerns(live)
        ]
        found = [self._finding(live) for live in unknown]
        stays = {
            live.id for live in self.lives if self._verdict(live)[0] != LEAKED and not self._is_ending(live)
        }
        blocked = [
            replace(one, blocked_by=blockers) if (blockers := self._blockers(one.id, stays)) else one
            for one in found
        ]
        return sorted(blocked, key=lambda one: (CLASSES.index(one.cls), one.type, one.id))

    def _finding(self, live: Live) -> Finding:
        verdict, reason = self._verdict(live)
        return Finding(
            id=live.id,
            type=live.type,
            region=live.region,
            name=live.name or live.tags.get("Name", ""),
            environment=live.tags.get(ENVIRONMENT) or (self.stack.environment if self._is_ours(live) else ""),
            owner=live.tags.get(OWNER, ""),
            created=live.created,
            cls=verdict,
            reason=reason,
            arn=live.arn,
            props=live.props,
        )

    def _blockers(self, id_: str, stays: set[str]) -> tuple[str, ...]:
        holding = [live for live in self.lives if live.id in stays]
        return tuple(sorted(live.id for live in holding if id_ in (*live.blocks, *live.parts)))

    def _is_ours(self, live: Live) -> bool:
        """Whether the tags say that it is this environment's, or its cluster's."""
        named = live.tags.get(ENVIRONMENT)
        if named is not None:
            return named == self.stack.environment
        return self.stack.has(live) or cluster_of(live.tags) in self.stack.clusters

    def _concerns(self, live: Live) -> bool:
        """Whether it is the environment's, or is where it is in the environment's way."""
        if self._is_ours(live) or live.inside in self.spaces:
            return True
        others = [self.by_id[id_] for id_ in (*live.blocks, *self._holders(live)) if id_ in self.by_id]
        return any(self._is_ours(other) or other.inside in self.spaces for other in others)

    def _holders(self, live: Live) -> list[str]:
        named = [*live.holders, *self.held[live.id]]
        return [id_ for id_ in named if id_ not in self.by_id or not self.by_id[id_].ending]

    def _is_ending(self, live: Live) -> bool:
        holders = [self.by_id[id_] for id_ in (*live.holders, *self.held[live.id]) if id_ in self.by_id]
        return live.ending or (live.goes and any(holder.ending for holder in holders))

    def _verdict(self, live: Live) -> tuple[str, str]:
        key = (live.type, live.id)  # a role and its profile often have one name
        if key not in self.verdicts:
            self.verdicts[key] = (UNCERTAIN, "it and what holds it hold each other")
            self.verdicts[key] = self._judged(live)
        return self.verdicts[key]

    def _judged(self, live: Live) -> tuple[str, str]:
        if self.stack.has(live):
            return IN_USE, "in the state"
        if protection := _protection(live):
            return PROTECTED, protection
        if live.tags.get(ENVIRONMENT, self.stack.environment) != self.stack.environment:
            return UNCERTAIN, f"belongs to the environment {live.tags[ENVIRONMENT]}"
        named = [*self._holders(live), cluster_of(live.tags)]
        if holders := [self.by_id[id_] for id_ in named if id_ in self.by_id and id_ != live.id]:
            return self._held(live, holders)
        return self._foreign(live) or self._doubt(live) or self._age(live) or (LEAKED, self._why(live))

    def _held(self, live: Live, holders: list[Live]) -> tuple[str, str]:
        """It shares the fate of what uses it: of several, of the one that is the least to be deleted."""
        worst = max(holders, key=lambda holder: CLASSES.index(self._verdict(holder)[0]))
        verdict, reason = self._verdict(worst)
        if verdict == IN_USE:
            return IN_USE, f"used by {worst.id}, which is {reason}" if self.stack.has(worst) else reason
        if verdict == LEAKED:
            if not (live.goes or self._is_ours(live)):
                return UNCERTAIN, f"not tagged by berth, but used by {worst.id}, which is leaked"
            doubt = None if live.goes else self._doubt(live)
            return doubt or (LEAKED, f"ends with {worst.id}, which is leaked")
        return verdict, f"used by {worst.id}, which is {verdict}"

    def _foreign(self, live: Live) -> tuple[str, str] | None:
        if not self._is_ours(live):
            return UNCERTAIN, f"not tagged by berth; {live.foreign or 'whose it is, is not known'}"
        # A name (of a machine's group) is of what is gone; an id may be of what is elsewhere in the account.
        foreign = [id_ for id_ in self._holders(live) if SPECIFIC.fullmatch(id_)]
        return (UNCERTAIN, f"used by {foreign[0]}, which is not this environment's") if foreign else None

    def _doubt(self, live: Live) -> tuple[str, str] | None:
        if ENVIRONMENT in live.tags and live.tags.get(MANAGED_BY) != MANAGER:
            return UNCERTAIN, f"tagged {ENVIRONMENT}, but not {MANAGED_BY}: somebody else may have made it"
        owner = live.tags.get(OWNER)
        if owner and owner not in self.stack.owners:
            return UNCERTAIN, f"belongs to {owner}, not to {', '.join(sorted(self.stack.owners)) or 'you'}"
        if not (self.stack.there or self.stack.destroyed) and not self._has_expired(live):
            return UNCERTAIN, (
                "no stack here has it, and its lifetime has not ended: it may be another backend's"
            )
        return (UNCERTAIN, live.doubt) if live.doubt else None

    def _age(self, live: Live) -> tuple[str, str] | None:
        if not self.stack.there:
            return None
        if live.type in self.stack.pending:
            return TOO_YOUNG, "an `up` that runs or was killed was making one; the next `up` finishes that"
        if live.created is not None and self.now - live.created < self.grace:
            minutes = (self.now - live.created).total_seconds() / 60
            return TOO_YOUNG, f"made {minutes:.0f} minutes ago"
        return None

    def _has_expired(self, live: Live) -> bool:
        try:
            end = datetime.fromisoformat(live.tags.get(EXPIRES_AT, ""))
        except ValueError:
            return False
        return (end if end.tzinfo else end.replace(tzinfo=UTC)) < self.now

    def _why(self, live: Live) -> str:
        cluster = cluster_of(live.tags)
        if cluster and ENVIRONMENT not in live.tags:
            claim = live.tags.get("kubernetes.io/created-for/pvc/name")
            return f"made by the cluster {cluster}{f' for the claim {claim}' if claim else ''}, which is gone"
        if self.stack.there:
            gone = f"; {live.holders[0]}, which had it, is gone" if live.holders else ""
            return f"not in the state{gone}"
        return "the environment has been destroyed" if self.stack.destroyed else "its lifetime has ended"


def _protection(live: Live) -> str:
    keep = live.tags.get(KEEP, "").lower()
    if keep and keep not in {"false", "no", "0"}:
        return f"tagged {KEEP}"
    if live.tags.get(SOURCE) and live.tags.get(MANAGED_BY) == MANAGER:
        return f"made by `berth snapshot` from {live.tags[SOURCE]}"
    return ""


def _tags_in_state(resource: Mapping[str, Any]) -> dict[str, str]:
    outputs = resource.get("outputs") or {}
    tags = outputs.get("tagsAll") or outputs.get("tags") or {}
    return {str(key): str(value) for key, value in tags.items()} if isinstance(tags, dict) else {}
