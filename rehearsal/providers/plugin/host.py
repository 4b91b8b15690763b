"""The engine, as the plugin talks to it: status messages beside a resource, and warnings."""

import contextlib
import threading
from typing import Any

import grpc  # type: ignore[import-untyped]

from rehearsal.providers.plugin import wire

_SECONDS = 5


class Host:
    """The engine's side channel; without an engine everything said is lost."""

    def __init__(self, address: str = "") -> None:
        self.address = address
        self._lock = threading.Lock()
        self._stub: Any = None

    def attach(self, address: str) -> None:
        """Talk to another engine from now on."""
        with self._lock:
            self.address, self._stub = address, None

    def status(self, urn: str, text: str) -> None:
        """Show what is going on; the next status takes its place."""
        self._log(urn, text, wire.engine_pb2.INFO, ephemeral=True)

    def warn(self, urn: str, text: str) -> None:
        """Show a warning that stays."""
        self._log(urn, text, wire.engine_pb2.WARNING, ephemeral=False)

    def _log(self, urn: str, text: str, severity: int, *, ephemeral: bool) -> None:
        with self._lock:
            if self._stub is None and self.address:
                self._stub = wire.engine_pb2_grpc.EngineStub(grpc.insecure_channel(self.address))
            stub = self._stub
        if stub is None:
            return
        request = wire.engine_pb2.LogRequest(severity=severity, message=text, urn=urn, ephemeral=ephemeral)
        with contextlib.suppress(grpc.RpcError):  # an engine that went away has nobody to tell
            stub.Log(request, timeout=_SECONDS)
