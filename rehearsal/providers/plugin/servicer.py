"""A plugin's side of Pulumi's provider protocol: messages in, Handler calls, messages out.

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
from rehearsal.providers.plugin import failures, wire
from rehearsal.providers.plugin.host import Host
from rehearsal.providers.plugin.model import (
    Autonaming,
    Call,
    Checked,
    Diff,
    Failure,
    Handler,
    PartialFailureError,
    State,
    Values,
)
from rehearsal.providers.plugin.values import decode, encode

pb = wire.provider_pb2
Method = TypeVar("Method", bound=Callable[..., Any])
_MODES = {0: "PROPOSE", 1: "ENFORCE", 2: "DISABLE"}


def answered(method: Method) -> Method:
    """Turn exceptions into the statuses that the engine understands."""

    @wraps(method)
    def answer(self: "PluginServicer", request: Any, context: grpc.ServicerContext) -> Any:
        try:
            with self.busy:
                return method(self, request, context)
        except PartialFailureError as error:
            context.abort_with_status(failures.partial(error, self.summary(error)))
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


class PluginServicer(wire.provider_pb2_grpc.ResourceProviderServicer):  # type: ignore[misc]
    """Answers the engine; one per process. A plugin fills in the methods of the first part."""

    provider: str
    """`aws`, `kubernetes`."""

    def __init__(self, version: str, host: Host) -> None:
        self.version = version
        self.host = host
        self.cancelled = threading.Event()
        self.busy = Busy()

    # What a plugin fills in

    def handler(self, call: Call) -> Handler:
        """The part of the provider that is responsible for the resource's type."""
        raise NotImplementedError(f"the stand-in for {self.provider} has no resource type {call.type}")

    def check_config(self, news: Values) -> list[Failure]:
        """What is wrong with the provider's settings."""
        raise NotImplementedError

    def diff_config(self, olds: Values, news: Values) -> Diff:
        """What a change of the provider's settings means."""
        raise NotImplementedError

    def configure(self, args: Values) -> None:
        """Take the settings; nothing outside is asked yet."""
        raise NotImplementedError

    def invoke(self, token: str, args: Values) -> Values:
        """Answer a function call of a program; KeyError for a function that does not exist here."""
        del args
        raise KeyError(token)

    def summary(self, error: PartialFailureError) -> str:
        """One sentence about a resource that exists but did not become what it should."""
        return f"{error.state.id} exists, but: {error.reasons[0] if error.reasons else 'no reason is known'}"

    def interrupt(self) -> None:
        """End waiting that does not look at `Call.cancelled`."""

    # The plugin

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """The version of the published provider that this stands in for."""
        del request, context
        return wire.plugin_pb2.PluginInfo(version=self.version)

    @answered
    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """Not answered by the originals either; the engine goes on without."""
        raise NotImplementedError("method Handshake not implemented")

    @answered
    def GetSchema(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """Only code generation asks for it."""
        raise NotImplementedError(
            f"the stand-in for {self.provider} has no schema to generate code from; "
            "`pulumi import` needs --generate-code=false"
        )

    def Attach(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """An engine other than the one that started the process."""
        del context
        self.host.attach(request.address)
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """End all waiting; what is being written is finished first."""
        del request, context
        self.cancel()
        return empty_pb2.Empty()

    def cancel(self) -> None:
        """End all waiting."""
        self.cancelled.set()
        self.interrupt()

    def wait_until_idle(self, seconds: float) -> bool:
        """Wait for the answers that are under way; False if some are still."""
        return self.busy.wait_until_idle(seconds)

    # Configuration

    @answered
    def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """Refuse unknown settings; return the rest as it came."""
        del context
        news = decode(request.news)
        return _checked(Checked(inputs=news, failures=self.check_config(news)))

    @answered
    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """See diff_config."""
        del context
        olds = decode(request.old_inputs) or decode(request.olds)
        return _diffed(self.diff_config(olds, decode(request.news)), detailed=False)

    @answered
    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """See configure."""
        del context
        self.configure(decode(request.args))
        return pb.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True
        )

    # Resources

    @answered
    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """See Handler.check."""
        del context
        call = self.call(request)
        checked = self.handler(call).check(
            call,
            decode(request.olds),
            decode(request.news),
            seed=request.randomSeed,
            autonaming=_autonaming(request),
        )
        return _checked(checked)

    @answered
    def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """See Handler.diff."""
        del context
        call = self.call(request)
        old = State(request.id, decode(request.old_inputs), decode(request.olds))
        found = self.handler(call).diff(call, old, decode(request.news), ignored=list(request.ignoreChanges))
        return _diffed(found, detailed=True)

    @answered
    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """See Handler.create."""
        del context
        call = self.call(request)
        state = self.handler(call).create(call, decode(request.properties))
        return pb.CreateResponse(id=state.id, properties=encode(state.outputs))

    @answered
    def Read(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """See Handler.read."""
        del context
        call = self.call(request)
        known = State(request.id, decode(request.inputs), decode(request.properties))
        state = self.handler(call).read(call, known)
        if state is None:
            return pb.ReadResponse()
        return pb.ReadResponse(id=state.id, inputs=encode(state.inputs), properties=encode(state.outputs))

    @answered
    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """See Handler.update."""
        del context
        call = self.call(request)
        old = State(request.id, decode(request.old_inputs), decode(request.olds))
        state = self.handler(call).update(
            call, old, decode(request.news), ignored=list(request.ignoreChanges)
        )
        return pb.UpdateResponse(properties=encode(state.outputs))

    @answered
    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """See Handler.delete."""
        del context
        call = self.call(request)
        old = State(request.id, decode(request.old_inputs), decode(request.properties))
        self.handler(call).delete(call, old)
        return empty_pb2.Empty()

    # Functions

    @answered
    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """See invoke."""
        del context
        try:
            answer = self.invoke(request.tok, decode(request.args))
        except KeyError:
            text = f"the stand-in for {self.provider} has no function {request.tok}"
            raise NotImplementedError(text) from None
        response = pb.InvokeResponse()
        getattr(response, "return").CopyFrom(encode(answer))
        return response

    def call(self, request: Any) -> Call:
        """What the operation is told besides its values. Older engines send neither name nor type."""
        urn = request.urn
        host = self.host
        return Call(
            urn=urn,
            type=getattr(request, "type", "") or urn.split("::")[2].rpartition("$")[2],
            name=getattr(request, "name", "") or urn.rpartition("::")[2],
            preview=bool(getattr(request, "preview", False)),
            timeout=getattr(request, "timeout", 0) or None,
            say=lambda text: host.status(urn, text),
            warn=lambda text: host.warn(urn, text),
            cancelled=self.cancelled,
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
