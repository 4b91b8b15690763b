"""Registers a component and its children with the engine's resource monitor, over the protocol itself.

A child is registered once the engine has created what it needs; children that need nothing of each other are
created at the same time.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import grpc  # type: ignore[import-untyped]

from rehearsal.errors import BerthError
from rehearsal.providers.kubernetes.manifests import Item, type_token
from rehearsal.providers.plugin import wire
from rehearsal.providers.plugin.model import Values
from rehearsal.providers.plugin.values import encode

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"
_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
_THREADS = 32


class MonitorError(BerthError):
    """The engine did not register a resource; it has told the user why."""


@dataclass(frozen=True)
class Child:
    """A registered child: what `get_resource` and the output `resources` need."""

    urn: str
    id: str
    reference: Values


class Monitor:
    """The engine's resource monitor, on behalf of one component under construction."""

    def __init__(self, request: Any, version: str) -> None:
        self._request = request
        self._version = version
        pb, stubs = wire.load_resource_protocol()
        self._pb = pb
        self._channel = grpc.insecure_channel(request.monitorEndpoint, options=_OPTIONS)
        self._stub = stubs.ResourceMonitorStub(self._channel)

    def close(self) -> None:
        """Let go of the connection."""
        self._channel.close()

    def component(self) -> str:
        """Register the component itself with the options that the program gave it; returns its URN."""
        given = self._request
        message = self._pb.RegisterResourceRequest(
            type=given.type,
            name=given.name,
            parent=given.parent,
            custom=False,
            protect=given.protect,
            dependencies=given.dependencies,
            providers=given.providers,
            aliases=given.aliases,
            aliasSpecs=True,
            deletedWith=given.deletedWith,
            retainOnDelete=given.retainOnDelete,
            ignoreChanges=given.ignoreChanges,
            replaceOnChanges=given.replaceOnChanges,
            acceptSecrets=True,
            acceptResources=True,
            supportsPartialValues=True,
        )
        return str(self._register(message).urn)

    def child(self, parent: str, name: str, type_: str, inputs: Values, needs: Sequence[str]) -> Child:
        """Register a child and wait until the engine has created it."""
        given = self._request
        message = self._pb.RegisterResourceRequest(
            type=type_,
            name=name,
            parent=parent,
            custom=True,
            object=encode(inputs),
            protect=given.protect,
            dependencies=sorted({*given.dependencies, *needs}),
            provider=given.providers.get("kubernetes", ""),
            version=self._version,
            retainOnDelete=given.retainOnDelete,
            deletedWith=given.deletedWith,
            aliasSpecs=True,
            acceptSecrets=True,
            acceptResources=True,
            supportsPartialValues=True,
        )
        found = self._register(message)
        reference = {_SIGNATURE: _RESOURCE, "urn": found.urn, "id": found.id, "packageVersion": self._version}
        return Child(found.urn, found.id, reference)

    def finish(self, urn: str, outputs: Values) -> None:
        """Tell the engine what the component's outputs are."""
        message = self._pb.RegisterResourceOutputsRequest(urn=urn, outputs=encode(outputs))
        self._call(self._stub.RegisterResourceOutputs, message)

    def _register(self, message: Any) -> Any:
        return self._call(self._stub.RegisterResource, message)

    def _call(self, method: Callable[[Any], Any], message: Any) -> Any:
        try:
            return method(message)
        except grpc.RpcError as error:
            raise MonitorError(f"{self._request.type} {self._request.name!r}: {error.details()}") from error


def register(
    monitor: Monitor,
    parent: str,
    items: Sequence[Item],
    *,
    prefix: str,
    dress: Callable[[Values], Values] = lambda obj: obj,
) -> list[Child]:
    """Register all items below a parent, each named `<prefix>:<namespace>/<name>`; in the order given.

    items come in an order in which they can be created. dress may change an object's inputs at the last.
    """
    if not items:
        return []
    with ThreadPoolExecutor(max_workers=min(_THREADS, len(items))) as pool:
        made: dict[int, Future[Child]] = {}

        def make(item: Item) -> Child:
            needs = [made[id(need)].result().urn for need in item.needs]
            name = f"{prefix}:{item.identity}" if prefix else item.identity
            return monitor.child(parent, name, type_token(item.obj), dress(item.obj), needs)

        for item in items:
            made[id(item)] = pool.submit(make, item)
        return [made[id(item)].result() for item in items]
