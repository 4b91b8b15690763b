"""What a resource takes and has, read from the published SDK's own source: names, types, what is required.

The sources are parsed, not imported: importing a part of the SDK takes seconds. What was found is kept as
JSON, a file a resource type, so that it is parsed once for each version of the SDK.
"""

import ast
import json
import keyword
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypedDict

SDK = "pulumi_aws"
FORM = 1
"""Raised when what is kept changes its form."""

Form = str | dict[str, Any]
"""`string`, `integer`, `number`, `boolean`, `any`; {"list": Form}, {"map": Form}, {"object": class name},
{"union": [Form, …]}."""


class Property(TypedDict):
    """One input."""

    form: Form
    required: bool


class Schema(TypedDict):
    """One resource type."""

    inputs: dict[str, Property]
    outputs: list[str]
    objects: dict[str, dict[str, Property]]
    """The classes that inputs refer to."""


_SCALARS: dict[str, Form] = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}
_WRAPPERS = frozenset({"Input", "Optional", "Awaitable", "Output"})


class Schemas:
    """Finds schemas: in memory, in the cache, in the SDK."""

    def __init__(self, sdk: Path, version: str, cache: Path) -> None:
        self._sdk = sdk
        self._folder = cache / "aws-schema" / f"{version}-{FORM}"
        self._lock = threading.Lock()
        self._found: dict[str, Schema] = {}
        self._texts: dict[Path, str] = {}

    def of(self, token: str) -> Schema:
        """The schema of a resource type; LookupError where the SDK has no such type."""
        with self._lock:
            if token not in self._found:
                self._found[token] = self._load(token)
            return self._found[token]

    def _load(self, token: str) -> Schema:
        file = self._folder / (re.sub(r"\W+", "-", token) + ".json")
        try:
            kept: Schema = json.loads(file.read_text())
        except (OSError, ValueError):
            kept = self._parse(token)
            file.parent.mkdir(parents=True, exist_ok=True)
            partial = file.with_suffix(f".{os.getpid()}")
            partial.write_text(json.dumps(kept))
            partial.replace(file)
        return kept

    def _parse(self, token: str) -> Schema:
        source = self._source(token)
        name = token.rpartition(":")[2]
        # `…InitArgs` where a nested type has taken the name.
        init = f"{name}InitArgs" if f"\nclass {name}InitArgs:" in source.text else f"{name}Args"
        inputs = _arguments(_class_in(source.text, init))
        outputs = [prop for prop, _ in _getters(_class_in(source.text, name))]
        objects: dict[str, dict[str, Property]] = {}
        waiting = [*_referred(inputs)]
        while waiting:
            wanted = waiting.pop()
            if wanted not in objects:
                objects[wanted] = self._object(source.folder, wanted)
                waiting += _referred(objects[wanted])
        return {"inputs": inputs, "outputs": outputs, "objects": objects}

    def _source(self, token: str) -> "_Source":
        _, place, name = token.split(":")
        module, _, file = place.partition("/")
        package = f"{module}_" if keyword.iskeyword(module) else module
        folder = self._sdk if module == "index" or not file else self._sdk / package
        mark = f'@pulumi.type_token("{token}")'
        likely = folder / (re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower() + ".py")
        for path in (likely, *sorted(folder.glob("*.py"))):
            if path.exists() and mark in (text := self._text(path)):
                return _Source(folder, text)
        raise LookupError(f"pulumi-aws has no resource type {token}")

    def _object(self, folder: Path, name: str) -> dict[str, Property]:
        for path in (folder / "_inputs.py", self._sdk / "_inputs.py", self._sdk / "iam" / "_inputs.py"):
            if path.exists() and f"\nclass {name}:" in (text := self._text(path)):
                return _arguments(_class_in(text, name))
        return {}

    def _text(self, path: Path) -> str:
        if path not in self._texts:
            self._texts[path] = path.read_text()
        return self._texts[path]


class _Source:
    def __init__(self, folder: Path, text: str) -> None:
        self.folder = folder
        self.text = text


def _class_in(text: str, name: str) -> ast.ClassDef:
    """One class of a long file: only its own lines are parsed."""
    found = re.search(rf"^class {name}\b.*?(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise LookupError(f"no class {name} in the SDK")
    parsed = ast.parse(found.group()).body[0]
    assert isinstance(parsed, ast.ClassDef)  # noqa: S101 - the pattern begins with `class`
    return parsed


def _getters(parsed: ast.ClassDef) -> Iterator[tuple[str, str]]:
    """(camelCase name, Python name) of every property."""
    for node in parsed.body:
        if not isinstance(node, ast.FunctionDef):
            continue
        for decorator in node.decorator_list:
            if ast.unparse(decorator).startswith("pulumi.getter"):
                named = decorator.keywords if isinstance(decorator, ast.Call) else []
                value = next((k.value for k in named if k.arg == "name"), None)
                yield (str(value.value) if isinstance(value, ast.Constant) else node.name, node.name)


def _arguments(parsed: ast.ClassDef) -> dict[str, Property]:
    camel = {python: name for name, python in _getters(parsed)}
    init = next((n for n in parsed.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
    found: dict[str, Property] = {}
    if init is None:
        return found
    for argument, default in zip(init.args.kwonlyargs, init.args.kw_defaults, strict=True):
        if argument.annotation is not None:
            name = camel.get(argument.arg, argument.arg)
            found[name] = {"form": _form(argument.annotation), "required": default is None}
    return found


def _form(node: ast.expr) -> Form:
    match node:
        case ast.Constant(value=str(name)):  # a class further down, or in another module
            return {"object": name.rpartition(".")[2]} if name.endswith("Args") else "string"
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return _SCALARS.get(name, "any")
        case ast.Subscript(value=outer, slice=inner):
            return _generic(ast.unparse(outer).rpartition(".")[2], inner)
        case _:
            return "any"


def _generic(name: str, inner: ast.expr) -> Form:
    parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
    if name in _WRAPPERS:
        return _form(parts[0])
    if name in {"Sequence", "List"}:
        return {"list": _form(parts[0])}
    if name in {"Mapping", "Dict"}:
        return {"map": _form(parts[1])}
    if name == "Union":
        forms: list[Form] = []
        for form in map(_form, parts):
            if form not in forms:
                forms.append(form)
        return forms[0] if len(forms) == 1 else {"union": forms}
    return "any"


def _referred(properties: dict[str, Property]) -> Iterator[str]:
    for prop in properties.values():
        yield from _names(prop["form"])


def _names(form: Form) -> Iterator[str]:
    if isinstance(form, str):
        return
    for key, value in form.items():
        if key == "object":
            yield value
        elif key == "union":
            for one in value:
                yield from _names(one)
        else:
            yield from _names(value)
