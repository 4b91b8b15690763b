"""The few requests that bringing up a cluster takes, with the administrator's certificate."""

import http.client
import json
import ssl
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from rehearsal import addresses, ca
from rehearsal.cluster.layout import NODE_NAME
from rehearsal.paths import Paths

_FAILURES = (OSError, http.client.HTTPException, ssl.SSLError)


def connect(paths: Paths, *, timeout: float, anonymous: bool = False) -> http.client.HTTPSConnection:
    """A connection to the API server. timeout: seconds for connecting and for each read."""
    pki = ca.directory(paths)
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    if not anonymous:
        context.load_cert_chain(pki / "user-admin.crt", pki / "user-admin.key")
    return http.client.HTTPSConnection(
        str(addresses.NODE), addresses.API_SERVER_PORT, timeout=timeout, context=context
    )


def request(
    paths: Paths,
    method: str,
    path: str,
    body: object = None,
    *,
    timeout: float = 5.0,
    anonymous: bool = False,
    content_type: str = "application/json",
) -> tuple[int, str]:
    """One request; returns the HTTP status (0 where no answer came) and the text of the answer."""
    try:
        with closing(connect(paths, timeout=timeout, anonymous=anonymous)) as connection:
            payload = None if body is None else json.dumps(body)
            connection.request(method, path, payload, {"Content-Type": content_type})
            response = connection.getresponse()
            return response.status, response.read().decode(errors="replace")
    except _FAILURES as problem:
        return 0, str(problem)


def is_ready(paths: Paths, *, timeout: float = 2.0) -> bool:
    """Whether the API server, with its etcd, is up."""
    return request(paths, "GET", "/readyz", timeout=timeout)[0] == 200


def get(paths: Paths, path: str) -> dict[str, Any] | None:
    """An object; None where it is not there or the server does not answer."""
    status, text = request(paths, "GET", path)
    return json.loads(text) if status == 200 else None


def node(paths: Paths) -> dict[str, Any] | None:
    """The node."""
    return get(paths, f"/api/v1/nodes/{NODE_NAME}")


def condition(node: dict[str, Any] | None, kind: str = "Ready") -> tuple[str, str]:
    """A node's condition: status (`True`, `False`, `Unknown`) and message; no status where there is none."""
    for entry in (node or {}).get("status", {}).get("conditions", []):
        if entry["type"] == kind:
            return entry["status"], entry.get("message", "")
    return "", ""


def watch(paths: Paths, path: str, *, seconds: float) -> Iterator[dict[str, Any]]:
    """What is there and what happens to it, as watch events; ends after `seconds` or on trouble."""
    until = time.monotonic() + seconds
    sign = "&" if "?" in path else "?"
    try:
        with closing(connect(paths, timeout=max(1.0, seconds))) as connection:
            connection.request("GET", f"{path}{sign}watch=true&timeoutSeconds={max(1, int(seconds))}")
            response = connection.getresponse()
            while response.status == 200 and time.monotonic() < until:
                line = response.readline()
                if not line:
                    return
                yield json.loads(line)
    except (*_FAILURES, ValueError):
        return
