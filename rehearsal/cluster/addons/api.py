"""The few requests that the add-ons make of the API server, over plain HTTP.

The official client library is left out on purpose: importing it takes longer than everything done here.
"""

import json
import ssl
from collections.abc import Iterator, Mapping
from typing import Any

import urllib3

from rehearsal import ca
from rehearsal.cluster.identity import SERVER
from rehearsal.paths import Paths

Object = dict[str, Any]

FIELD_MANAGER = "berth-addons"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"

# Kind to plural and whether it lives in a namespace.
_KINDS = {
    "APIService": ("apiservices", False),
    "ClusterRole": ("clusterroles", False),
    "ClusterRoleBinding": ("clusterrolebindings", False),
    "EndpointSlice": ("endpointslices", True),
    "RoleBinding": ("rolebindings", True),
    "Service": ("services", True),
    "StorageClass": ("storageclasses", False),
}


class Refused(Exception):
    """The API server said no, or could not be reached (status 0)."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}" if status else message)
        self.status = status


class Api:
    """One identity's access to the API server. Safe to use from several threads."""

    def __init__(self, paths: Paths, identity: str, *, server: str = SERVER) -> None:
        """identity: the name of a client certificate of the rehearsal's authority that exists already."""
        certificate = ca.directory(paths) / f"{identity}.crt"
        trust = ssl.create_default_context(cafile=str(ca.ensure_ca(paths)))
        trust.load_cert_chain(certificate, certificate.with_suffix(".key"))
        self._server = server
        self._pool = urllib3.PoolManager(ssl_context=trust, retries=False, timeout=10.0, maxsize=4)

    def call(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        *,
        kind: str = "application/json",
        fields: Mapping[str, str] | None = None,
    ) -> Object:
        """One request; returns the decoded answer.

        Raises:
            Refused: a status of 400 and above, or no connection.
        """
        try:
            reply = self._pool.request(
                method,
                self._server + path + _query(fields),
                body=None if body is None else json.dumps(body),
                headers={"Content-Type": kind, "Accept": "application/json"},
            )
        except urllib3.exceptions.HTTPError as reason:
            raise Refused(0, f"the API server at {self._server} cannot be reached: {reason}") from None
        if reply.status >= 400:
            raise Refused(reply.status, _message(reply.data))
        return dict(json.loads(reply.data or b"{}"))

    def apply(self, wanted: Object) -> Object:
        """Create or update an object by server-side apply; fields of other managers stay."""
        fields = {"fieldManager": FIELD_MANAGER, "force": "true"}
        return self.call("PATCH", object_path(wanted), wanted, kind=APPLY, fields=fields)

    def watch(self, path: str, version: str, *, seconds: int) -> Iterator[tuple[str, Object]]:
        """Changes after a resource version, until the server ends the watch.

        Raises:
            Refused: the connection broke, or the version is too old (410): list again.
        """
        fields = {"watch": "1", "resourceVersion": version, "timeoutSeconds": str(seconds)}
        try:
            reply = self._pool.request(
                "GET",
                self._server + path + _query(fields),
                preload_content=False,
                timeout=urllib3.Timeout(connect=10.0, read=seconds + 30.0),
            )
            try:
                if reply.status >= 400:
                    raise Refused(reply.status, _message(reply.read()))
                for line in _lines(reply):
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise Refused(
                            int(event["object"].get("code", 500)), event["object"].get("message", "")
                        )
                    yield event["type"], event["object"]
            finally:
                reply.close()
        except urllib3.exceptions.HTTPError as reason:
            raise Refused(0, f"the watch broke off: {reason}") from None


def object_path(wanted: Object) -> str:
    """The URL path of an object of a kind that the add-ons use."""
    plural, namespaced = _KINDS[wanted["kind"]]
    group = wanted["apiVersion"]
    root = f"/apis/{group}" if "/" in group else f"/api/{group}"
    meta = wanted["metadata"]
    scope = f"/namespaces/{meta['namespace']}" if namespaced else ""
    return f"{root}{scope}/{plural}/{meta['name']}"


def _lines(reply: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    """Whole lines of a stream, each as soon as it has arrived."""
    rest = b""
    for chunk in reply.read_chunked():
        *whole, rest = (rest + chunk).split(b"\n")
        yield from filter(None, whole)


def _query(fields: Mapping[str, str] | None) -> str:
    return "?" + "&".join(f"{name}={value}" for name, value in fields.items()) if fields else ""


def _message(data: bytes) -> str:
    try:
        return str(json.loads(data)["message"])
    except (ValueError, KeyError, TypeError):
        return data.decode(errors="replace")[:500]
