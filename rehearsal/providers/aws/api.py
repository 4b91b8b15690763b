"""What the functions of a type's entry talk to: one AWS service, for one request of the engine.

Transient failures are tried again here, with growing pauses as in botocore's standard mode; botocore itself
does not, because only the caller knows whether a create whose answer got lost may be repeated.
"""

import random
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

from rehearsal.errors import BerthError
from rehearsal.providers.aws import shapes
from rehearsal.providers.aws.account import Account
from rehearsal.providers.aws.errors import AwsError, from_botocore

_ATTEMPTS: Final = 8
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0
_MORE: Final = {
    "NextToken": "NextToken",
    "nextToken": "nextToken",
    "NextMarker": "Marker",
    "Marker": "Marker",
}
"""A result's member that says there is more, and the parameter that asks for it."""
_LOOKS: Final = ("Describe", "Get", "Head", "List")
_MAKES: Final = ("Create", "Run", "Allocate", "Copy", "Request", "Import", "Publish")


class Api:
    """AWS, as seen by one request about one resource."""

    def __init__(
        self,
        account: Account,
        service: str,
        *,
        region: str | None = None,
        say: Callable[[str], None] = lambda _: None,
        cancelled: threading.Event | None = None,
    ) -> None:
        self.account = account
        self.service = service
        self.region = region or account.region
        self.say = say
        self.lost = False
        """Whether the answer to a create got lost meanwhile."""
        self._cancelled = cancelled or threading.Event()
        self._nonce = uuid.uuid4()

    def call(self, operation: str, /, service: str | None = None, **parameters: Any) -> Any:
        """Do one operation (`create_vpc`); parameters that are None are left out.

        Raises:
            AwsError: refused, or without an answer after several attempts. A create that takes no idempotency
                token is not repeated when its answer got lost.
        """
        service = service or self.service
        client = self.account.client(service, self.region)
        name = client.meta.method_to_api_mapping[operation]
        given = {key: value for key, value in parameters.items() if value is not None}
        makes = self._add_token(client, name, given)
        for attempt in range(_ATTEMPTS):
            try:
                return getattr(client, operation)(**given)
            except Exception as raised:
                error = from_botocore(service, name, raised)
                if not isinstance(error, AwsError):
                    raise error from raised
                if error.transient and makes and error.code != "Unreachable":
                    self.lost = True
                    raise error from raised
                if not (error.throttled or error.transient) or attempt == _ATTEMPTS - 1:
                    raise error from raised
                self.lost = self.lost or (error.transient and not name.startswith(_LOOKS))
                self.pause(attempt, f"{service}:{name}: {error.code}; trying again")
        raise AssertionError

    def _add_token(self, client: Any, name: str, given: dict[str, Any]) -> bool:
        """Make repetitions of a request recognisable; True where they are not, and would make another."""
        shape = client.meta.service_model.operation_model(name).input_shape
        tokens = [key for key, member in (shape.members if shape else {}).items() if _is_token(key, member)]
        for key in tokens:
            given.setdefault(key, str(uuid.uuid5(self._nonce, f"{name} {sorted(given.items())!r}")))
        return not tokens and name.startswith(_MAKES)

    def pause(self, attempt: int, reason: str = "") -> None:
        """Wait, longer at each attempt and never quite the same time.

        Raises:
            BerthError: the run was cancelled meanwhile.
        """
        if reason:
            self.say(reason)
        longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**attempt)
        if self._cancelled.wait(longest * (0.5 + random.random() / 2)):  # noqa: S311 - jitter
            raise Cancelled(f"cancelled while waiting: {reason}" if reason else "cancelled")

    def fill(
        self,
        operation: str,
        values: Mapping[str, Any],
        *keys: str,
        renamed: Mapping[str, str] | None = None,
        service: str | None = None,
    ) -> dict[str, Any]:
        """Parameters of an operation from properties of the same names, at any depth; `renamed` for others.

        `keys` are top-level properties; those that are absent or empty are left out.
        """
        client = self.account.client(service or self.service, self.region)
        name = client.meta.method_to_api_mapping[operation]
        shape = client.meta.service_model.operation_model(name).input_shape
        wanted = {**{key: key for key in keys}, **(renamed or {})}
        chosen = {theirs: values[key] for key, theirs in wanted.items() if key in values}
        filled: dict[str, Any] = shapes.to_api(shape, chosen)
        return filled

    def one(self, operation: str, result: str, /, **parameters: Any) -> dict[str, Any] | None:
        """The first item of a describe operation's result; None where there is none."""
        items = self.call(operation, **parameters).get(result) or []
        return items[0] if items else None

    def all(self, operation: str, result: str, /, **parameters: Any) -> list[dict[str, Any]]:
        """All items of a describe or list operation, over all pages."""
        items: list[dict[str, Any]] = []
        more: dict[str, Any] = {}
        while True:
            answer = self.call(operation, **parameters, **more)
            items += answer.get(result) or []
            token = next((key for key in _MORE if answer.get(key)), None)
            if token is None:
                return items
            more = {_MORE[token]: answer[token]}

    def arn(self, rest: str, *, service: str | None = None) -> str:
        """`arn:aws:ec2:us-east-1:123456789012:<rest>`."""
        account = self.account
        return f"arn:{account.partition}:{service or self.service}:{self.region}:{account.id}:{rest}"

    def until(self, seconds: float, condition: Callable[[], str | None]) -> None:
        """Ask until the condition answers None; what it answers else is shown, and said when time is up."""
        deadline = time.monotonic() + seconds
        for attempt in range(10**6):
            waiting = condition()
            if waiting is None:
                return
            if time.monotonic() >= deadline:
                raise BerthError(f"gave up after {seconds:.0f} s: {waiting}")
            self.pause(min(attempt + 1, 6), waiting)


class Cancelled(BerthError):
    """The engine ended the run while something was waited for."""


def _is_token(key: str, member: Any) -> bool:
    return bool(getattr(member, "metadata", {}).get("idempotencyToken")) or key == "ClientToken"
