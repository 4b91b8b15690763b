"""How a wait can end, and what a rule can say about an object at one moment."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rehearsal.errors import BerthError
from rehearsal.providers.kubernetes.awaiting.objects import AnyObject, Object


class AwaitFailed(BerthError):
    """The object exists but did not become ready, or did not go away.

    live_object: its last known state. reasons: what is known about the cause, most telling first; the log
    lines of containers come last, each as one text of several lines.
    """

    def __init__(self, message: str, live_object: Object, reasons: list[str]) -> None:
        super().__init__(message, "\n".join(reasons))
        self.live_object = live_object
        self.reasons = reasons


class AwaitCancelled(BerthError):
    """The run was cancelled while waiting; the object is left as it is."""

    def __init__(self, message: str, live_object: Object) -> None:
        super().__init__(message)
        self.live_object = live_object


class RefusedError(BerthError):
    """The objects of a kind may not be listed by this identity."""


@dataclass(frozen=True)
class Situation:
    """An object and what is known around it, at one moment.

    related: objects of other kinds, by kind. unknown: kinds that this identity may not list. since: when the
    wait began, as Kubernetes writes times (UTC, whole seconds); empty where nobody waits.
    """

    obj: AnyObject
    related: Mapping[str, Sequence[AnyObject]] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()
    since: str = ""

    def of(self, kind: str) -> Sequence[AnyObject]:
        """The related objects of a kind."""
        return self.related.get(kind, ())


@dataclass(frozen=True)
class Verdict:
    """Ready, or not yet (message says what is missing), or never (failure says why)."""

    ready: bool
    message: str = ""
    failure: str = ""


READY = Verdict(ready=True)


def pending(message: str) -> Verdict:
    """Not ready yet."""
    return Verdict(ready=False, message=message)


def failed(reason: str, message: str = "") -> Verdict:
    """It will not become ready without help."""
    return Verdict(ready=False, message=message, failure=reason)


@dataclass(frozen=True, kw_only=True)
class Related:
    """A kind whose objects a rule looks at: in the object's namespace, or cluster-wide."""

    api_version: str
    kind: str
    cluster: bool = False


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What ready means for a kind. timeout is in seconds."""

    ready: Callable[[Situation], Verdict]
    related: tuple[Related, ...] = ()
    timeout: float = 600.0
