"""A stack's state as `pulumi stack export` prints it: its resources, and a teardown's edits. Pure.

https://www.pulumi.com/docs/iac/cli/commands/pulumi_stack_export/
"""

import copy
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.spend.leaks import KEEP

State = Mapping[str, Any]
_PROVIDERS = "pulumi:providers:"
_STACK = "pulumi:pulumi:Stack"
_NOT_KEPT = {"", "false", "no", "0"}


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource. kind: `Subnet`. provider: its URN. needs: URNs of what it is deleted before."""

    urn: str
    type: str
    name: str
    id: str
    custom: bool
    protect: bool
    retained: bool
    parent: str
    provider: str
    needs: frozenset[str]
    props: Mapping[str, Any] = field(hash=False)
    tags: Mapping[str, str] = field(hash=False)

    @property
    def kind(self) -> str:
        return self.type.rpartition(":")[2]

    @property
    def protected(self) -> bool:
        """By Pulumi's `protect`, or by the tag."""
        return self.protect or self.tags.get(KEEP, "").lower() not in _NOT_KEPT

    @property
    def real(self) -> bool:
        """Whether something outside the state goes when it is deleted: no component, no provider."""
        return self.custom and not self.type.startswith(_PROVIDERS)


def resources(state: State) -> list[Resource]:
    """Every resource, in the state's order: each after all that it needs."""
    return [_resource(one) for one in _raw(state)]


def real(state: State) -> list[Resource]:
    """What a destroy would delete outside the state."""
    return [one for one in resources(state) if one.real]


def default_tags(state: State) -> dict[str, str]:
    """The tags that the environment's cloud provider gives everything: whose it is, until when."""
    found: dict[str, str] = {}
    for one in _raw(state):
        if not str(one.get("type")).startswith(_PROVIDERS):
            continue
        said = (one.get("inputs") or {}).get("defaultTags")
        try:
            tags = (json.loads(said) if isinstance(said, str) else said or {}).get("tags") or {}
        except (ValueError, AttributeError):
            continue
        found |= {str(key): str(value) for key, value in tags.items()}
    return found


def protected_as(state: State, *, lift: Collection[str], put: Collection[str]) -> dict[str, Any]:
    """The state with Pulumi's protection lifted from some URNs and put on others."""
    changed = copy.deepcopy(dict(state))
    for one in _raw(changed):
        if one["urn"] in lift:
            one.pop("protect", None)
        if one["urn"] in put:
            one["protect"] = True
    return changed


def without(state: State, gone: Collection[str]) -> dict[str, Any]:
    """The state without some URNs: what they held is nowhere any more. Their children join their parents."""
    changed = copy.deepcopy(dict(state))
    dropped = {one["urn"]: one for one in _raw(changed) if one["urn"] in gone}
    kept = [one for one in _raw(changed) if one["urn"] not in dropped]
    for one in kept:
        while one.get("parent") in dropped:
            one["parent"] = dropped[one["parent"]].get("parent") or ""
        if not one.get("parent"):
            one.pop("parent", None)
        if one.get("deletedWith") in dropped:
            one.pop("deletedWith")
        one["dependencies"] = [urn for urn in one.get("dependencies") or [] if urn not in dropped]
        one["propertyDependencies"] = {
            name: [urn for urn in urns or [] if urn not in dropped]
            for name, urns in (one.get("propertyDependencies") or {}).items()
        }
    changed["deployment"]["resources"] = kept
    return changed


def of_provider(state: State, provider: str) -> list[Resource]:
    """What one provider, named by its URN, has made."""
    return [one for one in resources(state) if one.provider == provider]


def providers(state: State, package: str) -> list[Mapping[str, Any]]:
    """The providers of a package, such as kubernetes, as the state has them."""
    return [one for one in _raw(state) if one.get("type") == f"{_PROVIDERS}{package}"]


def _raw(state: State) -> list[dict[str, Any]]:
    return list((state.get("deployment") or {}).get("resources") or [])


def _resource(one: Mapping[str, Any]) -> Resource:
    inputs, outputs = one.get("inputs") or {}, one.get("outputs") or {}
    provider = str(one.get("provider") or "").rpartition("::")[0]
    return Resource(
        urn=str(one["urn"]),
        type=str(one["type"]),
        name=str(one["urn"]).rpartition("::")[2],
        id=str(one.get("id") or ""),
        custom=bool(one.get("custom")),
        protect=bool(one.get("protect")),
        retained=bool(one.get("retainOnDelete")),
        parent=str(one.get("parent") or ""),
        provider=provider,
        needs=frozenset(_needs(one, provider)),
        props={**outputs, **inputs},
        tags=_tags(outputs) | _tags(inputs),
    )


def _needs(one: Mapping[str, Any], provider: str) -> Iterator[str]:
    yield from one.get("dependencies") or []
    for urns in (one.get("propertyDependencies") or {}).values():
        yield from urns or []
    if one.get("deletedWith"):
        yield str(one["deletedWith"])
    if one.get("parent") and not str(one["parent"]).rpartition("::")[0].endswith(_STACK):
        yield str(one["parent"])
    if provider:
        yield provider


def _tags(props: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in ("tagsAll", "tags"):
        said = props.get(name)
        if isinstance(said, Mapping):
            found |= {str(key): str(value) for key, value in said.items()}
    return found


def region(state: State, resource: Resource | None = None) -> str:
    """The AWS region of a resource, else of the environment; empty where nothing says it."""
    if resource is not None:
        said = str(resource.props.get("region") or "")
        zone = str(resource.props.get("availabilityZone") or "")
        arn = str(resource.props.get("arn") or "").split(":")
        if found := said or (zone[:-1] if zone[-1:].isalpha() else "") or (arn[3] if len(arn) > 3 else ""):
            return found
    named = [str((one.get("inputs") or {}).get("region") or "") for one in providers(state, "aws")]
    return next((one for one in named if one), "")
