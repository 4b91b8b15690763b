"""Validation against the API server's OpenAPI v3 documents: unknown fields, wrong types, missing ones.

Finds every error of an object at once, each with its path, before anything is sent. What only the server can
judge (values, quotas, admission) is left to a dry run.
"""

import difflib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any
from urllib.parse import parse_qs, urlsplit

from rehearsal.paths import paths
from rehearsal.providers.kubernetes.apierrors import ApiError
from rehearsal.providers.kubernetes.discovery import cache_key, write_atomically
from rehearsal.providers.kubernetes.kubeconfig import Access
from rehearsal.providers.plugin.model import Failure
from rehearsal.providers.plugin.paths import Path, format_path
from rehearsal.providers.plugin.values import UNKNOWN, Secret

_LIFETIME_SECONDS = 600
_REF = "#/components/schemas/"
_DEFAULTED = {("io.k8s.api.rbac.v1.RoleRef", "apiGroup")}  # required by the document, filled in by the server
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}
_NAMES = {
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "a map",
}
_WANTED = {
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a map",
}

Schema = dict[str, Any]


class Schemas:
    """The schemas of one server, kept on disk by the hash that the server gives them."""

    def __init__(
        self, access: Access, fetch: Callable[[str], dict[str, Any]], *, folder: FilePath | None = None
    ) -> None:
        self._fetch = fetch
        self._folder = (folder or paths().cache / "kubernetes-openapi") / cache_key(access)
        self._index: dict[str, str] | None = None
        self._from_disk = False

    @property
    def may_be_old(self) -> bool:
        """Whether the list of documents is an earlier run's: the server may have others by now."""
        return self._from_disk

    def forget(self) -> None:
        """Ask the server for its list of documents again."""
        self._index, self._from_disk = None, False
        (self._folder / "index.json").unlink(missing_ok=True)

    def find(self, api_version: str, kind: str) -> tuple[Schema, dict[str, Schema]] | None:
        """The schema of a kind and those that it refers to; None where the server publishes none."""
        prefix = "apis" if "/" in api_version else "api"
        name = f"{prefix}/{api_version}"
        if name not in self._documents() and self._from_disk:
            self.forget()
        url = self._documents().get(name)
        if url is None:
            return None
        version = parse_qs(urlsplit(url).query).get("hash", ["latest"])[0][:40]
        file = self._folder / version / f"{kind}.json"
        try:
            found = json.loads(file.read_text())
        except (OSError, ValueError):
            found = _closure(self._document(url, version), api_version, kind)
            write_atomically(file, json.dumps(found).encode())
        if not found:
            return None
        return found["components"][found["root"]], found["components"]

    def _documents(self) -> dict[str, str]:
        if self._index is None:
            file = self._folder / "index.json"
            try:
                record = json.loads(file.read_text())
                fresh = time.time() - record["at"] < _LIFETIME_SECONDS
                self._index = dict(record["documents"]) if fresh else None
                self._from_disk = fresh
            except (OSError, ValueError, KeyError, TypeError):
                self._index = None
        if self._index is None:
            try:
                listed = self._fetch("/openapi/v3").get("paths") or {}
            except ApiError as error:
                if not error.not_found and error.status != 403:
                    raise
                listed = {}  # without its documents the dry run alone judges
            self._index = {name: entry["serverRelativeURL"] for name, entry in listed.items()}
            record = {"at": time.time(), "documents": self._index}
            write_atomically(self._folder / "index.json", json.dumps(record).encode())
        return self._index

    def _document(self, url: str, version: str) -> dict[str, Any]:
        file = self._folder / version / "document.json"
        try:
            return dict(json.loads(file.read_text()))
        except (OSError, ValueError):
            components = dict((self._fetch(url).get("components") or {}).get("schemas") or {})
            write_atomically(file, json.dumps(components).encode())
            return components


def _closure(components: Mapping[str, Schema], api_version: str, kind: str) -> dict[str, Any]:
    group, _, version = api_version.rpartition("/")
    wanted = {"group": group, "version": version, "kind": kind}
    root = next(
        (name for name, s in components.items() if wanted in s.get("x-kubernetes-group-version-kind", [])),
        None,
    )
    if root is None:
        return {}
    needed: dict[str, Schema] = {}
    pending = [root]
    while pending:
        name = pending.pop()
        if name not in needed and name in components:
            needed[name] = components[name]
            pending.extend(_references(components[name]))
    return {"root": root, "components": needed}


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "$ref" and isinstance(value, str):
                yield value.removeprefix(_REF)
            else:
                yield from _references(value)
    elif isinstance(schema, list):
        for item in schema:
            yield from _references(item)


def validate(value: Any, schema: Schema, components: Mapping[str, Schema]) -> list[Failure]:
    """Every field of an object that its schema refuses."""
    return list(_validate(value, schema, components, ()))


def _resolve(schema: Schema, components: Mapping[str, Schema], name: str) -> tuple[Schema, str]:
    """Follow references, alone or wrapped to carry a description; returns the last one's name too."""
    while True:
        wrapped = (part["$ref"] for part in schema.get("allOf", []) if "$ref" in part)
        reference = schema.get("$ref") or next(wrapped, None)
        if reference is None:
            return schema, name
        name = reference.removeprefix(_REF)
        schema = components.get(name, {})


def _validate(
    value: Any, schema: Schema, components: Mapping[str, Schema], path: Path, name: str = ""
) -> Iterator[Failure]:
    schema, name = _resolve(schema, components, name)
    if isinstance(value, Secret):
        value = value.value
    if value is UNKNOWN or value is None:
        return
    complaint = _complaint(value, schema)
    if complaint:
        yield Failure(format_path(path), complaint)
    elif isinstance(value, dict):
        yield from _validate_object(value, schema, components, path, name)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _validate(item, schema.get("items") or {}, components, (*path, index))


def _complaint(value: Any, schema: Schema) -> str:
    """What is wrong with a value itself, not with what it contains."""
    kind = schema.get("type")
    if (
        schema.get("x-kubernetes-int-or-string")
        or schema.get("format") == "int-or-string"
        or "oneOf" in schema
    ):
        wrong = isinstance(value, bool | list | dict)
        return f"expected a string or a number, got {_describe(value)}" if wrong else ""
    if kind is None:
        return ""
    if not isinstance(value, _TYPES.get(kind, (object,))) or (isinstance(value, bool) and kind != "boolean"):
        return f"expected {_WANTED.get(kind, kind)}, got {_describe(value)}"
    if "enum" in schema and value not in schema["enum"]:
        allowed = ", ".join(f'"{option}"' for option in schema["enum"])
        return f"expected one of {allowed}"
    return ""


def _validate_object(
    value: dict[str, Any], schema: Schema, components: Mapping[str, Schema], path: Path, name: str
) -> Iterator[Failure]:
    properties: dict[str, Schema] = schema.get("properties") or {}
    others = schema.get("additionalProperties")
    closed = bool(properties) and not others and not schema.get("x-kubernetes-preserve-unknown-fields")
    for key, item in value.items():
        if key in properties:
            yield from _validate(item, properties[key], components, (*path, key))
        elif isinstance(others, dict):
            yield from _validate(item, others, components, (*path, key))
        elif closed:
            close = difflib.get_close_matches(_camel(key), properties, n=1, cutoff=0.75)
            hint = f'; did you mean "{close[0]}"?' if close else ""
            yield Failure(format_path((*path, key)), f"unknown field{hint}")
    for key in schema.get("required") or []:
        if key not in value and (name, key) not in _DEFAULTED:
            yield Failure(format_path((*path, key)), "required, but missing")


def _camel(key: str) -> str:
    first, *rest = key.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _describe(value: Any) -> str:
    return _NAMES.get(type(value), type(value).__name__)
