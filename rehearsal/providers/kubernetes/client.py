"""A small Kubernetes API client: typed calls over plain HTTPS.

Owns paths, verbs, watches and error translation. Credentials come from `kubeconfig`, kinds from `discovery`.
All calls block and are thread-safe. Raises ApiError (the server refused), UnknownKindError,
UnreachableError.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from rehearsal.providers.kubernetes.apierrors import ApiError, UnknownKindError, UnreachableError
from rehearsal.providers.kubernetes.discovery import ApiResource, Discovery
from rehearsal.providers.kubernetes.kubeconfig import Access

if TYPE_CHECKING:
    from rehearsal.providers.kubernetes.transport import Transport

__all__ = ["ApiError", "ApiResource", "Client", "Object", "Objects", "UnknownKindError", "UnreachableError"]

Object = dict[str, Any]
Objects = list[Object]
Params = Mapping[str, str | int | bool]

APPLY = "application/apply-patch+yaml"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"


class Client:
    """One API server, seen with one identity."""

    def __init__(self, access: Access, *, on_warning: Callable[[str], None] = lambda _: None) -> None:
        self.access = access
        self.on_warning = on_warning
        self._transport: Transport | None = None
        self._lock = threading.Lock()
        self.discovery = Discovery(access, lambda path, accept: self._json("GET", path, accept=accept))

    @property
    def namespace(self) -> str:
        """The namespace of objects that name none."""
        return self.access.namespace

    # Paths

    def resource(self, api_version: str, kind: str) -> ApiResource:
        """Where the server keeps objects of a kind. Raises UnknownKindError."""
        return self.discovery.resource(api_version, kind)

    def collection_path(self, api_version: str, kind: str, namespace: str | None = None) -> str:
        """The path of all objects of a kind; across namespaces when namespace is None."""
        resource = self.resource(api_version, kind)
        if resource.namespaced and namespace is not None:
            return f"{resource.prefix}/namespaces/{quote(namespace)}/{resource.plural}"
        return f"{resource.prefix}/{resource.plural}"

    def object_path(self, obj: Mapping[str, Any]) -> str:
        """The path of one object, from its apiVersion, kind and metadata."""
        metadata = obj.get("metadata") or {}
        namespace = metadata.get("namespace") or self.namespace
        return f"{self.collection_path(obj['apiVersion'], obj['kind'], namespace)}/{quote(metadata['name'])}"

    # Calls

    def get(self, path: str, params: Params | None = None) -> Object:
        """GET any path and parse the JSON."""
        return self._json("GET", path, params=params)

    def get_object(self, obj: Mapping[str, Any]) -> Object:
        """The live state of an object."""
        return self.get(self.object_path(obj))

    def list(
        self,
        api_version: str,
        kind: str,
        namespace: str | None = None,
        *,
        labels: str = "",
        fields: str = "",
    ) -> Objects:
        """All objects of a kind that match the label and field selectors."""
        params: dict[str, str] = {}
        if labels:
            params["labelSelector"] = labels
        if fields:
            params["fieldSelector"] = fields
        answer = self.get(self.collection_path(api_version, kind, namespace), params)
        return [{"apiVersion": api_version, "kind": kind, **item} for item in answer.get("items") or []]

    def create(
        self, obj: Mapping[str, Any], *, field_manager: str, dry_run: bool = False, strict: bool = True
    ) -> Object:
        """POST an object and return what the server made of it."""
        namespace = (obj.get("metadata") or {}).get("namespace") or self.namespace
        path = self.collection_path(obj["apiVersion"], obj["kind"], namespace)
        return self._json("POST", path, params=_write(field_manager, dry_run, strict), body=obj)

    def apply(
        self,
        obj: Mapping[str, Any],
        *,
        field_manager: str,
        force: bool = False,
        dry_run: bool = False,
        strict: bool = True,
    ) -> Object:
        """Server-side apply. Raises ApiError with `conflict` when another manager owns a field."""
        params = {**_write(field_manager, dry_run, strict), "force": force}
        return self._json("PATCH", self.object_path(obj), params=params, body=obj, content_type=APPLY)

    def patch(
        self,
        path: str,
        body: Any,
        *,
        content_type: str = STRATEGIC_PATCH,
        params: Params | None = None,
    ) -> Object:
        """PATCH any path; content_type is one of the constants of this module."""
        return self._json("PATCH", path, params=params, body=body, content_type=content_type)

    def replace(
        self, obj: Mapping[str, Any], *, field_manager: str, dry_run: bool = False, strict: bool = True
    ) -> Object:
        """PUT a whole object; with a resourceVersion in it, only if unchanged since."""
        params = _write(field_manager, dry_run, strict)
        return self._json("PUT", self.object_path(obj), params=params, body=obj)

    def post(self, path: str, body: Any, params: Params | None = None) -> Object:
        """POST to any path."""
        return self._json("POST", path, params=params, body=body)

    def delete(
        self, path: str, *, propagation: str = "", grace_seconds: int | None = None, uid: str = ""
    ) -> Object:
        """DELETE a path; propagation is Foreground, Background or Orphan, uid guards against a namesake."""
        options: Object = {"apiVersion": "v1", "kind": "DeleteOptions"}
        if propagation:
            options["propagationPolicy"] = propagation
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        if uid:
            options["preconditions"] = {"uid": uid}
        return self._json("DELETE", path, body=options)

    def watch(self, path: str, params: Params | None = None, timeout: float = 30) -> Iterator[Object]:
        """Events ({type, object}) of a collection for `timeout` seconds; ends early after `interrupt()`.

        Start from a list's `resourceVersion` to miss nothing. Raises ApiError 410 when that version is gone.
        """
        wanted = {**(params or {}), "watch": True, "timeoutSeconds": max(1, round(timeout))}
        with self.transport.stream(_url(path, wanted), timeout=timeout + 5) as lines:
            for line in lines:
                event: Object = json.loads(line)
                if event.get("type") == "ERROR":
                    raise _refusal(event.get("object") or {})
                yield event

    def logs(
        self, namespace: str, pod: str, container: str = "", tail: int = 20, *, previous: bool = False
    ) -> str:
        """The last lines of a container's log; empty where there is none yet."""
        params: dict[str, str | int | bool] = {"tailLines": tail}
        if container:
            params["container"] = container
        if previous:
            params["previous"] = True
        path = f"/api/v1/namespaces/{quote(namespace)}/pods/{quote(pod)}/log"
        try:
            return self.transport.request("GET", _url(path, params), headers={"Accept": "*/*"}).text
        except ApiError as error:
            if error.status in {400, 404}:
                return ""
            raise

    def events(self, namespace: str, kind: str, name: str, uid: str = "") -> Objects:
        """The events about an object, oldest first."""
        fields = [f"involvedObject.kind={kind}", f"involvedObject.name={name}"]
        if uid:
            fields.append(f"involvedObject.uid={uid}")
        found = self.list("v1", "Event", namespace or "default", fields=",".join(fields))
        return sorted(found, key=lambda e: str(e.get("lastTimestamp") or e.get("eventTime") or ""))

    def interrupt(self) -> None:
        """End every watch that is open, quietly, from another thread; used when a run is cancelled."""
        if self._transport is not None:
            self._transport.interrupt()

    # Underneath

    @property
    def transport(self) -> "Transport":
        """The connections; made at the first call, so that a run without calls pays nothing."""
        with self._lock:
            if self._transport is None:
                from rehearsal.providers.kubernetes.transport import Transport

                self._transport = Transport(self.access)
            return self._transport

    def _json(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Object:
        headers = {"Accept": accept}
        data = None
        if body is not None:
            headers["Content-Type"] = content_type
            data = json.dumps(body).encode()
        answer = self.transport.request(method, _url(path, params), body=data, headers=headers)
        for warning in answer.warnings:
            self.on_warning(warning)
        try:
            parsed = json.loads(answer.body)
        except ValueError as error:
            raise UnreachableError(
                f"{self.access.server} does not answer as a Kubernetes API server (no JSON at {path})"
            ) from error
        return parsed if isinstance(parsed, dict) else {"items": parsed}


def _url(path: str, params: Params | None) -> str:
    if not params:
        return path
    plain = {key: str(value).lower() if isinstance(value, bool) else value for key, value in params.items()}
    return f"{path}?{urlencode(plain)}"


def _write(field_manager: str, dry_run: bool, strict: bool) -> dict[str, str | int | bool]:  # noqa: FBT001 - private
    params: dict[str, str | int | bool] = {"fieldManager": field_manager}
    if strict:
        params["fieldValidation"] = "Strict"
    if dry_run:
        params["dryRun"] = "All"
    return params


def _refusal(status: Mapping[str, Any]) -> ApiError:
    return ApiError(
        int(status.get("code") or 500),
        str(status.get("reason") or "Unknown"),
        str(status.get("message") or "the API server gave no reason"),
        status.get("details"),
    )
