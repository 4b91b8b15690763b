"""One `up` of stacks/aws_vm, recorded as the engine's requests to the stand-in plugin, and done again.

The program runs once, its resources made for real in an emulated account. What it asked is kept in the order
in which it was done, with references in place of what only AWS could choose (ids), so that it can be done
again hundreds of times in seconds each: without Python start-up, without an engine, one request at a time.
"""

import asyncio
import contextvars
import importlib
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pulumi
import pytest
import recorder
from pulumi.runtime import mocks as pulumi_mocks
from pulumi.runtime import stack

from rehearsal.providers.aws import account as accounts
from rehearsal.providers.aws import api
from rehearsal.providers.aws.types import all_types
from rehearsal.providers.plugin.values import encode

sys.path.insert(0, str(Path(__file__).parent / "unit" / "providers" / "aws"))
from aws_plugin import AbortedError, AwsPlugin, Context, Made, pb

Values = dict[str, Any]
Operation = tuple[str, str]
_CHOSEN = re.compile(
    r"[a-z]{1,10}-[0-9a-f]{8,17}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"  # ids
    r"|198\.51\.100\.\d+"  # elastic addresses
)
LIFETIME_HOURS = 24
_DEFAULT_TAGS = {"berth:environment": "aws-vm", "berth:owner": "ml-team", "berth:managed-by": "berth"}


@dataclass(frozen=True, kw_only=True)
class Step:
    """A resource that is made, or a function that is called. References are `«name»` in any string."""

    token: str
    name: str
    inputs: Values
    chosen: dict[str, str] = field(default_factory=dict)
    """Where outputs held what AWS chose: path to reference."""

    @property
    def is_call(self) -> bool:
        return self.token.rpartition(":")[2].startswith("get")


@dataclass
class Script:
    """The steps of one `up`, and how often each API operation was called in it and in its destroy."""

    steps: list[Step]
    up: list[Operation] = field(default_factory=list)
    down: list[Operation] = field(default_factory=list)
    uncovered: set[str] = field(default_factory=set)
    """Types that the stand-in does not know, and resources that could not be made without those."""


def plugin() -> AwsPlugin:
    """A plugin as a new run of the engine starts it."""
    return AwsPlugin(region="us-east-1", defaultTags={"tags": _DEFAULT_TAGS})


@contextmanager
def hurried() -> Iterator[None]:
    """Pauses a fiftieth as long, and one set of boto3 clients for all plugins: making them takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api, "_FIRST_PAUSE", 0.002)
        patch.setattr(api, "_LONGEST_PAUSE", 0.1)
        make = accounts.Account._make
        known: dict[tuple[str, str], Any] = {}

        def kept(self: accounts.Account, service: str, region: str) -> Any:
            if (service, region) not in known:
                known[service, region] = make(self, service, region)
            return known[service, region]

        patch.setattr(accounts.Account, "_make", kept)
        yield


@contextmanager
def counted(operations: list[Operation]) -> Iterator[None]:
    """Every API operation that is asked for within the block."""
    call = api.Api.call

    def counting(self: api.Api, operation: str, /, service: str | None = None, **parameters: Any) -> Any:
        name = service or self.service
        client = self.account.client(name, self.region)
        operations.append((name, client.meta.method_to_api_mapping[operation]))
        return call(self, operation, service, **parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api.Api, "call", counting)
        yield


# Recording


class _Mocks(pulumi_mocks.Mocks):
    """Makes AWS's resources by the plugin; those of other providers as the unit tests pretend them."""

    def __init__(self, provider: AwsPlugin) -> None:
        self.provider = provider
        self.pretended = recorder._Mocks(recorder.Recording())
        self.steps: list[tuple[Step, Made | None]] = []
        self.uncovered: set[str] = set()
        self.lock = threading.Lock()

    def call(self, args: pulumi_mocks.MockCallArgs) -> Any:
        answer = invoke(self.provider, args.token, dict(args.args))
        with self.lock:
            self.steps.append((Step(token=args.token, name=args.token, inputs=dict(args.args)), None))
        return answer

    def new_resource(self, args: pulumi_mocks.MockResourceArgs) -> tuple[str, Values]:
        if args.typ not in all_types():
            if args.typ.startswith("aws:"):
                self.uncovered.add(args.typ)
            return self._pretend(args)
        program = {key: value for key, value in args.inputs.items() if value is not None}
        with self.lock:  # one after the other, so that the order can be repeated
            inputs = self.provider.check(args.typ, program, name=args.name)
            try:
                made = self.provider.create(args.typ, inputs, args.name)
            except AbortedError:
                if not self.uncovered:
                    raise
                self.uncovered.add(f"{args.typ} {args.name}")  # it may need what is only pretended
                return self._pretend(args)
            self.steps.append((Step(token=args.typ, name=args.name, inputs=program), made))
        return made.id, {key: value for key, value in made.outputs.items() if key != "id"}

    def _pretend(self, args: pulumi_mocks.MockResourceArgs) -> tuple[str, Values]:
        identity, outputs = self.pretended.new_resource(args)
        return str(identity), dict(outputs)


def invoke(provider: AwsPlugin, token: str, args: Values) -> Values:
    """A function's answer."""
    from rehearsal.providers.plugin.values import decode

    answer = provider.servicer.Invoke(pb.InvokeRequest(tok=token, args=encode(args)), Context())
    return decode(getattr(answer, "return"))


def record(environment: str = "aws-vm") -> Script:
    """Run the program of stacks/ in the account that the environment variables name, and destroy it again."""
    script = Script([])
    mocks = _Mocks(plugin())
    with counted(script.up):
        contextvars.copy_context().run(_run, mocks, environment)
    made = [found for _, found in mocks.steps if found is not None]
    with counted(script.down):
        destroy(made)
    script.steps = _referring(mocks.steps)
    script.uncovered = mocks.uncovered
    return script


def _run(mocks: _Mocks, environment: str) -> None:
    from infra.config import load

    now = datetime.now(UTC)
    end = (now + timedelta(hours=LIFETIME_HOURS)).strftime("%Y-%m-%dT%H:%M:%SZ")
    values = {**recorder.values_of(environment), "expires_at": end}
    config = {f"berth:{key}": recorder.as_text(value) for key, value in values.items()}
    program = importlib.import_module(f"stacks.{str(values['target']).replace('-', '_')}")
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(program, "content_tag", lambda _image: recorder.TAG)
            pulumi.runtime.set_all_config(config, [])
            pulumi_mocks.set_mocks(mocks, project="berth", stack=environment, preview=False)
            loop.run_until_complete(stack.run_pulumi_func(lambda: program.build(load(now))))
    finally:
        loop.close()
        asyncio.set_event_loop(None)


def _referring(steps: list[tuple[Step, Made | None]]) -> list[Step]:
    """The steps with references in place of what AWS chose in earlier ones."""
    references: dict[str, str] = {}
    made = []
    for step, found in steps:
        inputs = _replaced(step.inputs, references)
        chosen: dict[str, str] = {}
        if found is not None:
            for path, text in _texts({"id": found.id, **found.outputs}):
                for value in _CHOSEN.findall(text):
                    if value not in references:
                        references[value] = f"«{len(references)}»"
                        chosen[f"{path}#{_CHOSEN.findall(text).index(value)}"] = references[value]
        made.append(Step(token=step.token, name=step.name, inputs=inputs, chosen=chosen))
    return made


def _texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, f"{path}/{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, f"{path}/{index}")
    elif isinstance(value, str):
        yield path, value


def _replaced(value: Any, replacements: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(item, replacements) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, replacements) for item in value]
    if isinstance(value, str):
        for old in sorted(replacements, key=len, reverse=True):
            value = value.replace(old, replacements[old])
    return value


# Doing it again


@dataclass
class Run:
    """What came of an `up`: what is in the state, and why it ended before its time, if it did."""

    made: list[Made] = field(default_factory=list)
    failure: str = ""


def up(script: Script) -> Run:
    """Do the steps as a new run of the engine; the first failure ends it, as it ends the engine's."""
    provider, run = plugin(), Run()
    known: dict[str, str] = {}
    for step in script.steps:
        inputs = _replaced(step.inputs, known)
        try:
            if step.is_call:
                invoke(provider, step.token, inputs)
                continue
            made = provider.up(step.token, inputs, step.name)
        except AbortedError as aborted:
            run.failure = f"{step.token} {step.name}: {aborted}"
            kept = aborted.partial()
            if kept is not None:
                from rehearsal.providers.plugin.values import decode

                outputs, stored = decode(kept.properties), decode(kept.inputs)
                run.made.append(Made(step.token, step.name, kept.id, stored, outputs))
            return run
        run.made.append(made)
        found = dict(_texts({"id": made.id, **made.outputs}))
        for place, reference in step.chosen.items():
            path, _, index = place.rpartition("#")
            values = _CHOSEN.findall(found.get(path, ""))
            if len(values) > int(index):
                known[reference] = values[int(index)]
    return run


def differences(run: Run) -> list[str]:
    """What a refresh and a second `up` would change; nothing, after one that converged."""
    provider = plugin()
    found = []
    for made in run.made:
        seen = provider.read(made)
        if seen is None:
            found.append(f"{made.token} {made.name} is gone")
            continue
        paths = provider.diff(seen, made.inputs).paths
        found += [f"{made.token} {made.name}: {path}: {kind}" for path, kind in paths.items()]
    return found


def destroy(made: list[Made], timeout: float = 60) -> str:
    """Delete all, the last first, as a new run of the engine; the failures, if any."""
    provider, failures = plugin(), []
    for resource in reversed(made):
        try:
            provider.delete(resource, timeout)
        except AbortedError as aborted:
            failures.append(f"{resource.token} {resource.name}: {aborted}")
            break
    return "; ".join(failures)
