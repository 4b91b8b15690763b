"""HTTP and NTP at 169.254.169.254 and .123 in the namespace; one thread each, inside the controller.

A machine is known by its address, which the firewall lets nobody else use. Only version 2 of the protocol is
spoken: docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html.
"""

import hmac
import secrets
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from rehearsal.machines.metadata.tree import VERSIONS, answer
from rehearsal.machines.network.plan import CLOCK, METADATA, Plan
from rehearsal.machines.network.sockets import bound

LIFE = (1, 21600)  # seconds that a token may be asked for
NTP_EPOCH = 2208988800  # seconds from 1900 to 1970 (RFC 868)


class Guest:
    """What the service knows of one machine. leaves: asked at each request, for what changes."""

    def __init__(
        self, *, leaves: Callable[[], dict[str, bytes]], hop_limit: int, enabled: bool = True
    ) -> None:
        self.leaves = leaves
        self.hop_limit = hop_limit
        self.enabled = enabled


class Tokens:
    """Session tokens: each is good for the machine it was given to, until its time is over."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def issue(self, address: str, seconds: int) -> str:
        until = f"{time.time() + seconds:.0f}"
        return f"{until}-{self._sign(address, until)}"

    def accepts(self, address: str, token: str) -> bool:
        until, _, signature = token.partition("-")
        if not until.isdigit() or not signature.isascii():
            return False
        return hmac.compare_digest(signature, self._sign(address, until)) and time.time() < float(until)

    def _sign(self, address: str, until: str) -> str:
        return hmac.new(self._key, f"{address} {until}".encode(), "sha256").hexdigest()


class Service(ThreadingHTTPServer):
    """The metadata server. guests: by address; replaced as a whole when something changes."""

    daemon_threads = True

    def __init__(self, listener: socket.socket, key: bytes) -> None:
        super().__init__(listener.getsockname()[:2], Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.guests: Mapping[str, Guest] = {}
        self.tokens = Tokens(key)


class Handler(BaseHTTPRequestHandler):
    """One request of a machine."""

    server: Service
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "EC2ws", ""
    timeout = 10

    def do_PUT(self) -> None:
        guest = self._guest()
        if guest is None:
            return
        if self.path != "/latest/api/token":
            self._say(404)
            return
        # Before the answer, and for good: what is sent again must not get further either.
        self.connection.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, guest.hop_limit)
        asked = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
        if "X-Forwarded-For" in self.headers:
            self._say(403)
        elif not asked.isdigit() or not LIFE[0] <= int(asked) <= LIFE[1]:
            self._say(400)
        else:
            token = self.server.tokens.issue(self.client_address[0], int(asked))
            self._say(200, token.encode(), {"X-aws-ec2-metadata-token-ttl-seconds": asked})

    def do_GET(self) -> None:
        guest = self._guest()
        if guest is None:
            return
        token = self.headers.get("X-aws-ec2-metadata-token", "")
        if not self.server.tokens.accepts(self.client_address[0], token):
            self._say(401)
            return
        version, _, path = self.path.partition("?")[0].lstrip("/").partition("/")
        if not version:
            self._say(200, "\n".join((*VERSIONS, "latest")).encode())
            return
        content = answer(guest.leaves(), path) if version in (*VERSIONS, "latest") else None
        if content is None:
            self._say(404)
        else:
            self._say(200, content)

    do_HEAD = do_GET  # noqa: N815 - the base class's name

    def _guest(self) -> Guest | None:
        guest = self.server.guests.get(self.client_address[0])
        if guest is None or not guest.enabled:
            self._say(403)
            return None
        return guest

    def _say(self, status: int, content: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/octet-stream" if b"\0" in content else "text/plain")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Nothing: machines ask every few seconds."""


def serve(plan: Plan, key_file: Path) -> Service:
    """Start both services in the namespace; the threads end with the process.

    key_file: what tokens are signed with, so that they outlive this process.
    """
    if not key_file.exists():
        key_file.parent.mkdir(parents=True, exist_ok=True)
        key_file.touch(mode=0o600)
        key_file.write_bytes(secrets.token_bytes(32))
    service = Service(bound(plan, METADATA, 80), key_file.read_bytes())
    clock = bound(plan, CLOCK, 123, kind=socket.SOCK_DGRAM)
    threading.Thread(target=service.serve_forever, daemon=True, name="metadata").start()
    threading.Thread(target=_tell_time, args=(clock,), daemon=True, name="clock").start()
    return service


def _tell_time(clock: socket.socket) -> None:
    while True:
        try:
            request, sender = clock.recvfrom(512)
            if len(request) >= 48:
                clock.sendto(ntp_answer(request, time.time()), sender)
        except OSError:
            time.sleep(1)


def ntp_answer(request: bytes, now: float) -> bytes:
    """A server's answer by this machine's clock (RFC 5905, figure 8); now: seconds since 1970."""
    stamp = struct.pack("!II", (int(now) + NTP_EPOCH) & 0xFFFFFFFF, int(now % 1 * (1 << 32)))
    version = request[0] >> 3 & 7
    header = struct.pack("!BBbb", version << 3 | 4, 3, request[2], -20)
    return (
        header + struct.pack("!II4s", 0, 1 << 6, b"\xa9\xfe\xa9\x7b") + stamp + request[40:48] + stamp + stamp
    )
