"""The account as one WSGI application: administration, keys, faults, additions, then moto.

Every request walks these stations in this order and in `Account.respond` only.
"""

import io
import json
import secrets
import sys
from collections.abc import Iterable

from rehearsal.clouds.aws import emulator, keys
from rehearsal.clouds.aws.additions import registered
from rehearsal.clouds.aws.calls import AwsError, Call, Environ, Reply, StartResponse, recognise
from rehearsal.clouds.aws.client import Clients
from rehearsal.clouds.aws.emulator import ACCOUNT, TURN, whole_body

NOT_EMULATED = "NotEmulated"


class Account:
    """What answers AWS's API, with its clients for use inside this process."""

    def __init__(self) -> None:
        self.incarnation = secrets.token_hex(8)
        self._moto = emulator.application()
        self._moto_clients = Clients(self._moto)
        self.clients = Clients(self)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request of the API."""
        body = whole_body(environ)
        call = recognise(environ, body)
        if call is None:
            return self._pass_on(environ, body).send(start_response)
        call.moto = self._moto_clients.operation(call.service, call.region, call.operation, call.access_key)
        return self.respond(call).send(start_response)

    def respond(self, call: Call) -> Reply:
        """The answer to a recognised call."""
        refused = keys.refusal(call)
        if refused:
            return call.answer(refused)
        return self._do(call)

    def _do(self, call: Call) -> Reply:
        """Let an addition answer, else moto."""
        addition = registered().get((call.service, call.operation))
        if addition is None:
            return self._pass_on(call.environ, call.body, call)
        try:
            with TURN:
                return call.answer(addition(call))
        except AwsError as refused:
            return call.answer(refused)

    def _pass_on(self, environ: Environ, body: bytes, call: Call | None = None) -> Reply:
        answered: list[Reply] = []
        environ = {**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        environ.pop("HTTP_TRANSFER_ENCODING", None)

        def start(status: str, headers: list[tuple[str, str]], _: object = None) -> object:
            answered.append(Reply(int(status.split(maxsplit=1)[0]), headers, b""))
            return None

        try:
            content = b"".join(self._moto(environ, start))
        except NotImplementedError as missing:
            name = call.name if call else environ.get("PATH_INFO")
            sys.stderr.write(f"not emulated: {name}: {missing}\n")
            error = AwsError(NOT_EMULATED, f"the emulated account does not have this: {missing}", 501)
            if call is None:
                return Reply(501, [("Content-Type", "text/plain")], error.message.encode())
            return call.answer(error)
        return Reply(answered[-1].status, answered[-1].headers, content)

    def health(self) -> dict[str, str]:
        """What a health check sees; incarnation changes at every start, and with it all state."""
        return {"status": "ok", "incarnation": self.incarnation, "account": ACCOUNT}


def as_json(content: object, status: int = 200) -> Reply:
    """An answer of the administration."""
    text = json.dumps(content, indent=1, sort_keys=True, default=str) + "\n"
    return Reply(status, [("Content-Type", "application/json")], text.encode())
