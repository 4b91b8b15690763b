"""Which kinds an API server has and under which paths; kept on disk between runs.

The record is of one server and lives for ten minutes; a kind that is not in it is asked for anew, because
a CustomResourceDefinition may have brought it a moment ago.
"""

import hashlib
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rehearsal.paths import paths
from rehearsal.providers.kubernetes.apierrors import ApiError, UnknownKindError
from rehearsal.providers.kubernetes.kubeconfig import Access

_LIFETIME_SECONDS = 600
_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"

Fetch = Callable[[str, str], dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class ApiResource:
    """The REST side of a kind."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool
    verbs: frozenset[str] = frozenset()

    @property
    def prefix(self) -> str:
        """The path of its group and version."""
        return f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"


class Discovery:
    """Kinds by apiVersion and name."""

    def __init__(self, access: Access, fetch: Fetch, *, folder: Path | None = None) -> None:
        self._fetch = fetch
        self._key = cache_key(access)
        self._folder = folder or paths().cache / "kubernetes-discovery"
        self._lock = threading.Lock()
        self._kinds: dict[str, ApiResource] | None = None
        self._fetched_at = 0.0

    @property
    def cache_file(self) -> Path:
        """The record of this server."""
        return self._folder / f"{self._key}.json"

    def resource(self, api_version: str, kind: str) -> ApiResource:
        """Find a kind, asking the server again when the record does not have it. Raises UnknownKindError."""
        wanted = f"{api_version}/{kind}"
        with self._lock:
            found = self._load().get(wanted)
            if found is None and time.time() - self._fetched_at > 1:
                found = self._refresh().get(wanted)
        if found is None:
            raise UnknownKindError(api_version, kind)
        return found

    def kinds(self, api_version: str = "") -> list[ApiResource]:
        """Every known kind, of one apiVersion or of all."""
        with self._lock:
            every = list(self._load().values())
        return [r for r in every if not api_version or r.api_version == api_version]

    def has_group(self, group: str) -> bool:
        """Whether the server has any kind of an API group."""
        return any(r.api_version.rpartition("/")[0] == group for r in self.kinds())

    def forget(self) -> None:
        """Ask the server at the next question; for use after a CustomResourceDefinition has changed."""
        with self._lock:
            self._kinds = None
            self._fetched_at = 0
            self.cache_file.unlink(missing_ok=True)

    def _load(self) -> dict[str, ApiResource]:
        if self._kinds is None:
            self._kinds = self._from_disk()
        if self._kinds is None:
            return self._refresh()
        return self._kinds

    def _from_disk(self) -> dict[str, ApiResource] | None:
        try:
            record = json.loads(self.cache_file.read_text())
            if time.time() - record["at"] > _LIFETIME_SECONDS:
                return None
            self._fetched_at = record["at"]
            return {
                f"{r['api_version']}/{r['kind']}": ApiResource(**{**r, "verbs": frozenset(r["verbs"])})
                for r in record["kinds"]
            }
        except (OSError, ValueError, KeyError, TypeError):
            return None  # no record, or one of another form: the server knows

    def _refresh(self) -> dict[str, ApiResource]:
        kinds: dict[str, ApiResource] = {}
        for path in ("/apis", "/api"):  # the core group comes last and wins
            kinds.update(self._group_list(path))
        self._kinds, self._fetched_at = kinds, time.time()
        record = {
            "at": self._fetched_at,
            "kinds": [
                {
                    "api_version": r.api_version,
                    "kind": r.kind,
                    "plural": r.plural,
                    "namespaced": r.namespaced,
                    "verbs": sorted(r.verbs),
                }
                for r in kinds.values()
            ],
        }
        write_atomically(self.cache_file, json.dumps(record).encode())
        return kinds

    def _group_list(self, path: str) -> dict[str, ApiResource]:
        answer = self._fetch(path, _AGGREGATED)
        if answer.get("kind") == "APIGroupDiscoveryList":
            return _aggregated(answer)
        if path == "/api":  # a server before 1.27, or one that aggregates nothing
            versions = list(answer.get("versions") or [])
        else:
            versions = [
                v["groupVersion"] for g in answer.get("groups") or [] for v in g.get("versions") or []
            ]
        kinds: dict[str, ApiResource] = {}
        for version in versions:
            try:
                listed = self._fetch(f"{path}/{version}", "application/json")
            except ApiError as error:
                if error.transient or error.not_found:  # an aggregated API that is down hides only itself
                    continue
                raise
            for entry in listed.get("resources") or []:
                if "/" not in entry["name"]:
                    kinds |= _kind(version, entry["kind"], entry, entry["name"])
        return kinds


def _aggregated(answer: Mapping[str, Any]) -> dict[str, ApiResource]:
    kinds: dict[str, ApiResource] = {}
    for group in answer.get("items") or []:
        name = (group.get("metadata") or {}).get("name") or ""
        for version in group.get("versions") or []:
            api_version = f"{name}/{version['version']}" if name else version["version"]
            for entry in version.get("resources") or []:
                kind = (entry.get("responseKind") or {}).get("kind") or ""
                kinds |= _kind(api_version, kind, entry, entry["resource"])
    return kinds


def _kind(api_version: str, kind: str, entry: Mapping[str, Any], plural: str) -> dict[str, ApiResource]:
    found = ApiResource(
        api_version=api_version,
        kind=kind,
        plural=plural,
        namespaced=bool(entry.get("namespaced") or entry.get("scope") == "Namespaced"),
        verbs=frozenset(entry.get("verbs") or ()),
    )
    return {f"{api_version}/{kind}": found}


def cache_key(access: Access) -> str:
    """Distinguishes servers, also two that had the same address one after the other."""
    digest = hashlib.sha256(access.server.encode())
    digest.update(access.ca or b"")
    return digest.hexdigest()[:16]


def write_atomically(path: Path, content: bytes) -> None:
    """Keep a cache file; a cache that cannot be written is no error."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).replace(path)
    except OSError:
        return
