"""A threaded WSGI server, plain or with TLS, whose handshakes are made by the thread of the connection.

werkzeug's own TLS makes them in the accepting thread, where one silent client would stop everybody.
"""

import contextlib
import ssl
import sys
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import ThreadedWSGIServer

from rehearsal.clouds.aws.calls import Application

HANDSHAKE_SECONDS = 30.0
IDLE_SECONDS = 75.0
GOODBYE_SECONDS = 5.0


class _Handler(MotoRequestHandler):
    """Quiet: the account logs what it does not know; requests and idle connections are not worth a line."""

    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True  # else a body waits 40 ms for the acknowledgement of its headers

    def run_wsgi(self) -> None:
        """Answer one request and keep the connection, which werkzeug closes for fear of unread bodies."""
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        answered: list[Any] = ["500 Internal Server Error", []]

        def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> Any:
            answered[:] = [status, headers]
            return lambda _data: None

        try:
            body = b"".join(self.server.app(self.make_environ(), start_response))
        except OSError:
            self.close_connection = True  # a fault has ended the connection, or the client has
            return
        code, _, reason = answered[0].partition(" ")
        named = {name.lower() for name, _ in answered[1]}
        self.send_response(int(code), reason)
        for name, value in answered[1]:
            self.send_header(name, value)
        if "content-length" not in named and int(code) not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        pass

    def log_error(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class names it so
        if "handshake" not in format and "timed out" not in format:
            super().log_error(format, *args)


class Server(ThreadedWSGIServer):
    """Serves one application on one address."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self, host: str, port: int, application: Application, tls: ssl.SSLContext | None = None
    ) -> None:
        super().__init__(host, port, application, _Handler)
        self._tls = tls

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that was lost, by a fault or by the client, is no news."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Handle one connection, in its own thread."""
        if self._tls is None:
            super().finish_request(request, client_address)
            return
        request.settimeout(HANDSHAKE_SECONDS)
        try:
            secured = self._tls.wrap_socket(request, server_side=True)
        except OSError:
            return
        secured.settimeout(None)
        try:
            super().finish_request(secured, client_address)
            # Clients that take a missing goodbye for a truncated answer, such as apt's, need TLS's.
            secured.settimeout(GOODBYE_SECONDS)
            with contextlib.suppress(OSError, ValueError):
                secured.unwrap()
        finally:
            secured.close()


def server_context(certificate: str, key: str) -> ssl.SSLContext:
    """TLS settings with a certificate and key (PEM files)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
