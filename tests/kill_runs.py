"""Ups that are killed at a drawn moment, and whether the next `up` ends as one that nobody killed.

A tollgate stands between the engine's plugins and the API. It counts the calls that change something; at the
drawn one it kills the engine, its language host and all plugins by SIGKILL: before the API has seen the call,
or after the API has done it and before the engine could know. Points are drawn by a seed.
"""

import contextlib
import http.client
import json
import os
import random
import re
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

UP_SECONDS = 900
TRIES = 3
"""How often an `up` is tried that ended before the time at which it was to be killed."""
_READS = re.compile(r"(?:Describe|Get|List|Head|Lookup|Search|Simulate|BatchGet|BatchCheck)")
_MASKS = (
    (re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r"\b[a-z]{1,10}-[0-9a-f]{8,17}\b"), "ID"),
    (re.compile(r"\b(?:[A-Z0-9]{16,24}|[a-z0-9]{20})\b"), "KEY"),
    (re.compile(r"\bip(?:-\d{1,3}){4}\b"), "HOST"),
    (re.compile(r"\b(?:198\.51\.100|10\.\d+\.\d+)\.\d+\b(?!/)"), "ADDRESS"),
    (re.compile(r"(?<=-)[0-9a-f]{7}\b"), "SUFFIX"),
    (re.compile(r"\bus-east-1[a-f]\b|use1-az\d"), "ZONE"),
    (re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}"), "MAC"),
)


@dataclass(frozen=True)
class Point:
    """When an `up` is killed.

    moment: `before` or `after` the API does the call of this number, or at a `time`. at: the number, 1 is
    the first; or the share of the time that an `up` takes.
    """

    moment: str
    at: float

    def __str__(self) -> str:
        if self.moment == "time":
            return f"after {self.at:.0%} of the time"
        return f"{self.moment} call {self.at:.0f}"


def draw(count: int, seed: int, calls: int) -> list[Point]:
    """Points, by turns after a call, before one, after one, at a time; the same seed draws the same.

    calls: that change something in an `up` that nobody kills.
    """
    chance = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
    moments = ("after", "before", "after", "time")
    return [
        Point(moment, round(chance.random(), 3) if moment == "time" else chance.randint(1, calls))
        for moment in (moments[number % len(moments)] for number in range(count))
    ]


# The tollgate


def changes(method: str, path: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether a request to AWS, or to Kubernetes, changes something."""
    target = headers.get("X-Amz-Target", "")
    if target:
        return not _READS.match(target.rpartition(".")[2])
    action = re.search(rb"(?:^|&)Action=(\w+)", body)
    if action:
        return not _READS.match(action[1].decode())
    asks = "/_berth/" in path or "dryRun=" in path or "accessreview" in path
    return method in ("PUT", "POST", "DELETE", "PATCH") and not asks


class Tollgate:
    """Hands requests on to a server, counts those that change something, and acts at one of them.

    connect: makes a connection to the server.
    """

    def __init__(self, connect: Callable[[], http.client.HTTPConnection]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._act: tuple[int, str, Callable[[], None]] | None = None
        self.passed = 0
        self.endpoint = ""

    def arm(self, number: int, moment: str, act: Callable[[], None]) -> None:
        """From now on count anew, and act before or after the call of this number."""
        with self._lock:
            self.passed, self._act = 0, (number, moment, act)

    def disarm(self) -> None:
        """Count anew, and only count."""
        with self._lock:
            self.passed, self._act = 0, None

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        """One request."""
        body = _body(request)
        act: Callable[[], None] | None = None
        moment = ""
        if changes(request.command, request.path, request.headers, body):
            with self._lock:
                self.passed += 1
                if self._act is not None and self.passed == self._act[0]:
                    _, moment, act = self._act
        if act is not None and moment == "before":
            act()
            request.close_connection = True
            return
        self._forward(request, body, act)

    def _forward(self, request: BaseHTTPRequestHandler, body: bytes, act: Callable[[], None] | None) -> None:
        server = self._connect()
        with contextlib.closing(server):
            kept = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
            kept["Connection"] = "close"
            server.request(request.command, request.path, body=body or None, headers=kept)
            answer = server.getresponse()
            if act is not None:
                answer.read()
                act()
                request.close_connection = True
                return
            _pass_on(request, answer)


_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive", "expect"}


def _body(request: BaseHTTPRequestHandler) -> bytes:
    if request.headers.get("Expect", "").lower() == "100-continue":
        request.send_response_only(100)
        request.end_headers()
    if request.headers.get("Transfer-Encoding", "").lower() == "chunked":
        parts = []
        while size := int(request.rfile.readline().split(b";")[0], 16):
            parts.append(request.rfile.read(size))
            request.rfile.readline()
        while request.rfile.readline().strip():
            pass
        return b"".join(parts)
    return request.rfile.read(int(request.headers.get("Content-Length") or 0))


def _pass_on(request: BaseHTTPRequestHandler, answer: http.client.HTTPResponse) -> None:
    """The answer, part by part as it comes (a watch does not end), until the connection ends."""
    request.close_connection = True
    with contextlib.suppress(OSError):
        request.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP or (name.lower() == "content-length"):
                request.send_header(name, value)
        request.send_header("Connection", "close")
        request.end_headers()
        while part := answer.read1(65536):
            request.wfile.write(part)
            request.wfile.flush()


@contextmanager
def tollgate(connect: Callable[[], http.client.HTTPConnection]) -> Iterator[Tollgate]:
    """One that listens on a free port of this machine."""
    gate = Tollgate(connect)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

    def handle(self: BaseHTTPRequestHandler) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            gate.handle(self)

    for method in ("GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"):
        setattr(Handler, f"do_{method}", handle)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        gate.endpoint = f"http://127.0.0.1:{server.server_port}"
        yield gate
        server.shutdown()


def to(endpoint: str) -> Callable[[], http.client.HTTPConnection]:
    """Makes connections to a server that speaks plain HTTP."""
    address = urlsplit(endpoint).netloc
    return lambda: http.client.HTTPConnection(address, timeout=300)


# Killing


def kill_session(leader: int) -> int:
    """SIGKILL to a process and all that its session consists of; how many there were.

    The engine gives each plugin a process group of its own, but no session.
    """
    killed = 0
    for _ in range(5):  # one that is starting another meanwhile must not escape
        found = [int(pid.name) for pid in Path("/proc").glob("[0-9]*") if _session(pid.name) == leader]
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed += 1
        if not found:
            break
    return killed


def _session(pid: str) -> int:
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if words[0] == "Z" else int(words[3])


@dataclass
class Ended:
    """How a run of the engine ended."""

    killed: bool
    seconds: float
    output: str


def run_and_kill(
    argv: Sequence[str], environ: Mapping[str, str], point: Point | None, gate: Tollgate, usual: float
) -> Ended:
    """Run the engine until the point, or to its end where the point is not met.

    usual: seconds that it takes when nobody kills it.
    """
    began = time.monotonic()
    process = subprocess.Popen(
        argv,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    met = threading.Event()

    def act() -> None:
        met.set()
        kill_session(process.pid)

    if point is None:
        gate.disarm()
    elif point.moment == "time":
        gate.disarm()
        timer = threading.Timer(point.at * usual, act)
        timer.start()
    else:
        gate.arm(int(point.at), point.moment, act)
    output, _ = process.communicate(timeout=UP_SECONDS)
    if point is not None and point.moment == "time":
        timer.cancel()
    return Ended(met.is_set(), time.monotonic() - began, output)


def left_pending(backend: Path, stack: str) -> list[str]:
    """`<operation> <type>` of what a killed engine noted as pending."""
    file = backend / ".pulumi" / "stacks" / "berth" / f"{stack}.json"
    latest = json.loads(file.read_text())["checkpoint"].get("latest") or {}
    return [f"{one['type']} {one['resource']['type']}" for one in latest.get("pending_operations") or []]


# What an account has


def inventory(rows: Sequence[Mapping[str, Any]]) -> Counter[str]:
    """How often there is what, without what differs between two accounts that are alike.

    An object that was written again has an older version, which the bucket's own rules remove.
    """
    return Counter(
        json.dumps(masked([row["service"], row["kind"], row["id"], row["is"]]))
        for row in rows
        if row["is"].get("IsLatest", True)
    )


def masked(value: Any) -> Any:
    """A value with names in place of what is drawn, its lists in an order of their own."""
    if isinstance(value, dict):
        return {key: masked(inner) for key, inner in sorted(value.items())}
    if isinstance(value, list):
        return sorted((masked(inner) for inner in value), key=repr)
    if isinstance(value, str):
        for pattern, name in _MASKS:
            value = pattern.sub(name, value)
    return value


def differences(before: Counter[str], after: Counter[str]) -> list[str]:
    """What is too much and what is missing."""
    return [f"too much: {line[:1500]}" for line in after - before] + [
        f"missing: {line[:1500]}" for line in before - after
    ]


# Results


@dataclass
class Outcome:
    """What came of one point."""

    number: int
    point: Point
    killed: bool = False
    pending: list[str] = field(default_factory=list)
    """`<operation> <type>` that the killed engine left."""
    resolved: list[str] = field(default_factory=list)
    """What the next `up` said about it."""
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def verdict(self) -> str:
        if self.problems:
            return "wrong"
        return "converged" if self.killed else "not met"


class Victim(Protocol):
    """An environment whose `up` can be killed.

    calls: that change something in an `up` which nobody kills; usual: the seconds that it takes.
    """

    calls: int
    usual: float

    def kill_and_converge(self, number: int, point: Point, *, thorough: bool) -> Outcome:
        """One `up` from nothing that is killed, and the next one."""


def save(file: Path, about: Mapping[str, Any], outcomes: Sequence[Outcome]) -> None:
    """Write the results so that a later run can go on."""
    rows = [{**asdict(one), "verdict": one.verdict} for one in outcomes]
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps({**about, "outcomes": rows}, indent=1))
    partial.replace(file)


def load(file: Path, about: Mapping[str, Any]) -> list[Outcome]:
    """What converged in an earlier run of the same points; nothing where it was another."""
    try:
        content = json.loads(file.read_text())
    except (OSError, ValueError):
        return []
    if any(content.get(key) != value for key, value in about.items()):
        return []
    kept = []
    for row in content["outcomes"]:
        if row.pop("verdict") != "converged":
            continue
        kept.append(Outcome(**{**row, "point": Point(**row["point"])}))
    return kept
