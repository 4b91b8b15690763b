"""What a user asks of a wait: annotations `pulumi.com/…`, the customTimeouts option, the kind's default."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rehearsal.errors import BerthError
from rehearsal.providers.kubernetes.awaiting import jsonpath
from rehearsal.providers.kubernetes.awaiting.objects import AnyObject, annotations, condition, title
from rehearsal.providers.kubernetes.awaiting.outcome import READY, Situation, Verdict, pending

SKIP_AWAIT = "pulumi.com/skipAwait"
WAIT_FOR = "pulumi.com/waitFor"
TIMEOUT_SECONDS = "pulumi.com/timeoutSeconds"
DELETION_PROPAGATION = "pulumi.com/deletionPropagationPolicy"

DELETION_TIMEOUT = 600.0
WAIT_FOR_TIMEOUT = 600.0

_EXAMPLE = 'for example "jsonpath={.status.phase}=Running", "condition=Ready", or a JSON list of such texts'


class SettingsError(BerthError):
    """An annotation that cannot be meant."""


@dataclass(frozen=True)
class Wanted:
    """One condition of `pulumi.com/waitFor`."""

    text: str
    holds: Callable[[AnyObject], bool]


def skips_await(obj: AnyObject) -> bool:
    """Whether the object is ready as soon as it is written, and gone as soon as its deletion is accepted."""
    value = annotations(obj).get(SKIP_AWAIT, "")
    if str(value).lower() not in {"", "true", "false"}:
        raise SettingsError(f"{title(obj)}: annotation {SKIP_AWAIT} is {value!r}", 'Use "true" or "false".')
    return str(value).lower() == "true"


def timeout(obj: AnyObject, *, custom: float = 0.0, default: float) -> float:
    """Seconds to wait: customTimeouts, else the annotation, else the kind's default.

    Raises:
        SettingsError: the annotation is not a positive number of seconds.
    """
    if custom > 0:
        return custom
    text = str(annotations(obj).get(TIMEOUT_SECONDS, ""))
    if not text:
        return default
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise SettingsError(
            f"{title(obj)}: annotation {TIMEOUT_SECONDS} is {text!r}",
            'It takes a positive number of seconds as text, for example "300".',
        )
    return seconds


def propagation(obj: AnyObject) -> str:
    """How dependents go: Foreground (the default: before the object), Background, or Orphan."""
    text = str(annotations(obj).get(DELETION_PROPAGATION, "foreground"))
    policy = text.capitalize()
    if policy not in {"Foreground", "Background", "Orphan"}:
        raise SettingsError(
            f"{title(obj)}: annotation {DELETION_PROPAGATION} is {text!r}",
            "Use foreground, background or orphan.",
        )
    return policy


def wait_for(obj: AnyObject) -> list[Wanted]:
    """The conditions of `pulumi.com/waitFor`, all of which must hold; empty where the annotation is absent.

    Raises:
        SettingsError, JsonPathError: the annotation is not understood.
    """
    text = annotations(obj).get(WAIT_FOR)
    if text is None:
        return []
    texts: Any = [text]
    if str(text).lstrip().startswith("["):
        try:
            texts = json.loads(text)
        except ValueError:
            texts = []
    if not texts or not all(isinstance(item, str) for item in texts):
        raise SettingsError(f"{title(obj)}: annotation {WAIT_FOR} is {text!r}", f"It takes {_EXAMPLE}.")
    return [_wanted(obj, item) for item in texts]


def wait_for_rule(wanted: list[Wanted]) -> Callable[[Situation], Verdict]:
    """The readiness rule that the conditions make up."""

    def ready(situation: Situation) -> Verdict:
        missing = [item.text for item in wanted if not item.holds(situation.obj)]
        return pending(f"Waiting for {' and '.join(missing)}") if missing else READY

    return ready


def _wanted(obj: AnyObject, text: str) -> Wanted:
    if text.startswith("jsonpath="):
        return _wanted_path(text)
    if match := re.fullmatch(r"condition=([^=\s]+)(?:=([^=\s]+))?", text):
        kind, expected = match[1], (match[2] or "True").lower()
        return Wanted(text, lambda live: str(condition(live, kind).get("status", "")).lower() == expected)
    raise SettingsError(f"{title(obj)}: annotation {WAIT_FOR} has {text!r}", f"It takes {_EXAMPLE}.")


def _wanted_path(text: str) -> Wanted:
    expression = text.removeprefix("jsonpath=")
    expected: str | None = None
    if match := re.fullmatch(r"(\{.*\})(?:={1,2}(.*))?", expression, re.DOTALL):
        expression, expected = match[1], match[2]
    elif "=" in expression and "==" not in expression:
        expression, _, expected = expression.partition("=")
    jsonpath.parse(expression)

    def holds(live: AnyObject) -> bool:
        found = jsonpath.find(expression, live)
        if expected is None:
            return bool(found)
        plain = expected.strip("\"'")
        return bool(found) and all(jsonpath.as_text(value) == plain for value in found)

    return Wanted(text, holds)
