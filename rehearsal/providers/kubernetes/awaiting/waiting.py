"""Waiting until an object is ready, or gone: follows it, says what is missing, explains a failure."""

import time
from collections.abc import Callable
from threading import Event

from rehearsal.providers.kubernetes.awaiting import settings, trouble
from rehearsal.providers.kubernetes.awaiting.evidence import LogBook
from rehearsal.providers.kubernetes.awaiting.objects import Object, title, uid
from rehearsal.providers.kubernetes.awaiting.outcome import (
    AwaitCancelled,
    AwaitFailed,
    RefusedError,
    Rule,
    Situation,
    Verdict,
)
from rehearsal.providers.kubernetes.awaiting.table import rule_for
from rehearsal.providers.kubernetes.awaiting.view import View, follow, look
from rehearsal.providers.kubernetes.awaiting.watching import Api

Say = Callable[[str], None]


def await_ready(
    client: Api,
    obj: Object,
    *,
    timeout: float = 0.0,
    say: Say,
    cancelled: Event,
) -> Object:
    """Wait until an object that has just been written is ready; returns its live state.

    obj is what the API server answered to the write. timeout is in seconds, customTimeouts as the user gave
    them; 0 means the annotation's, else the kind's default.

    Raises:
        AwaitFailed: it failed, was deleted, or the time is over.
        AwaitCancelled: cancelled was set.
        SettingsError, JsonPathError: an annotation is not understood.
    """
    if settings.skips_await(obj):
        say("Skipping await logic")
        return obj
    rule = rule_for(obj)
    if rule is None or rule.ready(Situation(obj)).ready:
        return obj
    seconds = settings.timeout(obj, custom=timeout, default=rule.timeout)
    deadline = time.monotonic() + seconds
    for alone in (False, True):
        with follow(client, obj, rule, alone=alone) as view:
            wait = _Wait(client, obj, rule, view=view, say=say, cancelled=cancelled)
            try:
                return wait.until(deadline, seconds)
            except RefusedError as error:
                refusal = error.message
    raise AwaitFailed(f"{title(obj)}: cannot be watched: {refusal}", obj, [])


def readiness(client: Api, obj: Object) -> list[str]:
    """Why an object is not ready now, without waiting; empty where it is ready or is not waited for."""
    if settings.skips_await(obj):
        return []
    situation, missing = _unready(client, obj)
    return [missing, *trouble.findings(situation)] if missing else []


def explanation(client: Api, obj: Object) -> list[str]:
    """All that is known about why an object is not ready now, log lines included; empty where it is."""
    situation, missing = _unready(client, obj)
    if not missing:
        return []
    logs = LogBook(client).texts(trouble.pods(situation))
    return [
        f"{title(obj)}: {missing}",
        *trouble.findings(situation, final=True),
        *logs,
    ]


def _unready(client: Api, obj: Object) -> tuple[Situation, str]:
    """The situation now, and what is missing; empty where the object is ready or not waited for."""
    situation = Situation(obj)
    rule = rule_for(obj)
    if rule is None or rule.ready(situation).ready:
        return situation, ""
    situation = look(client, obj, rule)
    verdict = rule.ready(situation)
    return situation, "" if verdict.ready else verdict.failure or verdict.message


class _Wait:
    """One wait for readiness."""

    def __init__(
        self, client: Api, obj: Object, rule: Rule, *, view: View, say: Say, cancelled: Event
    ) -> None:
        self._client = client
        self._live = obj
        self._rule = rule
        self._view = view
        self._say = say
        self._cancelled = cancelled
        self._said = ""
        self._message = ""
        self._logs = LogBook(client)

    def until(self, deadline: float, seconds: float) -> Object:
        """The object, ready."""
        while True:
            if self._cancelled.is_set():
                raise AwaitCancelled(f"cancelled while waiting for {title(self._live)}", self._live)
            ready = self._look()
            if ready is not None:
                return ready
            if time.monotonic() >= deadline:
                missing = f" ({self._message})" if self._message else ""
                self._fail(f"was not ready within {duration(seconds)}{missing}")
            self._view.sleep(deadline)

    def _look(self) -> Object | None:
        moment = self._view.take()
        if moment is None:
            return None
        if moment.refusal is not None:
            raise RefusedError(moment.refusal.message)
        if moment.obj is None and not moment.gone:
            return None
        if moment.obj is not None:
            self._live = moment.obj
            verdict = self._rule.ready(moment.situation)
            if verdict.ready:
                return moment.obj
            self._report(moment.situation, verdict)
            if verdict.failure:
                self._fail(verdict.failure)
        if moment.gone:
            self._fail("was deleted while it was waited for")
        return None

    def _report(self, situation: Situation, verdict: Verdict) -> None:
        self._message = verdict.message
        self._logs.note(trouble.pods(situation))
        problems = trouble.findings(situation)
        text = " - ".join(filter(None, (verdict.message, *problems[:1])))
        if text and trouble.gist(text) != self._said:
            self._said = trouble.gist(text)
            self._say(text)

    def _fail(self, what: str) -> None:
        """Raise AwaitFailed with all that can be known now."""
        situation = look(self._client, self._live, self._rule)
        if "Pod" in situation.related:
            present = {uid(one) for one in situation.of("Pod")}
            ended = [one for one in self._view.ever_seen("Pod") if uid(one) not in present]
            situation = Situation(
                situation.obj, {**situation.related, "Pod": [*situation.of("Pod"), *ended]}, situation.unknown
            )
        reasons = trouble.findings(situation, final=True) + self._logs.texts(trouble.pods(situation))
        raise AwaitFailed(f"{title(self._live)}: {what}", self._live, reasons)


def duration(seconds: float) -> str:
    """A span of time for people."""
    return f"{seconds:g} s" if seconds < 120 else f"{seconds / 60:.3g} minutes"
