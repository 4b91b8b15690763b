"""Reads what `pulumi preview --json` prints: its digest, or the engine's events one a line. Pure.

The events, which PULUMI_ENABLE_STREAMING_JSON_PREVIEW asks for, also carry the policy pack's findings.
https://www.pulumi.com/docs/iac/cli/commands/pulumi_preview/
https://github.com/pulumi/pulumi/blob/master/sdk/go/common/apitype/events.go
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

STACK = "pulumi:pulumi:Stack"
PROVIDER = "pulumi:providers:"
# What the engine says beside a finding of the policy pack, which says it better.
_SAID_BY_FINDINGS = "preview failed"


@dataclass(frozen=True, kw_only=True)
class State:
    """A resource as it is, or as it is to be."""

    urn: str
    custom: bool
    parent: str
    protect: bool
    retained: bool
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Step:
    """What the engine would do to a resource.

    keys: the properties that force a replacement. diffs: those that differ. detailed: by the path of a
    property, add, update or delete, with -replace behind it where it forces a replacement.
    """

    op: str
    urn: str
    old: State | None
    new: State | None
    keys: tuple[str, ...] = ()
    diffs: tuple[str, ...] = ()
    detailed: Mapping[str, str] = field(default_factory=dict)
    from_inputs: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A rule that a resource breaks. level: mandatory stops `up`; advisory and others only tell."""

    policy: str
    level: str
    urn: str
    message: str

    @property
    def stops(self) -> bool:
        """Whether `up` would be refused."""
        return self.level == "mandatory"


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A preview. config: the stack's values as text. finished: the engine came to its summary.

    judged: a policy pack took part.
    """

    steps: tuple[Step, ...]
    findings: tuple[Finding, ...] = ()
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    config: Mapping[str, str] = field(default_factory=dict)
    finished: bool = True
    judged: bool = False

    @property
    def failures(self) -> tuple[str, ...]:
        """Why the preview is not complete; a finding of the policy pack, which stops `up`, is none."""
        found = tuple(one for one in self.errors if not (self.findings and one == _SAID_BY_FINDINGS))
        return found if found or self.finished else ("it was interrupted before it was complete",)


def read(text: str) -> Recording:
    """What a preview said. Raises ValueError where it is neither the digest nor events."""
    lines = text.strip().splitlines()
    if not lines:
        raise ValueError("there is nothing to read")
    try:
        first = json.loads(lines[0])
    except ValueError:
        return _digest(json.loads(text))
    if isinstance(first, dict) and "sequence" in first:
        return _events(json.loads(line) for line in lines if line.strip())
    return _digest(json.loads(text))


def name_of(urn: str) -> str:
    """A resource's logical name."""
    return urn.split("::", 3)[-1]


def type_of(urn: str) -> str:
    """A resource's type token, without those of what it is in."""
    parts = urn.split("::", 3)
    return parts[2].rpartition("$")[2] if len(parts) == 4 else ""


def _digest(content: Any) -> Recording:
    if not isinstance(content, dict) or not {"steps", "changeSummary"} & content.keys():
        raise ValueError("this is not what `pulumi preview --json` prints")
    said = [
        (one.get("severity", ""), one.get("message", ""))
        for one in content.get("diagnostics") or ()
        if not one.get("message", "").isspace()
    ]
    return Recording(
        steps=tuple(_step(one, "oldState", "newState") for one in content.get("steps") or ()),
        errors=_messages(said, "error"),
        warnings=_messages(said, "warning"),
        config=content.get("config") or {},
        finished="changeSummary" in content,
    )


def _events(events: Iterable[Mapping[str, Any]]) -> Recording:
    steps: list[Step] = []
    findings: list[Finding] = []
    said: list[tuple[str, str]] = []
    config: Mapping[str, str] = {}
    finished = judged = False
    for event in events:
        if "resourcePreEvent" in event:
            steps.append(_step(event["resourcePreEvent"]["metadata"], "old", "new"))
        elif "policyEvent" in event:
            findings.append(_finding(event["policyEvent"]))
        elif "diagnosticEvent" in event:
            one = event["diagnosticEvent"]
            if not one.get("ephemeral"):
                said.append((one.get("severity", ""), one.get("message", "")))
        elif "preludeEvent" in event:
            config = event["preludeEvent"].get("config") or {}
        elif "summaryEvent" in event:
            finished = True
            judged = bool(event["summaryEvent"].get("PolicyPacks"))
    return Recording(
        steps=tuple(steps),
        findings=tuple(findings),
        errors=_messages(said, "error"),
        warnings=_messages(said, "warning"),
        config=config,
        finished=finished,
        judged=judged,
    )


def _messages(said: Iterable[tuple[str, str]], severity: str) -> tuple[str, ...]:
    found = (text.strip() for kind, text in said if kind == severity)
    return tuple(dict.fromkeys(text.removeprefix(f"{severity}:").strip() for text in found if text))


def _finding(event: Mapping[str, Any]) -> Finding:
    return Finding(
        policy=event.get("policyName", ""),
        level=event.get("enforcementLevel", ""),
        urn=event.get("resourceUrn", ""),
        message=" ".join(event.get("message", "").split()),
    )


def _step(step: Mapping[str, Any], old: str, new: str) -> Step:
    detailed = step.get("detailedDiff") or {}
    return Step(
        op=step["op"],
        urn=step["urn"],
        old=_state(step.get(old)),
        new=_state(step.get(new)),
        keys=tuple(step.get("keys") or step.get("replaceReasons") or ()),
        diffs=tuple(step.get("diffs") or step.get("diffReasons") or ()),
        detailed={path: one.get("diffKind") or one.get("kind") or "" for path, one in detailed.items()},
        from_inputs=frozenset(path for path, one in detailed.items() if one.get("inputDiff")),
    )


def _state(content: Mapping[str, Any] | None) -> State | None:
    if not content:
        return None
    return State(
        urn=content["urn"],
        custom=bool(content.get("custom")),
        parent=content.get("parent") or "",
        protect=bool(content.get("protect")),
        retained=bool(content.get("retainOnDelete")),
        inputs=content.get("inputs") or {},
        outputs=content.get("outputs") or {},
    )
