"""Failures as statuses of the provider protocol."""

import traceback
from typing import Any, NamedTuple

import grpc  # type: ignore[import-untyped]

from rehearsal.errors import BerthError
from rehearsal.providers.plugin import wire
from rehearsal.providers.plugin.model import PartialFailureError
from rehearsal.providers.plugin.values import encode


class Status(NamedTuple):
    """A status with details, in the form that the gRPC server takes."""

    code: grpc.StatusCode
    details: str
    trailing_metadata: tuple[tuple[str, bytes], ...] | None = None


def plain(error: BerthError) -> Status:
    """A message for the user."""
    text = f"{error.message}\n{error.hint}" if error.hint else error.message
    return Status(grpc.StatusCode.UNKNOWN, text)


def unforeseen(error: Exception) -> Status:
    """A bug: with its traceback, so that it can be reported."""
    return Status(grpc.StatusCode.UNKNOWN, "".join(traceback.format_exception(error)))


def partial(error: PartialFailureError, message: str) -> Status:
    """The resource exists, with its state, but did not become ready; the message says so first."""
    state = error.state
    reasons = [message, *error.reasons[1:]]
    details: Any = wire.provider_pb2.ErrorResourceInitFailed(
        id=state.id, properties=encode(state.outputs), inputs=encode(state.inputs), reasons=reasons
    )
    status = wire.status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=message)
    status.details.add().Pack(details)
    trailer = (("grpc-status-details-bin", status.SerializeToString()),)
    return Status(grpc.StatusCode.UNKNOWN, message, trailer)
