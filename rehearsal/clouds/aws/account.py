"""The account as one WSGI application: administration, keys, faults, additions, then moto.

Every request walks these stations in this order and in `Account.respond` only.
"""

import io
import json
import secrets
import sys
import traceback
from collections.abc import Callable, Iterable
from typing import Any

from moto.core.exceptions import ServiceException

from rehearsal.clouds.aws import emulator, keys, permissions, store
from rehearsal.clouds.aws.additions import registered
from rehearsal.clouds.aws.calls import AwsError, Call, Environ, Reply, StartResponse, recognise
from rehearsal.clouds.aws.client import Clients
from rehearsal.clouds.aws.emulator import ACCOUNT, TURN, whole_body
from rehearsal.clouds.aws.faults.effects import Faults
from rehearsal.clouds.aws.store import table

NOT_EMULATED = "NotEmulated"
# What the account itself does and what may fail all the same: the launches of Auto Scaling groups.
_LAUNCHES = ("RunInstances",)


class Account:
    """What answers AWS's API, with its clients for use inside this process."""

    def __init__(self) -> None:
        self.incarnation = secrets.token_hex(8)
        self._moto = emulator.application()
        self._moto_clients = Clients(self._moto)
        self.clients = Clients(self)
        self.faults = Faults()
        self.generation = 0
        self.watchers: list[Callable[[], None]] = []

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request of the API."""
        body = whole_body(environ)
        call = recognise(environ, body)
        if call is None:
            return self._pass_on(environ, body).send(start_response)
        call.account = self.clients.operations(call.region, call.access_key)
        call.emulator = self._moto_clients.operations(call.region, call.access_key)
        return self.respond(call).send(start_response)

    def respond(self, call: Call) -> Reply:
        """The answer to a recognised call."""
        refused = keys.refusal(call)
        if refused:
            return call.answer(refused)
        permissions.note(call)
        if call.environ.get(keys.INTERNAL) and call.operation not in _LAUNCHES:
            return self._answered(call)
        return self.faults.through(call, self._answered)

    def _answered(self, call: Call) -> Reply:
        reply = self._once(call)
        if reply.status < 300 and not call.only_reads:
            self.changed()
        return reply

    def changed(self) -> None:
        """Count a change, and wake whoever acts on changes."""
        self.count_change()
        for watcher in self.watchers:
            watcher()

    def count_change(self) -> None:
        """Count a change."""
        self.generation += 1

    def _once(self, call: Call) -> Reply:
        """Do a call, or repeat the answer of an earlier one with the same idempotency token.

        https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
        """
        token = call.idempotency_token
        if token is None:
            return self._do(call)
        with TURN:
            answered = table("idempotency tokens")
            key = f"{call.name}/{call.region}/{token}"
            if key not in answered:
                reply = self._do(call)
                if reply.status >= 300:
                    return reply
                answered[key] = reply
            known: Reply = answered[key]
            return known

    def _do(self, call: Call) -> Reply:
        """Let an addition answer, else moto."""
        if call.service == "ec2" and call.is_dry_run:
            message = "Request would have succeeded, but DryRun flag is set."
            return call.answer(AwsError("DryRunOperation", message, 412))
        addition = registered().get((call.service, call.operation))
        if addition is None:
            return self._pass_on(call.environ, call.body, call)
        try:
            with TURN:
                return call.answer(addition(call))
        except AwsError as refused:
            return call.answer(refused)
        except ServiceException as refused:
            return call.answer(AwsError(refused.code, refused.message, 400))
        except Exception as problem:  # noqa: BLE001  # as AWS answers its own bugs
            return call.answer(_failure(call.name, problem))

    def _pass_on(self, environ: Environ, body: bytes, call: Call | None = None) -> Reply:
        answered: list[Reply] = []
        environ = {**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        environ.pop("HTTP_TRANSFER_ENCODING", None)

        def start(status: str, headers: list[tuple[str, str]], _: object = None) -> object:
            answered.append(Reply(int(status.split(maxsplit=1)[0]), headers, b""))
            return None

        try:
            content = b"".join(self._moto(environ, start))
        except Exception as problem:  # noqa: BLE001  # moto's bugs too are answered in the protocol
            failure = _failure(call.name if call else environ.get("PATH_INFO", ""), problem)
            if call is None:
                return Reply(failure.status, [("Content-Type", "text/plain")], failure.message.encode())
            return call.answer(failure)
        return Reply(answered[-1].status, answered[-1].headers, content)

    def health(self) -> dict[str, Any]:
        """What a health check sees: incarnation is new with all state at a start, generation at a change."""
        return {
            "status": "ok",
            "account": ACCOUNT,
            "incarnation": self.incarnation,
            "generation": self.generation,
        }

    def reset(self) -> None:
        """Become a new, empty account."""
        with TURN:
            emulator.reset()
            store.clear()
            self.incarnation = secrets.token_hex(8)
        self.changed()


def _failure(name: str, problem: Exception) -> AwsError:
    """What a client is told of something that moto lacks, or of a bug; the log has the rest."""
    if isinstance(problem, NotImplementedError):
        sys.stderr.write(f"not emulated: {name}: {problem}\n")
        return AwsError(NOT_EMULATED, f"the emulated account does not have this: {problem}", 501)
    sys.stderr.write(f"{name} failed\n{''.join(traceback.format_exception(problem))}")
    return AwsError("InternalError", f"the emulated account failed: {problem}", 500)


def as_json(content: object, status: int = 200) -> Reply:
    """An answer of the administration."""
    text = json.dumps(content, indent=1, sort_keys=True, default=str) + "\n"
    return Reply(status, [("Content-Type", "application/json")], text.encode())
