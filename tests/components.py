"""Runs the constructor of a component without an engine, and remembers what it declared."""

import asyncio
import contextvars
from collections.abc import Callable
from typing import Any

import recorder
from pulumi.runtime import mocks as pulumi_mocks
from pulumi.runtime import stack

ACCOUNT = "123456789012"


class _Mocks(pulumi_mocks.Mocks):
    """Every resource has an ARN, and what else components read of each other."""

    def call(self, args: pulumi_mocks.MockCallArgs) -> Any:
        raise AssertionError(f"a constructor looks something up: {args.token}")

    def new_resource(self, args: pulumi_mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        known = {
            "arn": f"arn:aws:service:us-east-1:{ACCOUNT}:{args.name}",
            "name": f"{args.name}-named",
            "publicIp": "198.51.100.7",
            "prefixListId": "pl-1",
            "repositoryUrl": f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/{args.inputs.get('name', '')}",
        }
        return f"{args.name}-id", {**known, **args.inputs}


def declare(make: Callable[[], Any]) -> recorder.Recording:
    """What `make` declares. Its result, a dictionary of outputs if anything, is the recording's outputs."""
    recording = recorder.Recording()
    contextvars.copy_context().run(_run, recording, make)
    return recording


def _run(recording: recorder.Recording, make: Callable[[], Any]) -> None:
    import pulumi

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        monitor = recorder._Monitor(recording)
        monitor.mocks = _Mocks()
        pulumi_mocks.set_mocks(_Mocks(), project="berth", stack="trial", preview=False, monitor=monitor)

        def program() -> None:
            pulumi.Output.from_input(make() or {}).apply(recording.outputs.update)

        loop.run_until_complete(stack.run_pulumi_func(program))
    finally:
        loop.close()
        asyncio.set_event_loop(None)
