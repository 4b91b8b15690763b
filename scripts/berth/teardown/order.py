"""The order in which a stack's resources are deleted, and the data that goes with them. Pure.

The order is the engine's own: a resource goes once everything that needs it has gone, and all that is not
held any more goes at once.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.berth.teardown.state import Resource, State, real, resources


@dataclass(frozen=True, kw_only=True)
class Step:
    """What is deleted at the same time. parts: by outermost component, kinds with their numbers."""

    number: int
    parts: Mapping[str, Mapping[str, int]]

    def __str__(self) -> str:
        return "; ".join(f"{name}: {_listed(kinds)}" for name, kinds in self.parts.items())


@dataclass(frozen=True, kw_only=True)
class Loss:
    """Data that a teardown ends. fate: `deleted`, `snapshot` (saved first) or `kept` (protected, stays)."""

    resource: Resource
    what: str
    fate: str

    @property
    def name(self) -> str:
        return self.resource.name


def steps(state: State) -> list[Step]:
    """The steps of a destroy, the first first; components and providers do not count."""
    known = resources(state)
    level = _levels(known)
    by_urn = {one.urn: one for one in known}
    found: dict[int, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for one in known:
        if one.real:
            found[level[one.urn]][_component(one, by_urn)][one.kind] += 1
    return [
        Step(number=number, parts={name: dict(found[at][name]) for name in sorted(found[at])})
        for number, at in enumerate(sorted(found), 1)
    ]


def losses(state: State, *, all_disks: bool = False) -> list[Loss]:
    """The data that goes, stays or is saved. all_disks: those that are not protected are saved as well."""
    found = []
    for one in real(state):
        said = DATA.get(one.type)
        what = said(one.props) if said else ""
        if not what:
            if one.protected:
                found.append(Loss(resource=one, what="protected", fate="kept"))
            continue
        fate = "deleted"
        if one.type in SAVED and (one.protected or all_disks):
            fate = "snapshot"
        elif one.protected:
            fate = "kept"
        found.append(Loss(resource=one, what=what, fate=fate))
    return found


def _levels(known: Sequence[Resource]) -> dict[str, int]:
    """By URN: 0 for what nothing needs, else one more than the highest of those that need it."""
    level = {one.urn: 0 for one in known}
    # The state has each resource after what it needs, so that backwards every holder comes first.
    for one in reversed(known):
        own = level[one.urn] + (1 if one.real else 0)
        for needed in one.needs:
            level[needed] = max(level.get(needed, 0), own)
    return level


def _component(one: Resource, by_urn: Mapping[str, Resource]) -> str:
    outermost = one
    while (parent := by_urn.get(outermost.parent)) is not None and not parent.type.startswith("pulumi:"):
        outermost = parent
    return outermost.name


def _listed(kinds: Mapping[str, int]) -> str:
    return ", ".join(kind if count == 1 else f"{count} {kind}" for kind, count in sorted(kinds.items()))


Props = Mapping[str, Any]


def _bucket(props: Props) -> str:
    if props.get("forceDestroy") is True:
        return "all objects, in every version"
    return "all objects; it has to be emptied first, for it has no forceDestroy"


def _volume(props: Props) -> str:
    return f"a disk of {props.get('size') or '?'} GiB"


def _instance(props: Props) -> str:
    root = props.get("rootBlockDevice") or {}
    kept = isinstance(root, Mapping) and root.get("deleteOnTermination") is False
    return "its disks, but for the root disk, which stays" if kept else "its disks"


def _group(props: Props) -> str:
    size = props.get("maxSize")
    return "" if size == 0 else "the disks of its machines"


def _says(text: str) -> Callable[[Props], str]:
    return lambda _: text


DATA: Mapping[str, Callable[[Props], str]] = {
    "aws:s3/bucket:Bucket": _bucket,
    "aws:s3/bucketV2:BucketV2": _bucket,
    "aws:ebs/volume:Volume": _volume,
    "aws:ec2/instance:Instance": _instance,
    "aws:autoscaling/group:Group": _group,
    "aws:ecr/repository:Repository": _says("its images"),
    "aws:cloudwatch/logGroup:LogGroup": _says("its logs"),
    "aws:kms/key:Key": _says("what is encrypted with it cannot be read any more"),
    "aws:efs/fileSystem:FileSystem": _says("its files"),
    "aws:rds/instance:Instance": _says("its database"),
    "aws:dynamodb/table:Table": _says("its table"),
    "aws:secretsmanager/secret:Secret": _says("its secret"),
    "kubernetes:core/v1:PersistentVolumeClaim": _says("its volume, unless the storage class retains it"),
    "kubernetes:apps/v1:StatefulSet": _says("the volumes that it claimed"),
}
"""By type: what is lost, from its properties; empty where nothing is."""
SAVED = frozenset({"aws:ebs/volume:Volume", "aws:ec2/instance:Instance", "aws:autoscaling/group:Group"})
"""Types whose disks AWS makes snapshots of."""
