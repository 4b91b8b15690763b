"""The rules, as Pulumi's policy library wants them."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

# In the pack's own environment only: it wants another protobuf than the SDK's newest.
from pulumi_policy import (  # type: ignore[import-not-found]
    EnforcementLevel,
    PolicyPack,
    ResourceValidationPolicy,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError  # type: ignore[import-not-found]

from infra.policy.exceptions import allowed
from infra.policy.model import UNKNOWN, Resource, Rule
from infra.policy.rules import RULES

_HINT = 'If it is meant so, say so in the values: berth:policy: {{allow: ["{name}"]}}'
Report = Callable[..., None]


def serve() -> None:
    """Answer the engine until it hangs up."""
    exempt = allowed(os.environ.get("PULUMI_CONFIG", ""))
    PolicyPack(
        name="berth",
        enforcement_level=EnforcementLevel.MANDATORY,
        policies=[_policy(rule, _DISABLED if rule.name in exempt else None) for rule in RULES],
    )


_DISABLED = EnforcementLevel.DISABLED


def _policy(rule: Rule, level: Any) -> Any:
    described = {"name": rule.name, "description": rule.description, "enforcement_level": level}
    hint = _HINT.format(name=rule.name)

    def resource(args: Any, report: Report) -> None:
        for finding in rule.resource(_resource(args)) if rule.resource else ():
            report(f"{args.name} {finding}. {hint}")

    def stack(args: Any, report: Report) -> None:
        found = [_resource(one) for one in args.resources]
        for finding, about in rule.stack(found) if rule.stack else ():
            report(f"{about.name} {finding}. {hint}" if about else f"{finding}. {hint}", about and about.urn)

    if rule.resource:
        return ResourceValidationPolicy(validate=resource, **described)
    return StackValidationPolicy(validate=stack, **described)


def _resource(args: Any) -> Resource:
    """What the library knows of a resource, as the rules want it."""
    props = plain(args.props)
    identifier = props.get("id")
    return Resource(
        type=args.resource_type,
        name=args.name,
        urn=args.urn,
        id=identifier if isinstance(identifier, str) else "",
        props=props,
        provider=plain(args.provider.props) if args.provider else {},
        references={
            key: [one.urn for one in sources]
            for key, sources in getattr(args, "property_dependencies", {}).items()
        },
    )


def plain(value: Any) -> Any:
    """The library's view of a value as dictionaries and lists. It raises at what a preview cannot know."""
    if isinstance(value, Mapping):
        return {key: _item(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_item(value, index) for index in range(len(value))]
    return value


def _item(container: Any, key: Any) -> Any:
    try:
        return plain(container[key])
    except UnknownValueError:
        return UNKNOWN
