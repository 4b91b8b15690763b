"""HTTPS to an API server: connections, credentials, and errors that say what is wrong."""

import contextlib
import json
import os
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3

from rehearsal.providers.kubernetes.apierrors import ApiError, UnreachableError
from rehearsal.providers.kubernetes.kubeconfig import Access, credentials

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

_CONNECT_SECONDS = 10
_READ_SECONDS = 65  # the server itself gives up a request after 60
_RETRIES = 4
_TOKEN_FILE_SECONDS = 60
_ONCE = urllib3.Retry(total=1, connect=1, read=0, other=0, redirect=0, respect_retry_after_header=False)
_IDEMPOTENT = urllib3.Retry(total=2, connect=1, redirect=0, respect_retry_after_header=False)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A successful response."""

    body: bytes
    warnings: list[str]

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace")


class Transport:
    """A connection pool with an identity; thread-safe."""

    def __init__(self, access: Access) -> None:
        self.server = access.server
        self._access = access
        self._lock = threading.Lock()
        self._streams: set[BaseHTTPResponse] = set()
        self._interrupted = False
        self._login()

    def _login(self) -> None:
        self._identity = credentials(self._access)
        self._token_read_at = 0.0
        self._token = self._identity.token
        self._pool = _pool(self._identity)

    def request(
        self,
        method: str,
        url: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request, repeated when the server says that it is busy. Raises ApiError, UnreachableError."""
        for attempt in range(_RETRIES):
            response = self._send(method, url, body, headers or {}, stream=False, timeout=_READ_SECONDS)
            if response.status < 400:
                return Answer(body=response.data, warnings=_warnings(response))
            error = _refusal(response)
            if response.status == 401 and self._access.exec and attempt == 0:
                self._login()  # the credential may have expired
                continue
            busy = response.status == 429 or (response.status == 503 and method == "GET")
            if not busy or attempt == _RETRIES - 1 or self._interrupted:
                raise error
            time.sleep(min(5.0, float(response.headers.get("Retry-After") or 1)))
        raise AssertionError

    @contextlib.contextmanager
    def stream(self, url: str, *, timeout: float) -> Iterator[Iterator[bytes]]:
        """The lines of a response that goes on; they end quietly on a time-out or after `interrupt`."""
        response = self._send("GET", url, None, {"Accept": "application/json"}, stream=True, timeout=timeout)
        if response.status >= 400:
            response.read(decode_content=True)
            raise _refusal(response)
        with self._lock:
            self._streams.add(response)
        try:
            yield self._lines(response)
        finally:
            with self._lock:
                self._streams.discard(response)
            response.close()

    def _lines(self, response: "BaseHTTPResponse") -> Iterator[bytes]:
        pending = b""
        try:
            while not self._interrupted and (chunk := response.read1()):
                *lines, pending = (pending + chunk).split(b"\n")
                yield from (line for line in lines if line)
        except (urllib3.exceptions.HTTPError, OSError):
            return  # timed out or cut: whoever watches lists again

    def interrupt(self) -> None:
        """Cut every stream that is open, and let none begin."""
        with self._lock:
            self._interrupted = True
            streams = list(self._streams)
        for response in streams:
            with contextlib.suppress(OSError, RuntimeError, ValueError):  # it may have ended meanwhile
                response.shutdown()

    def _send(
        self,
        method: str,
        url: str,
        body: bytes | None,
        headers: Mapping[str, str],
        *,
        stream: bool,
        timeout: float,
    ) -> "BaseHTTPResponse":
        try:
            return self._pool.request(
                method,
                self.server + url,
                body=body,
                headers={"User-Agent": "berth-kubernetes", **headers, **self._authorization()},
                timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=timeout),
                retries=_IDEMPOTENT if method == "GET" else _ONCE,
                preload_content=not stream,
            )
        except urllib3.exceptions.HTTPError as error:
            raise UnreachableError(
                f"the Kubernetes API server at {self.server} is unreachable: {_cause(error)}",
                "Is the cluster up, and is this the right kubeconfig and context?",
            ) from error

    def _authorization(self) -> dict[str, str]:
        identity = self._identity
        if identity.token_file and not identity.token:
            now = time.monotonic()
            if self._token is None or now - self._token_read_at > _TOKEN_FILE_SECONDS:
                self._token = Path(identity.token_file).read_text().strip()  # it is renewed in place
                self._token_read_at = now
        if self._token:
            return {"Authorization": f"Bearer {self._token}"}
        if identity.username:
            return urllib3.make_headers(basic_auth=f"{identity.username}:{identity.password or ''}")
        return {}


def _pool(access: Access) -> urllib3.PoolManager:
    options: dict[str, Any] = {"num_pools": 2, "maxsize": 32}
    if access.server.startswith("https"):
        context = ssl.create_default_context(cadata=access.ca.decode() if access.ca else None)
        if access.insecure:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # the kubeconfig says so
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if access.certificate and access.key:
            _load_certificate(context, access.certificate, access.key)
        options["ssl_context"] = context
        if access.tls_server_name:
            options |= {
                "server_hostname": access.tls_server_name,
                "assert_hostname": access.tls_server_name,
            }
    host = urlsplit(access.server)
    proxy = access.proxy_url
    if not proxy and not proxy_bypass(host.hostname or ""):
        proxy = getproxies().get(host.scheme)
    return urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)


def _load_certificate(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Write the certificate where ssl can read it: it takes files only, here a private one, for a moment."""
    handle, name = tempfile.mkstemp(prefix="berth-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(certificate + b"\n" + key)
        context.load_cert_chain(name)
    except ssl.SSLError as error:
        raise UnreachableError(f"the kubeconfig's client certificate cannot be used: {error}") from error
    finally:
        Path(name).unlink()


def _warnings(response: "BaseHTTPResponse") -> list[str]:
    """The texts of `Warning: 299 - "text"` headers."""
    return [text.split('"', 2)[1] for text in response.headers.getlist("Warning") if text.count('"') >= 2]


def _refusal(response: "BaseHTTPResponse") -> ApiError:
    try:
        status = json.loads(response.data)
        if status.get("kind") == "Status":
            return ApiError(
                int(status.get("code") or response.status),
                str(status.get("reason") or "Unknown"),
                str(status.get("message") or response.reason),
                status.get("details"),
            )
    except (ValueError, AttributeError):
        pass
    text = response.data.decode(errors="replace").strip()[:500]
    return ApiError(response.status, response.reason or "Unknown", text or f"HTTP status {response.status}")


def _cause(error: BaseException) -> str:
    """The innermost reason, which names the actual trouble."""
    while (inner := getattr(error, "reason", None) or error.__cause__) and isinstance(inner, BaseException):
        error = inner
    text = str(error)
    return text.rpartition(">: ")[2] or text or type(error).__name__
