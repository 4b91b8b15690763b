"""An API server that lives in memory, and a provider plugin that talks to it, asked in JSON."""

import copy
from typing import TYPE_CHECKING, Any

from google.protobuf import json_format

from rehearsal.providers.kubernetes.apierrors import ApiError
from rehearsal.providers.kubernetes.config import Config
from rehearsal.providers.kubernetes.connection import Connection
from rehearsal.providers.kubernetes.handlers import Handlers
from rehearsal.providers.kubernetes.servicer import Servicer
from rehearsal.providers.plugin import wire
from rehearsal.providers.plugin.host import Host

if TYPE_CHECKING:
    from collections.abc import Callable

pb = wire.provider_pb2
REQUESTS = {
    "CheckConfig": pb.CheckRequest,
    "Check": pb.CheckRequest,
    "DiffConfig": pb.DiffRequest,
    "Diff": pb.DiffRequest,
    "Configure": pb.ConfigureRequest,
    "Create": pb.CreateRequest,
    "Read": pb.ReadRequest,
    "Update": pb.UpdateRequest,
    "Delete": pb.DeleteRequest,
}


class MemoryClient:
    """The Client's calls, answered from what a test has put in."""

    namespace = "default"

    def __init__(self) -> None:
        self.live: dict[str, dict[str, Any]] = {}
        self.made: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[str, str, dict[str, Any]]] = []
        self.refuse: Callable[[str, dict[str, Any]], ApiError | None] = lambda _verb, _obj: None

    @staticmethod
    def object_path(obj: dict[str, Any]) -> str:
        metadata = obj["metadata"]
        return f"{obj['kind']}/{metadata.get('namespace', '')}/{metadata['name']}"

    def _noted(self, verb: str, obj: dict[str, Any], **how: Any) -> str:
        path = self.object_path(obj)
        self.calls.append((verb, path, {"obj": copy.deepcopy(obj), **how}))
        refusal = self.refuse(verb, obj)
        if refusal:
            raise refusal
        return path

    def get_object(self, obj: dict[str, Any]) -> dict[str, Any]:
        path = self._noted("get", obj)
        if path not in self.live:
            raise ApiError(404, "NotFound", f"{path} not found")
        return copy.deepcopy(self.live[path])

    def _made(self, obj: dict[str, Any], path: str) -> dict[str, Any]:
        return copy.deepcopy(self.made.get(path) or obj)

    def create(self, obj: dict[str, Any], *, field_manager: str, dry_run: bool = False) -> dict[str, Any]:
        path = self._noted("create", obj, field_manager=field_manager, dry_run=dry_run)
        if path in self.live:
            raise ApiError(409, "AlreadyExists", f"{path} already exists")
        return self._made(obj, path)

    def apply(
        self, obj: dict[str, Any], *, field_manager: str, force: bool = False, dry_run: bool = False
    ) -> dict[str, Any]:
        path = self._noted("apply", obj, field_manager=field_manager, dry_run=dry_run, force=force)
        return self._made(obj, path)

    def replace(self, obj: dict[str, Any], *, field_manager: str, dry_run: bool = False) -> dict[str, Any]:
        path = self._noted("replace", obj, field_manager=field_manager, dry_run=dry_run)
        return self._made(obj, path)

    def patch(self, path: str, body: Any, **how: Any) -> dict[str, Any]:
        self.calls.append(("patch", path, {"body": body, **how}))
        return self.live[path]

    def delete(self, path: str, *, propagation: str = "") -> dict[str, Any]:
        self.calls.append(("delete", path, {"propagation": propagation}))
        if path not in self.live:
            raise ApiError(404, "NotFound", f"{path} not found")
        del self.live[path]
        return {"kind": "Status"}

    def get(self, path: str, params: Any = None) -> dict[str, Any]:
        if path not in self.live:
            raise ApiError(404, "NotFound", f"{path} not found")
        return copy.deepcopy(self.live[path])

    def wrote(self) -> list[str]:
        """The verbs of every call that changes something."""
        return [verb for verb, _, how in self.calls if verb != "get" and not how.get("dry_run")]


class Plugin:
    """The servicer, asked in JSON."""

    def __init__(self) -> None:
        self.servicer = Servicer("4.34.2", Host())
        self.client = MemoryClient()
        self.connect(Config())

    def connect(self, config: Config) -> None:
        connection = Connection(config)
        connection._client = self.client  # type: ignore[assignment]
        self.servicer._connection = connection
        self.servicer._handlers = Handlers(connection)

    def ask(self, method: str, request: dict[str, Any]) -> dict[str, Any]:
        message = json_format.ParseDict(request, REQUESTS[method](), ignore_unknown_fields=True)
        context = Context()
        return dict(json_format.MessageToDict(getattr(self.servicer, method)(message, context)))


class AbortedError(Exception):
    """The status that a call ended with."""

    def __init__(self, status: Any) -> None:
        super().__init__(status.details)
        self.status = status


class Context:
    """What gRPC hands to a servicer."""

    def abort_with_status(self, status: Any) -> None:
        raise AbortedError(status)

    def abort(self, code: Any, details: str) -> None:
        raise AssertionError(f"{code}: {details}")

    def code(self) -> None:
        return None
