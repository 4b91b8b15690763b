"""The plugin's side of Pulumi's provider protocol: messages in, Handler calls, messages out.

It sits on the protocol's generated servicer, because the SDK's provider classes cannot report a partial
failure, a status message or the engine's autonaming (docs/adr/0003).
"""

import threading
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import grpc  # type: ignore[import-untyped]
from google.protobuf import empty_pb2  # type: ignore[import-untyped]

from rehearsal.errors import BerthError
from rehearsal.providers.kubernetes import config, failures, wire
from rehearsal.providers.kubernetes.connection import Connection
from rehearsal.providers.kubernetes.handlers import RELEASE, Handlers, invoke
from rehearsal.providers.kubernetes.host import Host
from rehearsal.providers.kubernetes.model import (
    Autonaming,
    Call,
    Checked,
    Diff,
    PartialFailureError,
    State,
)
from rehearsal.providers.kubernetes.values import decode, encode

pb = wire.provider_pb2
Method = TypeVar("Method", bound=Callable[..., Any])
_MODES = {0: "PROPOSE", 1: "ENFORCE", 2: "DISABLE"}


def _answered(method: Method) -> Method:
    """Turn exceptions into the statuses that the engine understands."""

    @wraps(method)
    def answer(self: "Servicer", request: Any, context: grpc.ServicerContext) -> Any:
        try:
            with self.busy:
                return method(self, request, context)
        except PartialFailureError as error:
            context.abort_with_status(failures.partial(error))
        except BerthError as error:
            context.abort_with_status(failures.plain(error))
        except Exception as error:
            if isinstance(error, NotImplementedError):
                context.abort(grpc.StatusCode.UNIMPLEMENTED, str(error))
            if context.code() is not None:  # aborted already
                raise
            context.abort_with_status(failures.unforeseen(error))
        raise AssertionError

    return answer  # type: ignore[return-value]


class Busy:
    """How many requests are being answered."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0

    def __enter__(self) -> None:
        with self._changed:
            self._count += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._count -= 1
            self._changed.notify_all()

    def wait_until_idle(self, seconds: float) -> bool:
        """Whether all were answered in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._count == 0, seconds)


class Servicer(wire.provider_pb2_grpc.ResourceProviderServicer):  # type: ignore[misc]
    """Answers the engine; one per process."""

    def __init__(self, version: str, host: Host) -> None:
        self._version = version
        self._host = host
        self._cancelled = threading.Event()
        self.busy = Busy()
        self._connection = Connection(config.Config(problem="the provider is not configured"))
        self._handlers = Handlers(self._connection)

    # The plugin

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """The version of pulumi-kubernetes that this stands in for."""
        del request, context
        return wire.plugin_pb2.PluginInfo(version=self._version)

    @_answered
    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """Not answered by the original either; the engine goes on without."""
        raise NotImplementedError("method Handshake not implemented")

    @_answered
    def GetSchema(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """Only code generation asks for it."""
        raise NotImplementedError(
            "the stand-in for kubernetes has no schema to generate code from; "
            "`pulumi import` needs --generate-code=false"
        )

    def Attach(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """An engine other than the one that started the process."""
        del context
        self._host.attach(request.address)
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """End all waiting; what is being written is finished first."""
        del request, context
        self.cancel()
        return empty_pb2.Empty()

    def cancel(self) -> None:
        """End all waiting."""
        self._cancelled.set()
        self._connection.interrupt()

    def wait_until_idle(self, seconds: float) -> bool:
        """Wait for the answers that are under way; False if some are still."""
        return self.busy.wait_until_idle(seconds)

    # Configuration

    @_answered
    def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """Refuse unknown settings; return the rest as it came."""
        del context
        return _checked(Checked(inputs=decode(request.news), failures=config.check(decode(request.news))))

    @_answered
    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """Tell another cluster from another way to the same one."""
        del context
        olds = decode(request.old_inputs) or decode(request.olds)
        return _diffed(config.diff(olds, decode(request.news)), detailed=False)

    @_answered
    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """Read the settings; the cluster itself is not asked yet."""
        del context
        self._connection = Connection(config.parse(decode(request.args)))
        self._handlers = Handlers(self._connection)
        return pb.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True
        )

    # Resources

    @_answered
    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """See Handler.check."""
        del context
        call = self._call(request)
        if call.type == RELEASE:
            self._connection.announce_chart()
        checked = self._handlers.of(call.type).check(
            call,
            decode(request.olds),
            decode(request.news),
            seed=request.randomSeed,
            autonaming=_autonaming(request),
        )
        return _checked(checked)

    @_answered
    def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """See Handler.diff."""
        del context
        call = self._call(request)
        old = State(request.id, decode(request.old_inputs), decode(request.olds))
        found = self._handlers.of(call.type).diff(
            call, old, decode(request.news), ignored=list(request.ignoreChanges)
        )
        return _diffed(found, detailed=True)

    @_answered
    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """See Handler.create."""
        del context
        call = self._call(request)
        state = self._handlers.of(call.type).create(call, decode(request.properties))
        return pb.CreateResponse(id=state.id, properties=encode(state.outputs))

    @_answered
    def Read(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """See Handler.read."""
        del context
        call = self._call(request)
        known = State(request.id, decode(request.inputs), decode(request.properties))
        state = self._handlers.of(call.type).read(call, known)
        if state is None:
            return pb.ReadResponse()
        return pb.ReadResponse(id=state.id, inputs=encode(state.inputs), properties=encode(state.outputs))

    @_answered
    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """See Handler.update."""
        del context
        call = self._call(request)
        old = State(request.id, decode(request.old_inputs), decode(request.olds))
        state = self._handlers.of(call.type).update(
            call, old, decode(request.news), ignored=list(request.ignoreChanges)
        )
        return pb.UpdateResponse(properties=encode(state.outputs))

    @_answered
    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """See Handler.delete."""
        del context
        call = self._call(request)
        old = State(request.id, decode(request.old_inputs), decode(request.properties))
        self._handlers.of(call.type).delete(call, old)
        return empty_pb2.Empty()

    # Functions and components

    @_answered
    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """A function of the provider, such as reading YAML."""
        del context
        try:
            answer = invoke(request.tok, decode(request.args), self._connection)
        except KeyError:
            raise NotImplementedError(f"the stand-in for kubernetes has no function {request.tok}") from None
        response = pb.InvokeResponse()
        getattr(response, "return").CopyFrom(encode(answer))
        return response

    @_answered
    def Construct(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """A component that this provider builds from resources of its own."""
        del context
        from rehearsal.providers.kubernetes import configfile

        if request.type not in configfile.TYPES:
            raise NotImplementedError(f"the stand-in for kubernetes has no component {request.type}")
        self._connection.announce_chart()
        return configfile.construct(request, self._connection, self._version)

    def _call(self, request: Any) -> Call:
        """What the operation is told besides its values. Older engines send neither name nor type."""
        urn = request.urn
        host = self._host
        self._connection.hear_warnings(lambda text: host.warn(urn, text))
        return Call(
            urn=urn,
            type=getattr(request, "type", "") or urn.split("::")[2].rpartition("$")[2],
            name=getattr(request, "name", "") or urn.rpartition("::")[2],
            preview=bool(getattr(request, "preview", False)),
            timeout=getattr(request, "timeout", 0) or None,
            say=lambda text: host.status(urn, text),
            warn=lambda text: host.warn(urn, text),
            cancelled=self._cancelled,
        )


def _autonaming(request: Any) -> Autonaming | None:
    if not request.HasField("autonaming"):
        return None
    mode: Any = _MODES[request.autonaming.mode]
    return Autonaming(mode=mode, proposed=request.autonaming.proposed_name)


def _checked(checked: Checked) -> Any:
    """The path goes into the reason: for a property the engine prints the value too, secret or not."""
    failures = [
        pb.CheckFailure(reason=f"{f.path}: {f.reason}" if f.path else f.reason) for f in checked.failures
    ]
    return pb.CheckResponse(inputs=encode(checked.inputs), failures=failures)


def _diffed(found: Diff, *, detailed: bool) -> Any:
    changes = found.changes
    return pb.DiffResponse(
        changes=pb.DiffResponse.DIFF_SOME if changes else pb.DiffResponse.DIFF_NONE,
        replaces=[path for path, change in changes.items() if change.replaces],
        detailedDiff={
            path: pb.PropertyDiff(kind=change.kind, inputDiff=change.input_diff)
            for path, change in changes.items()
        },
        hasDetailedDiff=detailed or bool(changes),
        deleteBeforeReplace=found.delete_before_replace,
    )
